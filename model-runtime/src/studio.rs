//! What the studio's networks are: a diffusion transformer's sizes and the words that it knows.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::RuntimeError;

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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    all: Vec<String>,
    numbers: BTreeMap<String, u32>,
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
