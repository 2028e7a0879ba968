//! Shapes of activations, and how each layer changes them.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{LayerSpec, LayerSummary, Padding};
use crate::{RuntimeError, limits};

/// Shape of one example, without the batch axis.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Shape {
    /// `[size]`
    Features {
        /// Numbers in one example.
        size: usize,
    },
    /// `[channels, height, width]`
    Image {
        /// 1 for grey, 3 for colour.
        channels: usize,
        /// Rows.
        height: usize,
        /// Columns.
        width: usize,
    },
    /// `[length]` token numbers below `vocabulary`.
    Tokens {
        /// Number of different tokens.
        vocabulary: usize,
        /// Tokens in one example.
        length: usize,
    },
    /// `[length, dimension]`
    Sequence {
        /// Positions.
        length: usize,
        /// Width of each vector.
        dimension: usize,
    },
}

impl Shape {
    /// Sides, outermost first.
    pub fn sides(&self) -> Vec<usize> {
        match *self {
            Self::Features { size } => vec![size],
            Self::Image { channels, height, width } => vec![channels, height, width],
            Self::Tokens { length, .. } => vec![length],
            Self::Sequence { length, dimension } => vec![length, dimension],
        }
    }

    /// Values in one example.
    pub fn len(&self) -> usize {
        match *self {
            Self::Features { size } => size,
            Self::Image { channels, height, width } => {
                channels.saturating_mul(height).saturating_mul(width)
            }
            Self::Tokens { length, .. } => length,
            Self::Sequence { length, dimension } => length.saturating_mul(dimension),
        }
    }

    /// Whether an example has no values; never true for a shape that passed [`Shape::check`].
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Errors if a side is zero or beyond [`limits::MAX_DIMENSION`].
    pub fn check(&self) -> Result<(), RuntimeError> {
        let sides: Vec<(&str, usize)> = match *self {
            Self::Features { size } => vec![("input size", size)],
            Self::Image { channels, height, width } => {
                vec![("input channels", channels), ("input height", height), ("input width", width)]
            }
            Self::Tokens { vocabulary, length } => {
                vec![("input vocabulary", vocabulary), ("input length", length)]
            }
            Self::Sequence { length, dimension } => {
                vec![("input length", length), ("input dimension", dimension)]
            }
        };
        for (name, side) in sides {
            if side == 0 || side > limits::MAX_DIMENSION {
                return Err(RuntimeError::bounds(
                    name,
                    side,
                    format!("1 to {}", limits::MAX_DIMENSION),
                ));
            }
        }
        if self.len() > limits::MAX_DATA_VALUES {
            return Err(RuntimeError::bounds(
                "values in one example",
                self.len(),
                format!("at most {}", limits::MAX_DATA_VALUES),
            ));
        }
        Ok(())
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Features { size } => write!(f, "[{size}]"),
            Self::Image { channels, height, width } => write!(f, "[{channels}, {height}, {width}]"),
            Self::Tokens { length, .. } => write!(f, "[{length} tokens]"),
            Self::Sequence { length, dimension } => write!(f, "[{length}, {dimension}]"),
        }
    }
}

/// Runs a shape through `layers`, adding a summary row for each.
pub(super) fn walk(
    layers: &[LayerSpec],
    mut shape: Shape,
    prefix: &str,
    depth: usize,
    summary: &mut Vec<LayerSummary>,
) -> Result<Shape, RuntimeError> {
    if depth > limits::MAX_NESTING {
        return Err(RuntimeError::bounds(
            format!("nesting of layer {}", prefix.trim_end_matches('.')),
            depth,
            format!("at most {}", limits::MAX_NESTING),
        ));
    }
    for (i, layer) in layers.iter().enumerate() {
        if summary.len() >= limits::MAX_LAYERS {
            let expected = format!("at most {}", limits::MAX_LAYERS);
            return Err(RuntimeError::bounds("number of layers", "larger", expected));
        }
        let place = Place { position: format!("{prefix}{i}"), kind: layer.kind() };
        let (output, parameters) = if let LayerSpec::Residual { layers } = layer {
            let inner =
                walk(layers, shape.clone(), &format!("{}.", place.position), depth + 1, summary)?;
            if inner != shape {
                return Err(place.mismatch(format!("a block that keeps {shape}"), &inner));
            }
            (shape, 0)
        } else {
            place.step(layer, &shape)?
        };
        shape = output;
        if shape.len() > limits::MAX_DATA_VALUES {
            return Err(place.bad(format!("its output {shape} has too many values for a tab")));
        }
        summary.push(LayerSummary {
            position: place.position,
            kind: place.kind.into(),
            output: shape.clone(),
            parameters,
        });
    }
    Ok(shape)
}

struct Place {
    position: String,
    kind: &'static str,
}

impl Place {
    fn bad(&self, reason: impl Into<String>) -> RuntimeError {
        RuntimeError::BadLayer {
            layer: self.position.clone(),
            kind: self.kind.into(),
            reason: reason.into(),
        }
    }

    fn mismatch(&self, expected: impl Into<String>, found: &Shape) -> RuntimeError {
        RuntimeError::ShapeMismatch {
            layer: self.position.clone(),
            kind: self.kind.into(),
            expected: expected.into(),
            found: found.to_string(),
        }
    }

    /// `value` must be in 1..=[`limits::MAX_DIMENSION`].
    fn positive(&self, name: &str, value: usize) -> Result<(), RuntimeError> {
        if value == 0 || value > limits::MAX_DIMENSION {
            let limit = limits::MAX_DIMENSION;
            return Err(self.bad(format!("{name} is {value}, but must be 1 to {limit}")));
        }
        Ok(())
    }

    /// Output shape and trainable numbers of one layer.
    fn step(&self, layer: &LayerSpec, shape: &Shape) -> Result<(Shape, u64), RuntimeError> {
        const IMAGE: &str = "an image [channels, height, width]";
        const SEQUENCE: &str = "a sequence [length, dimension]";
        if matches!(shape, Shape::Tokens { .. }) && !matches!(layer, LayerSpec::Embedding { .. }) {
            return Err(self.mismatch("numbers, so put an embedding first", shape));
        }
        Ok(match *layer {
            LayerSpec::Dense { units } => {
                self.positive("units", units)?;
                let (output, width) = match *shape {
                    Shape::Features { size } => (Shape::Features { size: units }, size),
                    Shape::Sequence { length, dimension } => {
                        (Shape::Sequence { length, dimension: units }, dimension)
                    }
                    _ => {
                        return Err(self.mismatch(
                            "[size] or [length, dimension]; put a flatten before it",
                            shape,
                        ));
                    }
                };
                (output, (width as u64 + 1) * units as u64)
            }
            LayerSpec::Conv2d { channels: out, kernel, stride, padding, groups } => {
                let Shape::Image { channels, height, width } = *shape else {
                    return Err(self.mismatch(IMAGE, shape));
                };
                for (name, value) in
                    [("channels", out), ("kernel", kernel), ("stride", stride), ("groups", groups)]
                {
                    self.positive(name, value)?;
                }
                if !channels.is_multiple_of(groups) || !out.is_multiple_of(groups) {
                    return Err(self.bad(format!(
                        "groups is {groups}, but must divide both {channels} and {out} channels"
                    )));
                }
                let side = |side: usize| match padding {
                    Padding::Same if kernel.is_multiple_of(2) => Err(self
                        .bad(format!("kernel is {kernel}, but padding \"same\" needs an odd one"))),
                    Padding::Same => Ok(side.div_ceil(stride)),
                    Padding::Valid if kernel > side => {
                        Err(self.mismatch(format!("at least {kernel} rows and columns"), shape))
                    }
                    Padding::Valid => Ok((side - kernel) / stride + 1),
                };
                let output =
                    Shape::Image { channels: out, height: side(height)?, width: side(width)? };
                let weights = (channels / groups) as u64 * (kernel as u64).pow(2);
                (output, (weights + 1).saturating_mul(out as u64))
            }
            LayerSpec::MaxPool2d { size } | LayerSpec::AvgPool2d { size } => {
                let Shape::Image { channels, height, width } = *shape else {
                    return Err(self.mismatch(IMAGE, shape));
                };
                self.positive("size", size)?;
                if height < size || width < size {
                    return Err(self.mismatch(format!("at least {size} rows and columns"), shape));
                }
                (Shape::Image { channels, height: height / size, width: width / size }, 0)
            }
            LayerSpec::GlobalAvgPool => match *shape {
                Shape::Image { channels, .. } => (Shape::Features { size: channels }, 0),
                Shape::Sequence { dimension, .. } => (Shape::Features { size: dimension }, 0),
                _ => return Err(self.mismatch("an image or a sequence", shape)),
            },
            LayerSpec::Flatten => (Shape::Features { size: shape.len() }, 0),
            LayerSpec::Activation { .. } => (shape.clone(), 0),
            LayerSpec::Dropout { rate } => {
                if !(0.0..1.0).contains(&rate) {
                    return Err(
                        self.bad(format!("rate is {rate}, but must be at least 0 and below 1"))
                    );
                }
                (shape.clone(), 0)
            }
            LayerSpec::BatchNorm => match *shape {
                Shape::Features { size: n } | Shape::Image { channels: n, .. } => {
                    (shape.clone(), 2 * n as u64)
                }
                _ => return Err(self.mismatch("features or an image", shape)),
            },
            LayerSpec::LayerNorm => match *shape {
                Shape::Features { size: n } | Shape::Sequence { dimension: n, .. } => {
                    (shape.clone(), 2 * n as u64)
                }
                _ => return Err(self.mismatch("features or a sequence", shape)),
            },
            LayerSpec::GroupNorm { groups } => {
                let Shape::Image { channels, .. } = *shape else {
                    return Err(self.mismatch(IMAGE, shape));
                };
                if groups == 0 || !channels.is_multiple_of(groups) {
                    return Err(self
                        .bad(format!("groups is {groups}, but must divide {channels} channels")));
                }
                (shape.clone(), 2 * channels as u64)
            }
            LayerSpec::Embedding { dimension } => {
                let Shape::Tokens { vocabulary, length } = *shape else {
                    return Err(self.mismatch("tokens", shape));
                };
                self.positive("dimension", dimension)?;
                let rows = vocabulary as u64 + length as u64;
                (Shape::Sequence { length, dimension }, rows.saturating_mul(dimension as u64))
            }
            LayerSpec::TransformerBlock { heads, hidden, .. } => {
                let Shape::Sequence { dimension, .. } = *shape else {
                    return Err(self.mismatch(SEQUENCE, shape));
                };
                self.positive("hidden", hidden)?;
                if heads == 0 || !dimension.is_multiple_of(heads) {
                    return Err(self.bad(format!(
                        "heads is {heads}, but must divide the dimension {dimension}"
                    )));
                }
                let (n, h) = (dimension as u64, hidden as u64);
                let attention = 4 * n * (n + 1);
                let mlp = h * (n + 1) + n * (h + 1);
                (shape.clone(), attention + mlp + 4 * n)
            }
            LayerSpec::Residual { .. } => (shape.clone(), 0),
        })
    }
}
