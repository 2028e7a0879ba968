//! The diffusion transformer of [`DitSpec`], and how it paints.

use burn::{
    module::Module,
    nn::{Embedding, EmbeddingConfig, Linear},
    tensor::{Device, Int, Tensor, TensorData, activation},
};

use super::{
    gelu::gelu,
    layers::{BLANK, new_linear},
    linear::linear,
};
use crate::studio::DitSpec;

/// Times are stretched by this before their waves are taken, as in the paper.
const TIME_SCALE: f32 = 1000.0;
/// Waves of a time have periods up to this.
const LONGEST_PERIOD: f32 = 10_000.0;
const EPSILON: f64 = 1e-6;

/// The network. It says how fast each number of a noisy picture is to move towards the picture (Lipman et al. 2022, "Flow
/// Matching").
#[derive(Module, Debug)]
pub struct Dit {
    patches: Patches,
    words: Words,
    time: Hidden,
    prompt: Linear,
    modulation: Linear,
    blocks: Vec<Block>,
    output_modulation: Linear,
    output: Linear,
    #[module(skip)]
    spec: DitSpec,
}

#[derive(Module, Debug)]
struct Patches {
    token: Linear,
    position: Embedding,
}

#[derive(Module, Debug)]
struct Words {
    token: Embedding,
    position: Embedding,
}

#[derive(Module, Debug)]
struct Hidden {
    fc1: Linear,
    fc2: Linear,
}

#[derive(Module, Debug)]
struct Block {
    modulation: Embedding,
    attn: Attention,
    mlp: Hidden,
}

#[derive(Module, Debug)]
struct Attention {
    qkv: Linear,
    proj: Linear,
    heads: usize,
}

/// Parameters that are zero before the first step, so that every block begins as the identity.
pub(super) fn begins_at_zero(name: &str) -> bool {
    name.contains("modulation") || name.starts_with("output.")
}

impl Dit {
    /// Builds a validated spec; all weights are zero.
    pub(super) fn new(spec: &DitSpec, device: &Device) -> Self {
        let width = spec.width;
        let dense = |input, output| new_linear(input, output, device);
        let table =
            |rows, width| EmbeddingConfig::new(rows, width).with_initializer(BLANK).init(device);
        let block = |_| Block {
            modulation: table(6, width),
            attn: Attention {
                qkv: dense(width, 3 * width),
                proj: dense(width, width),
                heads: spec.heads,
            },
            mlp: Hidden { fc1: dense(width, spec.hidden), fc2: dense(spec.hidden, width) },
        };
        Self {
            patches: Patches {
                token: dense(spec.patch_size(), width),
                position: table(spec.patches(), width),
            },
            words: Words {
                token: table(spec.vocabulary, width),
                position: table(spec.length, width),
            },
            time: Hidden { fc1: dense(width, width), fc2: dense(width, width) },
            prompt: dense(width, width),
            modulation: dense(width, 6 * width),
            blocks: (0..spec.depth).map(block).collect(),
            output_modulation: dense(width, 2 * width),
            output: dense(width, spec.patch_size()),
            spec: spec.clone(),
        }
    }

    /// Speeds `[batch, patches, patch size]` of noisy patches of the same shape at `times` `[batch]` in [0, 1], for prompts
    /// `[batch, length]` of word numbers.
    pub(super) fn forward(
        &self,
        patches: Tensor<3>,
        times: Tensor<1>,
        prompts: Tensor<2, Int>,
    ) -> Tensor<3> {
        let [batch, count, _] = patches.dims();
        let width = self.spec.width;
        let words = self.words.token.forward(prompts);
        let summary = words.clone().mean_dim(1).reshape([batch, width]);
        let words = words + self.words.position.weight.val().unsqueeze();
        let patches =
            linear(&self.patches.token, patches) + self.patches.position.weight.val().unsqueeze();
        let mut x = Tensor::cat(vec![patches, words], 1);

        let time = self.time.forward_with(waves(times, width), activation::silu);
        let condition = activation::silu(time + linear(&self.prompt, summary));
        let shared = linear(&self.modulation, condition.clone()).reshape([batch, 6, width]);
        for block in &self.blocks {
            x = block.forward(x, shared.clone() + block.modulation.weight.val().unsqueeze());
        }
        let ends = linear(&self.output_modulation, condition).reshape([batch, 2, width]);
        let x = x.narrow(1, 0, count);
        linear(&self.output, modulate(normalize(x), &ends, 0))
    }

    /// The sizes.
    pub fn spec(&self) -> &DitSpec {
        &self.spec
    }
}

impl Hidden {
    fn forward_with<const D: usize>(
        &self,
        x: Tensor<D>,
        function: impl Fn(Tensor<D>) -> Tensor<D>,
    ) -> Tensor<D> {
        linear(&self.fc2, function(linear(&self.fc1, x)))
    }
}

impl Block {
    /// `modulation` is `[batch, 6, width]`: shift, scale and gate of the attention, then of the hidden layer.
    fn forward(&self, x: Tensor<3>, modulation: Tensor<3>) -> Tensor<3> {
        let gate = |place: usize| modulation.clone().narrow(1, place, 1);
        let attended = self.attn.forward(modulate(normalize(x.clone()), &modulation, 0));
        let x = x + attended * gate(2);
        let hidden = self.mlp.forward_with(modulate(normalize(x.clone()), &modulation, 3), gelu);
        x + hidden * gate(5)
    }
}

impl Attention {
    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let [batch, length, width] = x.dims();
        let (heads, each) = (self.heads, width / self.heads);
        let qkv =
            linear(&self.qkv, x).reshape([batch, length, 3, heads, each]).permute([2, 0, 3, 1, 4]);
        let part = |place: usize| -> Tensor<4> {
            qkv.clone().narrow(0, place, 1).reshape([batch, heads, length, each])
        };
        let scores = part(0).matmul(part(1).swap_dims(2, 3)) * (each as f32).sqrt().recip();
        let mixed = activation::softmax(scores, 3).matmul(part(2));
        linear(&self.proj, mixed.swap_dims(1, 2).reshape([batch, length, width]))
    }
}

/// Mean 0 and variance 1 over the last dimension (Ba et al. 2016).
fn normalize(x: Tensor<3>) -> Tensor<3> {
    let centred = x.clone() - x.mean_dim(2);
    let variance = (centred.clone() * centred.clone()).mean_dim(2);
    centred / (variance + EPSILON).sqrt()
}

/// `x · (1 + scale) + shift`, which stand at `place + 1` and `place` of `modulation`.
fn modulate(x: Tensor<3>, modulation: &Tensor<3>, place: usize) -> Tensor<3> {
    let take = |place: usize| modulation.clone().narrow(1, place, 1);
    x * (take(place + 1) + 1.0) + take(place)
}

/// Cosines and sines of times `[batch]`, `[batch, width]`.
fn waves(times: Tensor<1>, width: usize) -> Tensor<2> {
    let half = width / 2;
    let frequencies: Vec<f32> =
        (0..half).map(|i| (-LONGEST_PERIOD.ln() * i as f32 / half as f32).exp()).collect();
    let frequencies: Tensor<2> =
        Tensor::from_data(TensorData::new(frequencies, [1, half]), &times.device());
    let angles = (times * TIME_SCALE).unsqueeze_dim::<2>(1) * frequencies;
    Tensor::cat(vec![angles.clone().cos(), angles.sin()], 1)
}
