//! Names and shapes of a model's parameters, as its parameter file has them.

use super::{Body, LayerSpec, ModelSpec, Shape};
use crate::RuntimeError;

impl ModelSpec {
    /// The tensors of the parameter file: each name with its sides, outermost first, in the order of the layers. Fully
    /// connected weights are `[inputs, outputs]`, those of convolutions `[outputs, inputs ÷ groups, rows, columns]`.
    ///
    /// # Errors
    /// As [`ModelSpec::validate`].
    pub fn parameters(&self) -> Result<Vec<(String, Vec<usize>)>, RuntimeError> {
        self.validate()?;
        let mut all = Vec::new();
        match &self.body {
            Body::Layers(layers) => list(layers, self.input.clone(), "layers", &mut all)?,
            Body::Graph(graph) => all = graph.parameter_shapes(),
            Body::Painter(painter) => all = painter.parameter_shapes(),
        }
        Ok(all)
    }
}

type Named = Vec<(String, Vec<usize>)>;

fn list(
    layers: &[LayerSpec],
    mut shape: Shape,
    prefix: &str,
    all: &mut Named,
) -> Result<(), RuntimeError> {
    for (place, layer) in layers.iter().enumerate() {
        let path = format!("{prefix}.{place}");
        let mut add = |name: &str, sides: &[usize]| {
            all.push((format!("{path}.{name}"), sides.to_vec()));
        };
        let output = layer.output(&shape)?;
        // Channels of an image, else the last side.
        let width = match shape {
            Shape::Image { channels, .. } => channels,
            Shape::Sequence { dimension, .. } => dimension,
            ref shape => shape.len(),
        };
        match layer {
            LayerSpec::Dense { units } => {
                add("weight", &[width, *units]);
                add("bias", &[*units]);
            }
            LayerSpec::Conv2d { channels, kernel, groups, .. } => {
                add("weight", &[*channels, width / groups, *kernel, *kernel]);
                add("bias", &[*channels]);
            }
            LayerSpec::BatchNorm => {
                for name in ["gamma", "beta", "running_mean", "running_var"] {
                    add(name, &[width]);
                }
            }
            LayerSpec::LayerNorm | LayerSpec::GroupNorm { .. } => {
                add("gamma", &[width]);
                add("beta", &[width]);
            }
            LayerSpec::Embedding { dimension } => {
                if let Shape::Tokens { vocabulary, length } = shape {
                    add("token.weight", &[vocabulary, *dimension]);
                    add("position.weight", &[length, *dimension]);
                }
            }
            LayerSpec::TransformerBlock { hidden, .. } => {
                for name in ["attention_norm", "mlp_norm"] {
                    add(&format!("{name}.gamma"), &[width]);
                    add(&format!("{name}.beta"), &[width]);
                }
                for name in ["query", "key", "value", "output"] {
                    add(&format!("attention.{name}.weight"), &[width, width]);
                    add(&format!("attention.{name}.bias"), &[width]);
                }
                for (name, inputs, outputs) in
                    [("expand", width, *hidden), ("contract", *hidden, width)]
                {
                    add(&format!("{name}.weight"), &[inputs, outputs]);
                    add(&format!("{name}.bias"), &[outputs]);
                }
            }
            LayerSpec::Residual { layers } => {
                list(layers, shape.clone(), &format!("{path}.layers"), all)?;
            }
            LayerSpec::MaxPool2d { .. }
            | LayerSpec::AvgPool2d { .. }
            | LayerSpec::GlobalAvgPool
            | LayerSpec::Flatten
            | LayerSpec::Activation { .. }
            | LayerSpec::Dropout { .. } => {}
        }
        shape = output;
    }
    Ok(())
}
