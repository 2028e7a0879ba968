//! A model as data: a validated list of layers, or a graph of operators, with shapes, parameter counts and memory
//! worked out before anything is built.

use serde::{Deserialize, Serialize};

use crate::{RuntimeError, content::Digest, graph::Graph, limits, studio::Painter};

mod parameters;
mod shape;
pub use shape::Shape;

/// A model: what goes in, what is done with it, what comes out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct ModelSpec {
    /// Shape of one example.
    pub input: Shape,
    /// What is done with it.
    pub body: Body,
    /// What the output means.
    pub task: Task,
}

/// The network itself.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// Layers, in order.
    Layers(Vec<LayerSpec>),
    /// A graph of operators, as an uploaded model has it: one input, whose first side is the batch, and one output.
    Graph(Box<Graph>),
    /// A diffusion transformer, or an adapter of one: prompts in, pictures out.
    Painter(Box<Painter>),
}

/// A spec as JSON has it: with one of `layers`, `graph` and `painter`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    input: Shape,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    layers: Option<Vec<LayerSpec>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    graph: Option<Box<Graph>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    painter: Option<Box<Painter>>,
    task: Task,
}

impl TryFrom<Written> for ModelSpec {
    type Error = &'static str;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        let Written { input, layers, graph, painter, task } = written;
        let body = match (layers, graph, painter) {
            (Some(layers), None, None) => Body::Layers(layers),
            (None, Some(graph), None) => Body::Graph(graph),
            (None, None, Some(painter)) => Body::Painter(painter),
            _ => return Err("a spec has layers, a graph or a painter"),
        };
        Ok(Self { input, body, task })
    }
}

impl From<ModelSpec> for Written {
    fn from(spec: ModelSpec) -> Self {
        let ModelSpec { input, body, task } = spec;
        let written = Self { input, layers: None, graph: None, painter: None, task };
        match body {
            Body::Layers(layers) => Self { layers: Some(layers), ..written },
            Body::Graph(graph) => Self { graph: Some(graph), ..written },
            Body::Painter(painter) => Self { painter: Some(painter), ..written },
        }
    }
}

/// What the output of a model means, and so which loss trains it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Task {
    /// One logit a class; softmax cross-entropy.
    Classification {
        /// Names of the classes, in the order of the logits.
        classes: Vec<String>,
    },
    /// One number an output; mean squared error.
    Regression {
        /// Names of the outputs.
        outputs: Vec<String>,
    },
    /// At each position of a text, one logit for each token that may come next; softmax cross-entropy, averaged over the
    /// positions.
    NextToken {
        /// The tokens, in the order of their numbers.
        tokens: Vec<String>,
    },
    /// The input itself, flattened; mean squared error.
    Reconstruction,
    /// A picture, painted from noise by a prompt; mean squared error of the speed at which noise becomes it.
    Painting {
        /// Numbers of a pixel: red, green, blue times alpha, and alpha, in [-1, 1].
        channels: usize,
        /// Pixels of a side.
        side: usize,
    },
}

impl Task {
    /// Shape of the output that this task needs for an example of shape `input`.
    pub fn output(&self, input: &Shape) -> Shape {
        match self {
            Self::Classification { classes } => Shape::Features { size: classes.len() },
            Self::Regression { outputs } => Shape::Features { size: outputs.len() },
            Self::NextToken { tokens } => {
                Shape::Sequence { length: input.len(), dimension: tokens.len() }
            }
            Self::Reconstruction => Shape::Features { size: input.len() },
            Self::Painting { channels, side } => {
                Shape::Image { channels: *channels, height: *side, width: *side }
            }
        }
    }

    /// Whether the outputs are logits, of which the softmax is taken.
    pub fn is_discrete(&self) -> bool {
        matches!(self, Self::Classification { .. } | Self::NextToken { .. })
    }

    /// Errors if there are no outputs, too many, or some that do not suit the input.
    fn check(&self, input: &Shape) -> Result<(), RuntimeError> {
        let (count, most) = match self {
            Self::Classification { classes } => (classes.len(), limits::MAX_CLASSES),
            Self::Regression { outputs } => (outputs.len(), limits::MAX_CLASSES),
            Self::NextToken { tokens } => (tokens.len(), limits::MAX_DIMENSION),
            Self::Reconstruction => (input.len(), limits::MAX_DIMENSION),
            Self::Painting { .. } => (self.output(input).len(), limits::MAX_PICTURE),
        };
        if count == 0 || count > most {
            return Err(RuntimeError::bounds("number of outputs", count, format!("1 to {most}")));
        }
        let suits = match (self, input) {
            (Self::NextToken { tokens }, Shape::Tokens { vocabulary, .. }) => {
                *vocabulary == tokens.len()
            }
            (Self::NextToken { .. }, _) | (Self::Reconstruction, Shape::Tokens { .. }) => false,
            _ => true,
        };
        match suits {
            true => Ok(()),
            false => Err(RuntimeError::bounds(
                "the input",
                input,
                "what the task can predict: tokens for the next token, numbers for a reconstruction",
            )),
        }
    }
}

/// One layer. Shapes are those of one example, without the batch axis.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum LayerSpec {
    /// y = x·W + b over the last axis: features `[n]` or sequence `[t, n]`.
    Dense {
        /// Output width.
        units: usize,
    },
    /// 2-D convolution over an image `[c, h, w]`.
    Conv2d {
        /// Output channels.
        channels: usize,
        /// Side of the square kernel.
        kernel: usize,
        /// Step of the kernel.
        #[serde(default = "one")]
        stride: usize,
        /// Zero padding.
        #[serde(default)]
        padding: Padding,
        /// Channel groups; equal to the channels for a depth-wise convolution.
        #[serde(default = "one")]
        groups: usize,
    },
    /// Largest value of each square window.
    MaxPool2d {
        /// Side of the window, and its step.
        size: usize,
    },
    /// Mean of each square window.
    AvgPool2d {
        /// Side of the window, and its step.
        size: usize,
    },
    /// Mean over height and width: `[c, h, w]` to `[c]`; over time: `[t, n]` to `[n]`.
    GlobalAvgPool,
    /// Any shape to `[n]`.
    Flatten,
    /// An elementwise function.
    Activation {
        /// Which.
        function: Activation,
    },
    /// Batch normalisation over channels or features (Ioffe and Szegedy 2015, arXiv 1502.03167).
    BatchNorm,
    /// Layer normalisation over the last axis (Ba et al. 2016, arXiv 1607.06450).
    LayerNorm,
    /// Group normalisation over an image's channels (Wu and He 2018, arXiv 1803.08494).
    GroupNorm {
        /// Groups that the channels are divided into.
        groups: usize,
    },
    /// Zeroes a share of the values while training.
    Dropout {
        /// The share, in [0, 1).
        rate: f32,
    },
    /// Tokens `[t]` to vectors `[t, n]`, with a learned position vector added.
    Embedding {
        /// Vector width n.
        dimension: usize,
    },
    /// Pre-norm transformer block over `[t, n]`: attention and a GELU MLP, both residual.
    TransformerBlock {
        /// Attention heads; must divide n.
        heads: usize,
        /// Width of the MLP.
        hidden: usize,
        /// Whether a position sees only itself and earlier ones.
        #[serde(default)]
        causal: bool,
    },
    /// x + f(x), where f keeps the shape.
    Residual {
        /// The layers of f.
        layers: Vec<LayerSpec>,
    },
}

fn one() -> usize {
    1
}

/// Zero padding of a convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Padding {
    /// Output side = input side ÷ stride, rounded up; the kernel must be odd.
    #[default]
    Same,
    /// No padding.
    Valid,
}

/// Elementwise functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// max(0, x)
    Relu,
    /// max(0.01·x, x)
    LeakyRelu,
    /// x·Φ(x), with erf
    Gelu,
    /// x·sigmoid(x)
    Silu,
    /// Hyperbolic tangent
    Tanh,
    /// 1 ÷ (1 + e^−x)
    Sigmoid,
}

impl LayerSpec {
    /// The name used in specs and messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Dense { .. } => "dense",
            Self::Conv2d { .. } => "conv2d",
            Self::MaxPool2d { .. } => "max_pool2d",
            Self::AvgPool2d { .. } => "avg_pool2d",
            Self::GlobalAvgPool => "global_avg_pool",
            Self::Flatten => "flatten",
            Self::Activation { .. } => "activation",
            Self::BatchNorm => "batch_norm",
            Self::LayerNorm => "layer_norm",
            Self::GroupNorm { .. } => "group_norm",
            Self::Dropout { .. } => "dropout",
            Self::Embedding { .. } => "embedding",
            Self::TransformerBlock { .. } => "transformer_block",
            Self::Residual { .. } => "residual",
        }
    }
}

impl LayerSpec {
    /// Shape of one example after this layer.
    ///
    /// # Errors
    /// If the layer cannot take `input`.
    pub fn output(&self, input: &Shape) -> Result<Shape, RuntimeError> {
        shape::walk(std::slice::from_ref(self), input.clone(), "", 0, &mut Vec::new())
    }
}

/// One row of a model's summary, as a page shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LayerSummary {
    /// Position, as in `3` or `3.1`.
    pub position: String,
    /// The layer's type.
    pub kind: String,
    /// Shape of one example after the layer.
    pub output: Shape,
    /// Trainable numbers of the layer.
    pub parameters: u64,
}

impl Body {
    /// The layers, where it has some.
    pub fn layers(&self) -> &[LayerSpec] {
        match self {
            Self::Layers(layers) => layers,
            Self::Graph(_) | Self::Painter(_) => &[],
        }
    }
}

impl ModelSpec {
    /// Parses JSON and validates.
    ///
    /// # Errors
    /// [`RuntimeError::BadFile`] for JSON that is no spec (an unknown layer is named), else as
    /// [`ModelSpec::validate`].
    pub fn from_json(json: &str) -> Result<Self, RuntimeError> {
        let spec: Self = serde_json::from_str(json)
            .map_err(|error| RuntimeError::file("model spec", error.to_string()))?;
        spec.validate()?;
        Ok(spec)
    }

    /// Checks every layer against the shape it gets, or the graph by itself, and what comes out against the task.
    ///
    /// # Errors
    /// The first layer or node that cannot be, by position and type, with both shapes.
    pub fn validate(&self) -> Result<(), RuntimeError> {
        self.input.check()?;
        self.task.check(&self.input)?;
        match &self.body {
            Body::Layers(_) => self.summary().map(drop),
            Body::Graph(graph) => graph.validate_for(&self.input),
            Body::Painter(painter) => painter.validate_for(&self.input, &self.task),
        }
    }

    /// The layers with their shapes; none for a graph, whose nodes say themselves what they are, or a painter.
    ///
    /// # Errors
    /// The first layer that cannot be.
    pub fn summary(&self) -> Result<Vec<LayerSummary>, RuntimeError> {
        let Body::Layers(layers) = &self.body else { return Ok(Vec::new()) };
        let mut summary = Vec::new();
        let last = shape::walk(layers, self.input.clone(), "", 0, &mut summary)?;
        let needed = self.output();
        if last != needed {
            return Err(RuntimeError::ShapeMismatch {
                layer: layers.len().to_string(),
                kind: "output".into(),
                expected: format!("{needed}, as the task has {} outputs", needed.len()),
                found: last.to_string(),
            });
        }
        Ok(summary)
    }

    /// Shape of one example's output.
    pub fn output(&self) -> Shape {
        self.task.output(&self.input)
    }

    /// Values that belong together: those of one example, or of one of its positions.
    pub fn columns(&self) -> usize {
        match self.output() {
            Shape::Sequence { dimension, .. } => dimension,
            output => output.len(),
        }
    }

    /// Trainable numbers in the whole model.
    ///
    /// # Errors
    /// As [`ModelSpec::validate`].
    pub fn parameter_count(&self) -> Result<u64, RuntimeError> {
        match &self.body {
            Body::Layers(_) => Ok(self.summary()?.iter().map(|layer| layer.parameters).sum()),
            Body::Graph(graph) => graph.parameter_count(),
            Body::Painter(painter) => Ok(painter.parameter_count()),
        }
    }

    /// Digest of the parameter file of the network that this one adapts, if it does.
    pub fn base(&self) -> Option<Digest> {
        match &self.body {
            Body::Painter(painter) => painter.base(),
            _ => None,
        }
    }

    /// Estimated bytes that training takes at `batch` examples a step: parameters, gradients, two
    /// moments and the copy being saved (5 × 4 bytes each), what an adapter adapts, and every activation with
    /// its gradient and one temporary (3 × 4 bytes a value).
    ///
    /// # Errors
    /// As [`ModelSpec::validate`].
    pub fn training_bytes(&self, batch: usize) -> Result<u64, RuntimeError> {
        let values: u64 = match &self.body {
            Body::Layers(_) => self.summary()?.iter().map(|layer| layer.output.len() as u64).sum(),
            Body::Graph(graph) => graph.values(),
            Body::Painter(painter) => painter.values(),
        };
        let values = values.saturating_add(self.input.len() as u64);
        let activations = values.saturating_mul(batch as u64).saturating_mul(12);
        let base = match &self.body {
            Body::Painter(painter) => painter.base_bytes(),
            _ => 0,
        };
        let trained = self.parameter_count()?.saturating_mul(20);
        Ok(trained.saturating_add(base).saturating_add(activations))
    }

    /// Refuses a model whose training would not fit, before building it.
    ///
    /// # Errors
    /// [`RuntimeError::OutOfMemory`] with the estimate and the limit; else as `validate`.
    pub fn check_memory(&self, batch: usize) -> Result<(), RuntimeError> {
        let needed = self.training_bytes(batch)?;
        if needed <= limits::MAX_TRAINING_BYTES {
            return Ok(());
        }
        Err(RuntimeError::OutOfMemory {
            needed_mib: needed >> 20,
            limit_mib: limits::MAX_TRAINING_BYTES >> 20,
        })
    }
}

#[cfg(test)]
mod tests;
