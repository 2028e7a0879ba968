//! What the studio's networks are: a diffusion transformer's sizes, the words that it knows, adapters for it, and what is
//! asked of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    RuntimeError,
    content::Digest,
    spec::{Shape, Task},
};

pub mod lesson;
mod ramp;
pub mod view;

/// Words that an adapter may add to its base's.
const MAX_NEW_WORDS: usize = 4;
/// Largest rank of an adapter.
pub const MAX_RANK: usize = 32;
/// Numbers of an [`Ask`] besides its words.
const SETTINGS: usize = 4;
/// Seeds are below this, so that a float holds them.
pub const SEEDS: u32 = 1 << 24;
/// Most steps of a painting.
pub const MAX_STEPS: u32 = 100;

/// A network that paints, as a model's spec has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Painter {
    /// Sizes of the diffusion transformer.
    pub sizes: DitSpec,
    /// Words of prompts. Those beyond the sizes' vocabulary are the adapter's own.
    pub words: Words,
    /// What the parameters adapt; nothing where they are the whole network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adapter: Option<AdapterSpec>,
}

/// Key of a safetensors file's metadata under which a network says what it is: a [`Painter`] as JSON.
pub const PAINTER: &str = "painter";
/// Key of a safetensors file's metadata under which an adapter says what it is: an [`AdapterText`] as JSON.
pub const ADAPTER: &str = "adapter";

/// What an adapter's file says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AdapterText {
    /// What it is.
    pub adapter: AdapterSpec,
    /// Words that it adds.
    #[serde(default)]
    pub words: Vec<String>,
}

/// A base network, as those who paint with it are told of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Base {
    /// The network.
    pub painter: Painter,
    /// Digest of its parameter file.
    pub parameters: Digest,
    /// Digest of the data set of known pictures, which an adapter is to leave as they are. Without it nothing is taught.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prior: Option<Digest>,
}

/// A low-rank adapter of every dense layer in a transformer's blocks (Hu et al. 2021, "LoRA", arXiv 2106.09685). Fewer ranks
/// work where there is much noise, so that one picture teaches its subject and not its composition (Soboleva et al. 2025,
/// "T-LoRA", arXiv 2507.05964).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdapterSpec {
    /// Digest of the base network's parameter file.
    pub base: Digest,
    /// Ranks.
    pub rank: usize,
    /// What the adapter adds is multiplied by this and divided by the rank.
    pub alpha: f32,
    /// Ranks that work in pure noise; half of them if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub least: Option<usize>,
}

impl AdapterSpec {
    /// Ranks that work at a time in [0, 1], which is 0 for noise: from the least to all.
    pub fn ranks_at(&self, time: f32) -> usize {
        let least = self.least.unwrap_or(self.rank.div_ceil(2));
        let more = (self.rank - least) as f32 * time.clamp(0.0, 1.0);
        least + more.round() as usize
    }
}

impl Painter {
    /// Shape of what is asked of it: see [`Ask`].
    pub fn input(&self) -> Shape {
        Shape::Features { size: self.sizes.length + SETTINGS }
    }

    /// What it gives.
    pub fn task(&self) -> Task {
        Task::Painting { channels: self.sizes.channels, side: self.sizes.side }
    }

    /// Digest of the base network's parameter file.
    pub fn base(&self) -> Option<Digest> {
        self.adapter.as_ref().map(|adapter| adapter.base)
    }

    /// Words that the adapter adds.
    pub fn new_words(&self) -> usize {
        self.words.count().saturating_sub(self.sizes.vocabulary)
    }

    /// # Errors
    /// [`RuntimeError::OutOfBounds`] for sizes that do not fit each other, the input or the task.
    pub fn validate_for(&self, input: &Shape, task: &Task) -> Result<(), RuntimeError> {
        self.sizes.validate()?;
        let fits = |what: &str, found: String, wanted: String| match found == wanted {
            true => Ok(()),
            false => {
                Err(RuntimeError::bounds(what, found, format!("{wanted}, as the network has it")))
            }
        };
        fits("the input", input.to_string(), self.input().to_string())?;
        fits("the task", format!("{task:?}"), format!("{:?}", self.task()))?;
        let most = self.sizes.vocabulary + if self.adapter.is_some() { MAX_NEW_WORDS } else { 0 };
        if !(self.sizes.vocabulary..=most).contains(&self.words.count()) {
            let expected = format!("{} to {}", self.sizes.vocabulary - 1, most - 1);
            return Err(RuntimeError::bounds("words", self.words.count() - 1, expected));
        }
        let Some(adapter) = &self.adapter else { return Ok(()) };
        if !(1..=MAX_RANK).contains(&adapter.rank) {
            return Err(RuntimeError::bounds("rank", adapter.rank, format!("1 to {MAX_RANK}")));
        }
        if let Some(least) = adapter.least.filter(|least| *least > adapter.rank) {
            let expected = format!("at most {}", adapter.rank);
            return Err(RuntimeError::bounds("ranks that work in noise", least, expected));
        }
        match adapter.alpha > 0.0 && adapter.alpha <= 1024.0 {
            true => Ok(()),
            false => Err(RuntimeError::bounds("alpha", adapter.alpha, "above 0, at most 1024")),
        }
    }

    /// Names and shapes of the parameters.
    pub fn parameter_shapes(&self) -> Vec<(String, Vec<usize>)> {
        match &self.adapter {
            None => self.sizes.parameter_shapes(),
            Some(adapter) => self.sizes.adapter_shapes(adapter.rank, self.new_words()),
        }
    }

    /// Numbers in all parameters.
    pub fn parameter_count(&self) -> u64 {
        count(&self.parameter_shapes())
    }

    /// Bytes of what is not trained.
    pub fn base_bytes(&self) -> u64 {
        match &self.adapter {
            None => 0,
            // As a file of half floats and as a network.
            Some(_) => count(&self.sizes.parameter_shapes()).saturating_mul(6),
        }
    }

    /// Numbers that one example's training keeps.
    pub fn values(&self) -> u64 {
        let DitSpec { width, depth, heads, hidden, length, .. } = self.sizes;
        let tokens = (self.sizes.patches() + length) as u64;
        let dense = (16 * width + 3 * hidden) as u64 * tokens;
        let attention = 3 * heads as u64 * tokens * tokens;
        (dense + attention).saturating_mul(depth as u64)
    }
}

fn count(shapes: &[(String, Vec<usize>)]) -> u64 {
    shapes.iter().map(|(_, shape)| shape.iter().map(|n| *n as u64).product::<u64>()).sum()
}

/// One picture that is asked for: an example of a painter's input, its words' numbers and then the rest in this order.
#[derive(Debug, Clone, PartialEq)]
pub struct Ask {
    /// Numbers of the prompt's words, as many as the network reads.
    pub words: Vec<u32>,
    /// Seed of the noise, below [`SEEDS`].
    pub seed: u32,
    /// Steps from noise to picture.
    pub steps: u32,
    /// How far beyond the unprompted picture the prompt pulls (Ho and Salimans 2022, "Classifier-Free Guidance"); 1 for not.
    pub guidance: f32,
    /// How much of the adapter is worn: 0 for nothing, 1 for what was trained.
    pub scale: f32,
}

impl Ask {
    /// Appends the example to `out`.
    pub fn push(&self, out: &mut Vec<f32>) {
        out.extend(self.words.iter().map(|word| *word as f32));
        out.extend([self.seed as f32, self.steps as f32, self.guidance, self.scale]);
    }

    /// Reads an example.
    ///
    /// # Errors
    /// [`RuntimeError::OutOfBounds`] for a setting that cannot be, or a word beyond the `known`.
    pub fn read(row: &[f32], known: usize) -> Result<Self, RuntimeError> {
        let (words, settings) = row.split_at(row.len().saturating_sub(SETTINGS));
        let [seed, steps, guidance, scale] = *settings else {
            return Err(RuntimeError::bounds("numbers of what is asked", row.len(), "more"));
        };
        let whole = |what: &str, value: f32, from: u32, below: u32| match value.fract() == 0.0
            && (from as f32..below as f32).contains(&value)
        {
            true => Ok(value as u32),
            false => {
                let expected = format!("a whole number from {from} to {}", below - 1);
                Err(RuntimeError::bounds(what, value, expected))
            }
        };
        let within = |what: &str, value: f32, most: f32| match (0.0..=most).contains(&value) {
            true => Ok(value),
            false => Err(RuntimeError::bounds(what, value, format!("0 to {most}"))),
        };
        Ok(Self {
            words: words
                .iter()
                .map(|word| whole("the number of a word", *word, 0, known as u32))
                .collect::<Result<_, _>>()?,
            seed: whole("the seed", seed, 0, SEEDS)?,
            steps: whole("steps", steps, 1, MAX_STEPS + 1)?,
            guidance: within("guidance", guidance, 20.0)?,
            scale: within("the adapter's scale", scale, 2.0)?,
        })
    }
}

/// Sizes of a diffusion transformer (Peebles and Xie 2023, "Scalable Diffusion Models with Transformers") whose prompt
/// stands beside the picture's patches, and whose modulation is shared by all blocks (Chen et al. 2023, "PixArt-α").
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DitSpec {
    /// Pixels of a side.
    pub side: usize,
    /// Numbers of a pixel: red, green, blue times alpha, and alpha, each in [-1, 1].
    pub channels: usize,
    /// Pixels of a patch's side.
    pub patch: usize,
    /// Numbers of a token.
    pub width: usize,
    /// Blocks.
    pub depth: usize,
    /// Heads of attention.
    pub heads: usize,
    /// Width of a block's hidden layer.
    pub hidden: usize,
    /// Words that are known; the first stands for none.
    pub vocabulary: usize,
    /// Words of a prompt that are read.
    pub length: usize,
}

/// Times are stretched by this before their waves are taken, as in the paper.
pub const TIME_SCALE: f32 = 1000.0;
/// Waves of a time have periods up to this.
const LONGEST_PERIOD: f32 = 10_000.0;
/// What normalisation adds to the variance.
pub const DIT_EPSILON: f32 = 1e-6;

/// Frequencies of a time's waves, for tokens of `width` numbers: each gives a cosine and a sine.
pub fn frequencies(width: usize) -> Vec<f32> {
    let half = width / 2;
    let frequency = |i: usize| (-LONGEST_PERIOD.ln() * i as f32 / half as f32).exp();
    (0..half).map(frequency).collect()
}

impl DitSpec {
    /// Patches of a picture.
    pub fn patches(&self) -> usize {
        (self.side / self.patch).pow(2)
    }

    /// Numbers of a patch.
    pub fn patch_size(&self) -> usize {
        self.channels * self.patch * self.patch
    }

    /// Numbers of a picture.
    pub fn picture_size(&self) -> usize {
        self.channels * self.side * self.side
    }

    /// Where a number of a picture lies among its patches, each of which is `[channel, row, column]`.
    pub fn place(&self, channel: usize, row: usize, column: usize) -> usize {
        let patch = self.patch;
        let start = (row / patch * (self.side / patch) + column / patch) * self.patch_size();
        start + (channel * patch + row % patch) * patch + column % patch
    }

    /// A picture `[channel, row, column]` in patches.
    pub fn to_patches(&self, picture: &[f32]) -> Vec<f32> {
        let mut patches = vec![0.0; self.picture_size()];
        self.places().zip(picture).for_each(|(place, value)| patches[place] = *value);
        patches
    }

    /// A picture in patches as `[channel, row, column]`.
    pub fn from_patches(&self, patches: &[f32]) -> Vec<f32> {
        self.places().map(|place| patches[place]).collect()
    }

    fn places(&self) -> impl Iterator<Item = usize> + use<'_> {
        let side = self.side;
        (0..self.channels * side * side)
            .map(move |i| self.place(i / (side * side), i / side % side, i % side))
    }

    /// Names and shapes of the parameters.
    pub fn parameter_shapes(&self) -> Vec<(String, Vec<usize>)> {
        let (width, patch) = (self.width, self.patch_size());
        let mut all = Vec::new();
        let mut table = |name: &str, rows: usize, width: usize| {
            all.push((format!("{name}.weight"), vec![rows, width]));
        };
        table("patches.position", self.patches(), width);
        table("words.token", self.vocabulary, width);
        table("words.position", self.length, width);
        (0..self.depth).for_each(|i| table(&format!("blocks.{i}.modulation"), 6, width));
        let mut dense = |name: &str, inputs: usize, outputs: usize| {
            all.push((format!("{name}.weight"), vec![inputs, outputs]));
            all.push((format!("{name}.bias"), vec![outputs]));
        };
        dense("patches.token", patch, width);
        dense("time.fc1", width, width);
        dense("time.fc2", width, width);
        dense("prompt", width, width);
        dense("modulation", width, 6 * width);
        dense("output_modulation", width, 2 * width);
        dense("output", width, patch);
        for (name, inputs, outputs) in self.block_layers() {
            dense(&name, inputs, outputs);
        }
        all
    }

    /// Names and shapes of an adapter's parameters.
    fn adapter_shapes(&self, rank: usize, new_words: usize) -> Vec<(String, Vec<usize>)> {
        let mut all = Vec::new();
        if new_words > 0 {
            all.push(("adapter.token.weight".to_owned(), vec![new_words, self.width]));
        }
        for (name, inputs, outputs) in self.block_layers() {
            all.push((format!("adapter.{name}.a.weight"), vec![inputs, rank]));
            all.push((format!("adapter.{name}.b.weight"), vec![rank, outputs]));
        }
        all
    }

    /// The blocks' dense layers, to which adapters add: names, inputs, outputs.
    pub fn block_layers(&self) -> impl Iterator<Item = (String, usize, usize)> + use<> {
        let (width, hidden) = (self.width, self.hidden);
        let block = [
            ("attn.qkv", width, 3 * width),
            ("attn.proj", width, width),
            ("mlp.fc1", width, hidden),
            ("mlp.fc2", hidden, width),
        ];
        (0..self.depth).flat_map(move |i| {
            block.map(|(name, inputs, outputs)| (format!("blocks.{i}.{name}"), inputs, outputs))
        })
    }

    /// # Errors
    /// [`RuntimeError::OutOfBounds`] for sizes that do not fit each other.
    pub fn validate(&self) -> Result<(), RuntimeError> {
        let whole =
            |what: &str, of: usize, by: usize| match by > 0 && of > 0 && of.is_multiple_of(by) {
                true => Ok(()),
                false => Err(RuntimeError::bounds(what, of, format!("a multiple of {by}"))),
            };
        whole("pixels of a side", self.side, self.patch)?;
        whole("the width of a token", self.width, self.heads)?;
        whole("the width of a token", self.width, 2)?;
        for (what, count, limit) in [
            ("pixels of a side", self.side, 128),
            ("channels", self.channels, 16),
            ("the width of a token", self.width, 2048),
            ("blocks", self.depth, 64),
            ("the width of a hidden layer", self.hidden, 8192),
            ("words", self.vocabulary, 100_000),
            ("words of a prompt", self.length, 256),
        ] {
            if !(1..=limit).contains(&count) {
                return Err(RuntimeError::bounds(what, count, format!("1 to {limit}")));
            }
        }
        Ok(())
    }
}

/// Number of the word that stands for none.
pub const NO_WORD: u32 = 0;

/// Words by their number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<String>", into = "Vec<String>")]
pub struct Words {
    all: Vec<String>,
    numbers: BTreeMap<String, u32>,
}

impl From<Vec<String>> for Words {
    fn from(all: Vec<String>) -> Self {
        Self::new(all)
    }
}

impl From<Words> for Vec<String> {
    fn from(words: Words) -> Self {
        words.all
    }
}

impl Words {
    /// From the words in their order, the first of which is number 1.
    pub fn new(all: Vec<String>) -> Self {
        let numbers = all.iter().cloned().zip(1..).collect();
        Self { all, numbers }
    }

    /// How many there are, with the one that stands for none.
    pub fn count(&self) -> usize {
        self.all.len() + 1
    }

    /// The words.
    pub fn all(&self) -> &[String] {
        &self.all
    }

    /// Numbers of a prompt's words, `length` of them, and the words that are not known or too many.
    pub fn encode(&self, prompt: &str, length: usize) -> (Vec<u32>, Vec<String>) {
        let (mut numbers, mut ignored) = (Vec::with_capacity(length), Vec::new());
        for word in split(prompt) {
            match self.numbers.get(&word) {
                Some(number) if numbers.len() < length => numbers.push(*number),
                _ => ignored.push(word),
            }
        }
        numbers.resize(length, NO_WORD);
        (numbers, ignored)
    }
}

/// The words of a prompt: letters and digits, in small letters.
pub fn split(prompt: &str) -> impl Iterator<Item = String> {
    prompt
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_are_not_known_are_told() {
        let words = Words::new(["red", "heart", "cat"].map(str::to_owned).to_vec());
        let (numbers, ignored) = words.encode("Red-hot CAT, cat!", 3);
        assert_eq!((numbers, ignored), (vec![1, 3, 3], vec!["hot".to_owned()]));
        assert_eq!(words.encode("", 2).0, [NO_WORD, NO_WORD]);
        assert_eq!(words.encode("cat cat cat", 2).1, ["cat"]);
    }
}
