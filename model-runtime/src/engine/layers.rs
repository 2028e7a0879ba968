//! A list of layers, built into a Burn module.

use burn::{
    module::Module,
    nn::{
        BatchNorm, BatchNormConfig, Embedding, EmbeddingConfig, GroupNorm, GroupNormConfig,
        Initializer, LayerNorm, LayerNormConfig, Linear, LinearConfig, PaddingConfig2d,
        attention::{
            MhaInput, MultiHeadAttention, MultiHeadAttentionConfig, generate_autoregressive_mask,
        },
        conv::{Conv2d, Conv2dConfig},
    },
    tensor::{
        Device, Int, Tensor, TensorData, activation,
        module::{avg_pool2d, max_pool2d},
        ops::{AvgPoolOptions, MaxPoolOptions},
    },
};

use super::{convolution, gelu::gelu, linear::linear};
use crate::{
    RuntimeError,
    rng::Random,
    spec::{Activation, LayerSpec, Padding, Shape},
};

/// Zeros, as a constant: what Burn makes of `Initializer::Zeros` is in memory twice for a moment.
pub(super) const BLANK: Initializer = Initializer::Constant { value: 0.0 };

/// Layers in order.
#[derive(Module, Debug)]
pub struct Layers {
    layers: Vec<Layer>,
}

/// A batch of activations.
#[derive(Debug, Clone)]
enum Value {
    /// `[batch, size]`
    Features(Tensor<2>),
    /// `[batch, length, dimension]`
    Sequence(Tensor<3>),
    /// `[batch, channels, height, width]`
    Image(Tensor<4>),
    /// `[batch, length]`
    Tokens(Tensor<2, Int>),
}

impl Value {
    /// A batch of host values, `shape` being that of one example.
    fn from_host(values: Vec<f32>, shape: &Shape, device: &Device) -> Self {
        let batch = values.len() / shape.len().max(1);
        match *shape {
            Shape::Features { size } => {
                Self::Features(Tensor::from_data(TensorData::new(values, [batch, size]), device))
            }
            Shape::Image { channels, height, width } => Self::Image(Tensor::from_data(
                TensorData::new(values, [batch, channels, height, width]),
                device,
            )),
            Shape::Sequence { length, dimension } => Self::Sequence(Tensor::from_data(
                TensorData::new(values, [batch, length, dimension]),
                device,
            )),
            Shape::Tokens { length, vocabulary } => {
                let last = vocabulary.saturating_sub(1) as i32;
                let tokens: Vec<i32> = values.iter().map(|v| (*v as i32).clamp(0, last)).collect();
                Self::Tokens(Tensor::from_data(TensorData::new(tokens, [batch, length]), device))
            }
        }
    }
}

// A network has few layers, and a `Box` is no module.
#[allow(clippy::large_enum_variant)]
#[derive(Module, Debug)]
enum Layer {
    Dense(Linear),
    Conv2d(Conv2d),
    BatchNorm(BatchNorm),
    LayerNorm(LayerNorm),
    GroupNorm(GroupNorm),
    Embedding(PositionedEmbedding),
    Transformer(TransformerBlock),
    Residual(Residual),
    Plain(Plain),
}

/// A layer without parameters.
#[derive(Module, Debug)]
struct Plain {
    #[module(skip)]
    operation: Operation,
}

#[derive(Debug, Clone)]
enum Operation {
    MaxPool2d(usize),
    AvgPool2d(usize),
    GlobalAvgPool,
    Flatten,
    Activation(Activation),
    Dropout(f32),
}

#[derive(Module, Debug)]
struct Residual {
    layers: Vec<Layer>,
}

#[derive(Module, Debug)]
struct PositionedEmbedding {
    token: Embedding,
    position: Embedding,
}

#[derive(Module, Debug)]
struct TransformerBlock {
    attention_norm: LayerNorm,
    attention: MultiHeadAttention,
    mlp_norm: LayerNorm,
    expand: Linear,
    contract: Linear,
    causal: bool,
}

impl Layers {
    /// Builds layers for examples of shape `input`.
    pub(super) fn new(
        layers: &[LayerSpec],
        input: &Shape,
        device: &Device,
    ) -> Result<Self, RuntimeError> {
        Ok(Self { layers: build(layers, input.clone(), device)?.0 })
    }

    /// What comes of examples of shape `shape`, one row an example, or one a position of it.
    pub(super) fn forward(
        &self,
        inputs: Vec<f32>,
        shape: &Shape,
        device: &Device,
        random: Option<&mut Random>,
    ) -> Result<Tensor<2>, RuntimeError> {
        match run(&self.layers, Value::from_host(inputs, shape, device), &mut { random })? {
            Value::Features(output) => Ok(output),
            Value::Sequence(output) => Ok(output.flatten(0, 1)),
            _ => Err(misfit("output")),
        }
    }
}

fn misfit(kind: &str) -> RuntimeError {
    RuntimeError::Protocol {
        reason: format!("the input does not have the shape that the {kind} layer was built for"),
    }
}

/// Builds layers for an input of `shape`; returns them with the shape of their output.
fn build(
    specs: &[LayerSpec],
    mut shape: Shape,
    device: &Device,
) -> Result<(Vec<Layer>, Shape), RuntimeError> {
    let mut layers = Vec::with_capacity(specs.len());
    for spec in specs {
        let layer = match (spec, &shape) {
            (
                LayerSpec::Dense { units },
                Shape::Features { size: n } | Shape::Sequence { dimension: n, .. },
            ) => Layer::Dense(new_linear(*n, *units, device)),
            (
                LayerSpec::Conv2d { channels: out, kernel, stride, padding, groups },
                Shape::Image { channels, .. },
            ) => {
                let padding = match padding {
                    Padding::Same => {
                        let side = kernel / 2;
                        PaddingConfig2d::Explicit(side, side, side, side)
                    }
                    Padding::Valid => PaddingConfig2d::Valid,
                };
                let config = Conv2dConfig::new([*channels, *out], [*kernel, *kernel])
                    .with_stride([*stride, *stride])
                    .with_groups(*groups)
                    .with_padding(padding)
                    .with_initializer(BLANK);
                Layer::Conv2d(config.init(device))
            }
            (
                LayerSpec::BatchNorm,
                Shape::Features { size: n } | Shape::Image { channels: n, .. },
            ) => Layer::BatchNorm(BatchNormConfig::new(*n).init(device)),
            (
                LayerSpec::LayerNorm,
                Shape::Features { size: n } | Shape::Sequence { dimension: n, .. },
            ) => Layer::LayerNorm(LayerNormConfig::new(*n).init(device)),
            (LayerSpec::GroupNorm { groups }, Shape::Image { channels, .. }) => {
                Layer::GroupNorm(GroupNormConfig::new(*groups, *channels).init(device))
            }
            (LayerSpec::Embedding { dimension }, Shape::Tokens { vocabulary, length }) => {
                let table = |rows| {
                    EmbeddingConfig::new(rows, *dimension).with_initializer(BLANK).init(device)
                };
                Layer::Embedding(PositionedEmbedding {
                    token: table(*vocabulary),
                    position: table(*length),
                })
            }
            (
                LayerSpec::TransformerBlock { heads, hidden, causal },
                Shape::Sequence { dimension: n, .. },
            ) => Layer::Transformer(TransformerBlock {
                attention_norm: LayerNormConfig::new(*n).init(device),
                attention: MultiHeadAttentionConfig::new(*n, *heads)
                    .with_dropout(0.0)
                    .with_initializer(BLANK)
                    .init(device),
                mlp_norm: LayerNormConfig::new(*n).init(device),
                expand: new_linear(*n, *hidden, device),
                contract: new_linear(*hidden, *n, device),
                causal: *causal,
            }),
            (LayerSpec::Residual { layers }, shape) => {
                Layer::Residual(Residual { layers: build(layers, shape.clone(), device)?.0 })
            }
            (LayerSpec::MaxPool2d { size }, _) => plain(Operation::MaxPool2d(*size)),
            (LayerSpec::AvgPool2d { size }, _) => plain(Operation::AvgPool2d(*size)),
            (LayerSpec::GlobalAvgPool, _) => plain(Operation::GlobalAvgPool),
            (LayerSpec::Flatten, _) => plain(Operation::Flatten),
            (LayerSpec::Activation { function }, _) => plain(Operation::Activation(*function)),
            (LayerSpec::Dropout { rate }, _) => plain(Operation::Dropout(*rate)),
            (spec, _) => return Err(misfit(spec.kind())),
        };
        layers.push(layer);
        shape = spec.output(&shape)?;
    }
    Ok((layers, shape))
}

pub(super) fn new_linear(input: usize, output: usize, device: &Device) -> Linear {
    LinearConfig::new(input, output).with_initializer(BLANK).init(device)
}

fn plain(operation: Operation) -> Layer {
    Layer::Plain(Plain { operation })
}

fn run(
    layers: &[Layer],
    mut value: Value,
    random: &mut Option<&mut Random>,
) -> Result<Value, RuntimeError> {
    for layer in layers {
        value = layer.forward(value, random)?;
    }
    Ok(value)
}

impl Layer {
    fn forward(
        &self,
        value: Value,
        random: &mut Option<&mut Random>,
    ) -> Result<Value, RuntimeError> {
        use Value::{Features, Image, Sequence, Tokens};
        Ok(match (self, value) {
            (Self::Dense(layer), Features(x)) => Features(linear(layer, x)),
            (Self::Dense(layer), Sequence(x)) => Sequence(linear(layer, x)),
            (Self::Conv2d(layer), Image(x)) => Image(convolution::layer(layer, x)),
            (Self::BatchNorm(layer), Features(x)) => Features(layer.forward(x)),
            (Self::BatchNorm(layer), Image(x)) => Image(layer.forward(x)),
            (Self::LayerNorm(layer), Features(x)) => Features(layer.forward(x)),
            (Self::LayerNorm(layer), Sequence(x)) => Sequence(layer.forward(x)),
            (Self::GroupNorm(layer), Image(x)) => Image(layer.forward(x)),
            (Self::Embedding(layer), Tokens(x)) => Sequence(layer.forward(x)),
            (Self::Transformer(layer), Sequence(x)) => Sequence(layer.forward(x)),
            (Self::Residual(layer), value) => {
                match (value.clone(), run(&layer.layers, value, random)?) {
                    (Features(x), Features(y)) => Features(x + y),
                    (Sequence(x), Sequence(y)) => Sequence(x + y),
                    (Image(x), Image(y)) => Image(x + y),
                    _ => return Err(misfit("residual")),
                }
            }
            (Self::Plain(layer), value) => layer.operation.forward(value, random)?,
            _ => return Err(misfit("next")),
        })
    }
}

impl Operation {
    fn forward(
        &self,
        value: Value,
        random: &mut Option<&mut Random>,
    ) -> Result<Value, RuntimeError> {
        use Value::{Features, Image, Sequence, Tokens};
        Ok(match (self, value) {
            (Self::MaxPool2d(size), Image(x)) => {
                Image(max_pool2d(x, MaxPoolOptions::new([*size, *size])))
            }
            (Self::AvgPool2d(size), Image(x)) => {
                Image(avg_pool2d(x, AvgPoolOptions::new([*size, *size])))
            }
            (Self::GlobalAvgPool, Image(x)) => {
                let [batch, channels, height, width] = x.dims();
                Features(
                    x.reshape([batch, channels, height * width])
                        .mean_dim(2)
                        .reshape([batch, channels]),
                )
            }
            (Self::GlobalAvgPool, Sequence(x)) => {
                let [batch, _, dimension] = x.dims();
                Features(x.mean_dim(1).reshape([batch, dimension]))
            }
            (Self::Flatten, Features(x)) => Features(x),
            (Self::Flatten, Sequence(x)) => Features(x.flatten(1, 2)),
            (Self::Flatten, Image(x)) => Features(x.flatten(1, 3)),
            (Self::Activation(function), Features(x)) => Features(activate(*function, x)),
            (Self::Activation(function), Sequence(x)) => Sequence(activate(*function, x)),
            (Self::Activation(function), Image(x)) => Image(activate(*function, x)),
            (Self::Dropout(rate), value) => match random {
                None => value,
                Some(random) => match value {
                    Features(x) => Features(drop_out(*rate, x, random)),
                    Sequence(x) => Sequence(drop_out(*rate, x, random)),
                    Image(x) => Image(drop_out(*rate, x, random)),
                    Tokens(_) => return Err(misfit("dropout")),
                },
            },
            _ => return Err(misfit("next")),
        })
    }
}

fn activate<const D: usize>(function: Activation, x: Tensor<D>) -> Tensor<D> {
    match function {
        Activation::Relu => activation::relu(x),
        Activation::LeakyRelu => activation::leaky_relu(x, 0.01),
        Activation::Gelu => gelu(x),
        Activation::Silu => activation::silu(x),
        Activation::Tanh => activation::tanh(x),
        Activation::Sigmoid => activation::sigmoid(x),
    }
}

/// Inverted dropout with the runtime's own random numbers.
fn drop_out<const D: usize>(rate: f32, x: Tensor<D>, random: &mut Random) -> Tensor<D> {
    let keep = 1.0 / (1.0 - rate);
    let shape = x.shape();
    let mask: Vec<f32> = (0..shape.num_elements())
        .map(|_| if random.uniform() < rate { 0.0 } else { keep })
        .collect();
    let mask = Tensor::from_data(TensorData::new(mask, shape), &x.device());
    x * mask
}

impl PositionedEmbedding {
    fn forward(&self, tokens: Tensor<2, Int>) -> Tensor<3> {
        let [_, length] = tokens.dims();
        let positions = Tensor::<1, Int>::arange(0..length as i64, &tokens.device()).unsqueeze();
        self.token.forward(tokens) + self.position.forward(positions)
    }
}

impl TransformerBlock {
    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let [batch, length, _] = x.dims();
        let mut input = MhaInput::self_attn(self.attention_norm.forward(x.clone()));
        if self.causal {
            input = input.mask_attn(generate_autoregressive_mask(batch, length, &x.device()));
        }
        let x = x + self.attention.forward(input).context;
        let hidden = gelu(linear(&self.expand, self.mlp_norm.forward(x.clone())));
        x + linear(&self.contract, hidden)
    }
}
