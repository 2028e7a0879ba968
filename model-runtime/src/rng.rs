//! The runtime's own random numbers, version 1: ChaCha8 keyed by a 32-byte seed, one stream a use.
//!
//! No host or backend generator is used anywhere, so that a job is a pure function of its inputs.
//! Changing anything here is a new runtime version.

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore, SeedableRng},
};

/// What a stream of random numbers is for; streams never overlap.
#[derive(Debug, Clone, Copy)]
pub enum Stream {
    /// Initial parameters: one stream a parameter, by its position.
    Parameter(u32),
    /// The order of examples in an epoch.
    Epoch(u32),
    /// Dropout masks of a training step.
    Step(u32),
    /// The split of a data set into training and held-out examples.
    Split,
}

impl Stream {
    fn number(self) -> u64 {
        match self {
            Self::Split => 0,
            Self::Parameter(i) => 1 << 32 | u64::from(i),
            Self::Epoch(i) => 2 << 32 | u64::from(i),
            Self::Step(i) => 3 << 32 | u64::from(i),
        }
    }
}

/// A generator for one [`Stream`] of a seed.
#[derive(Debug, Clone)]
pub struct Random(ChaCha8Rng);

impl Random {
    /// The generator of `stream` under `seed`. The 8 bytes of the seed are repeated to a key.
    pub fn new(seed: u64, stream: Stream) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..16].copy_from_slice(b"delea-v1");
        let mut rng = ChaCha8Rng::from_seed(key);
        rng.set_stream(stream.number());
        Self(rng)
    }

    /// Uniform in [0, 1), a multiple of 2^-24: exact in f32.
    pub fn uniform(&mut self) -> f32 {
        (self.0.next_u32() >> 8) as f32 * (1.0 / 16_777_216.0)
    }

    /// Two independent normal numbers of mean 0 and variance 1 (Box and Muller 1958).
    pub fn normal(&mut self) -> [f32; 2] {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        let (sine, cosine) = (std::f32::consts::TAU * self.uniform()).sin_cos();
        [radius * cosine, radius * sine]
    }

    /// Uniform in 0..bound, without modulo bias (Lemire 2019, with rejection).
    pub fn below(&mut self, bound: u32) -> u32 {
        let threshold = bound.wrapping_neg() % bound.max(1);
        loop {
            let product = u64::from(self.0.next_u32()) * u64::from(bound);
            if product as u32 >= threshold {
                return (product >> 32) as u32;
            }
        }
    }

    /// 0..count in random order (Fisher and Yates).
    pub fn permutation(&mut self, count: u32) -> Vec<u32> {
        let mut order: Vec<u32> = (0..count).collect();
        for i in (1..order.len()).rev() {
            order.swap(i, self.below(i as u32 + 1) as usize);
        }
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_fixed_and_distinct() {
        let order = |stream| Random::new(7, stream).permutation(8);
        assert_eq!(order(Stream::Epoch(0)), order(Stream::Epoch(0)));
        assert_ne!(order(Stream::Epoch(0)), order(Stream::Epoch(1)));
        assert_ne!(order(Stream::Epoch(0)), order(Stream::Step(0)));
        // A change of these numbers is a change of the runtime version.
        assert_eq!(Random::new(1, Stream::Split).permutation(6), PINNED);
    }

    const PINNED: [u32; 6] = [5, 2, 0, 1, 3, 4];

    #[test]
    fn below_covers_its_range_evenly() {
        let mut counts = [0u32; 5];
        let mut random = Random::new(3, Stream::Split);
        (0..50_000).for_each(|_| counts[random.below(5) as usize] += 1);
        assert!(counts.iter().all(|c| (9_600..10_400).contains(c)), "{counts:?}");
    }
}
