//! From a model's job log to its workers' scores, win rates and weights: pure functions of public numbers, in integers,
//! so that every client has the same bits. Fixed-point numbers have 18 decimals (WAD).
//!
//! | step | seed ("Dippy Studio Architecture") |
//! |---|---|
//! | [`score`] of a job | 3.1, *Miner Rewards* |
//! | [`Board`]: sums by worker and kind in an epoch | 3.1, *Example*; 3.2, *Weights will be set every 360 blocks* |
//! | [`win_rates`] | 3.2, *Win Rate Calculation* |
//! | [`weights`] | 3.2, *apply the emission schedule via applying temperature* |
//! | [`Sums::emission_down`]: what an epoch pays | 3.2, *emission schedule* |
//! | [`WeightTree`] | what `Scores.postWeights` takes and `Scores.claim` asks for |

mod board;
mod merkle;
mod weights;

pub use board::{Board, Job, Scores, Sums, epoch_of, score};
pub use merkle::WeightTree;
pub use weights::{TEMPERATURE, weights, win_rates};

/// One, as a fixed-point number.
pub const WAD: u128 = 1_000_000_000_000_000_000;

/// Blocks of an epoch. Seed: "Weights will be set every 360 blocks".
pub const EPOCH_BLOCKS: u64 = 360;
