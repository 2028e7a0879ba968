//! The diffusion transformer of [`DitSpec`], and how it paints.

use burn::{
    module::Module,
    nn::{Embedding, EmbeddingConfig, Linear},
    tensor::{Device, Int, Tensor, TensorData, activation, module::embedding},
};

use super::{
    adapter::{Adapter, AdapterBlock, LowRank},
    gelu::gelu,
    layers::{BLANK, new_linear},
    linear::linear,
};
use crate::studio::{DIT_EPSILON, DitSpec, TIME_SCALE, frequencies};

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

/// An adapter and how much of it is worn.
#[derive(Clone, Copy)]
pub(super) struct Worn<'a> {
    pub(super) adapter: &'a Adapter,
    pub(super) scale: f32,
}

/// What adapters add to one block, with the gains of their ranks.
type Added<'a> = Vec<(&'a AdapterBlock, Tensor<3>)>;

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

    /// Speeds `[batch, patches, patch size]` of noisy patches of the same shape at a time each in [0, 1], for prompts
    /// `[batch, length]` of word numbers; those beyond the vocabulary are the adapters' own, in their order.
    pub(super) fn forward(
        &self,
        patches: Tensor<3>,
        times: &[f32],
        prompts: Tensor<2, Int>,
        worn: &[Worn<'_>],
    ) -> Tensor<3> {
        let [batch, count, _] = patches.dims();
        let width = self.spec.width;
        let device = patches.device();
        let gains: Vec<Tensor<3>> =
            worn.iter().map(|worn| worn.adapter.gains(times, worn.scale, &device)).collect();
        let mut table = vec![self.words.token.weight.val()];
        table.extend(worn.iter().filter_map(|worn| worn.adapter.words()));
        let words = match table.len() {
            1 => self.words.token.forward(prompts),
            _ => embedding(Tensor::cat(table, 0), prompts),
        };
        let summary = words.clone().mean_dim(1).reshape([batch, width]);
        let words = words + self.words.position.weight.val().unsqueeze();
        let patches =
            linear(&self.patches.token, patches) + self.patches.position.weight.val().unsqueeze();
        let mut x = Tensor::cat(vec![patches, words], 1);

        let time = linear(&self.time.fc1, waves(times, width, &device));
        let time = linear(&self.time.fc2, activation::silu(time));
        let condition = activation::silu(time + linear(&self.prompt, summary));
        let shared = linear(&self.modulation, condition.clone()).reshape([batch, 6, width]);
        for (place, block) in self.blocks.iter().enumerate() {
            let added = worn.iter().map(|worn| worn.adapter.block(place)).zip(gains.clone());
            let modulation = shared.clone() + block.modulation.weight.val().unsqueeze();
            x = block.forward(x, modulation, &added.collect());
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

/// A dense layer with what adapters add to it.
fn dense(
    layer: &Linear,
    x: Tensor<3>,
    added: &Added<'_>,
    part: impl Fn(&AdapterBlock) -> &LowRank,
) -> Tensor<3> {
    let out = linear(layer, x.clone());
    added
        .iter()
        .fold(out, |out, (block, gains)| out + part(block).forward(x.clone(), gains.clone()))
}

impl Hidden {
    fn forward(&self, x: Tensor<3>, added: &Added<'_>) -> Tensor<3> {
        let hidden = gelu(dense(&self.fc1, x, added, |block| &block.mlp.fc1));
        dense(&self.fc2, hidden, added, |block| &block.mlp.fc2)
    }
}

impl Block {
    /// `modulation` is `[batch, 6, width]`: shift, scale and gate of the attention, then of the hidden layer.
    fn forward(&self, x: Tensor<3>, modulation: Tensor<3>, added: &Added<'_>) -> Tensor<3> {
        let gate = |place: usize| modulation.clone().narrow(1, place, 1);
        let attended = self.attn.forward(modulate(normalize(x.clone()), &modulation, 0), added);
        let x = x + attended * gate(2);
        let hidden = self.mlp.forward(modulate(normalize(x.clone()), &modulation, 3), added);
        x + hidden * gate(5)
    }
}

impl Attention {
    fn forward(&self, x: Tensor<3>, added: &Added<'_>) -> Tensor<3> {
        let [batch, length, width] = x.dims();
        let (heads, each) = (self.heads, width / self.heads);
        let qkv = dense(&self.qkv, x, added, |block| &block.attn.qkv)
            .reshape([batch, length, 3, heads, each])
            .permute([2, 0, 3, 1, 4]);
        let part = |place: usize| -> Tensor<4> {
            qkv.clone().narrow(0, place, 1).reshape([batch, heads, length, each])
        };
        let scores = part(0).matmul(part(1).swap_dims(2, 3)) * (each as f32).sqrt().recip();
        let mixed = activation::softmax(scores, 3).matmul(part(2));
        let mixed = mixed.swap_dims(1, 2).reshape([batch, length, width]);
        dense(&self.proj, mixed, added, |block| &block.attn.proj)
    }
}

/// Mean 0 and variance 1 over the last dimension (Ba et al. 2016).
fn normalize(x: Tensor<3>) -> Tensor<3> {
    let centred = x.clone() - x.mean_dim(2);
    let variance = (centred.clone() * centred.clone()).mean_dim(2);
    centred / (variance + DIT_EPSILON).sqrt()
}

/// `x · (1 + scale) + shift`, which stand at `place + 1` and `place` of `modulation`.
fn modulate(x: Tensor<3>, modulation: &Tensor<3>, place: usize) -> Tensor<3> {
    let take = |place: usize| modulation.clone().narrow(1, place, 1);
    x * (take(place + 1) + 1.0) + take(place)
}

/// Cosines and sines of times, `[batch, width]`.
fn waves(times: &[f32], width: usize, device: &Device) -> Tensor<2> {
    let frequencies = frequencies(width);
    let mut values = Vec::with_capacity(times.len() * width);
    for time in times {
        let angle = |frequency: &f32| time * TIME_SCALE * frequency;
        values.extend(frequencies.iter().map(angle).map(f32::cos));
        values.extend(frequencies.iter().map(angle).map(f32::sin));
    }
    Tensor::from_data(TensorData::new(values, [times.len(), width]), device)
}
