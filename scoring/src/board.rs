//! Scores of jobs and their sums.

use std::collections::BTreeMap;

use alloy_primitives::Address;
use delea_contracts_abi::JobKind;

use crate::{EPOCH_BLOCKS, WAD};

/// Seed: "we will weight training requests at 0.7 and inference requests at 0.3".
const TRAIN_WEIGHT: u128 = 7 * WAD / 10;
const INFER_WEIGHT: u128 = 3 * WAD / 10;

/// Seed: "Any latency more than 90% of the maximum timeout will receive 0 score".
const LATE_PERCENT: u64 = 90;

/// What one settled job adds: an entry of the log, as far as scores depend on it. A job that is not settled has none:
/// "Partially completed tasks will not count".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Job {
    /// Who did it.
    pub worker: Address,
    /// What was done.
    pub kind: JobKind,
    /// Seconds from the request to the result, by block times.
    pub latency: u32,
    /// Seconds that there were.
    pub timeout: u32,
    /// Block of the settlement.
    pub block: u64,
}

/// A worker's sums in an epoch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scores {
    /// Scores of its trainings, WAD.
    pub train: u128,
    /// Scores of its inferences, WAD.
    pub infer: u128,
    /// Number of its trainings.
    pub trainings: u32,
    /// Number of its inferences.
    pub inferences: u32,
}

impl Scores {
    /// Both kinds, WAD. A worker of one kind has that kind's alone.
    pub fn total(&self) -> u128 {
        self.train + self.infer
    }

    fn add(&mut self, job: &Job) {
        let points = score(job.kind, job.latency, job.timeout);
        match job.kind {
            JobKind::Train => {
                self.train += points;
                self.trainings += 1;
            }
            JobKind::Infer => {
                self.infer += points;
                self.inferences += 1;
            }
        }
    }
}

/// Score of a job, WAD, rounded down: its kind's weight times the part of the time that was left, and nothing above
/// 90 % of it. The contract's `Scores.score`, bit for bit.
pub fn score(kind: JobKind, latency: u32, timeout: u32) -> u128 {
    if timeout == 0 || u64::from(latency) * 100 > u64::from(timeout) * LATE_PERCENT {
        return 0;
    }
    let weight = match kind {
        JobKind::Train => TRAIN_WEIGHT,
        JobKind::Infer => INFER_WEIGHT,
    };
    weight * u128::from(timeout - latency) / u128::from(timeout)
}

/// Epoch of a block.
pub fn epoch_of(block: u64) -> u64 {
    block / EPOCH_BLOCKS
}

/// Workers' scores by epoch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Board {
    epochs: BTreeMap<u64, BTreeMap<Address, Scores>>,
}

impl Board {
    /// Adds a settled job. The order of jobs does not matter.
    pub fn add(&mut self, job: &Job) {
        let epoch = self.epochs.entry(epoch_of(job.block)).or_default();
        epoch.entry(job.worker).or_default().add(job);
    }

    /// Epochs in which anybody worked, in order.
    pub fn epochs(&self) -> impl Iterator<Item = u64> {
        self.epochs.keys().copied()
    }

    /// Workers of an epoch, by address.
    pub fn workers(&self, epoch: u64) -> impl Iterator<Item = (Address, Scores)> {
        self.epochs.get(&epoch).into_iter().flatten().map(|(worker, scores)| (*worker, *scores))
    }

    /// A worker's scores in an epoch.
    pub fn scores(&self, epoch: u64, worker: Address) -> Scores {
        self.epochs.get(&epoch).and_then(|epoch| epoch.get(&worker)).copied().unwrap_or_default()
    }

    /// Each worker's total in an epoch, by address: what [`crate::weights`] takes.
    pub fn totals(&self, epoch: u64) -> Vec<(Address, u128)> {
        self.workers(epoch).map(|(worker, scores)| (worker, scores.total())).collect()
    }
}

impl Extend<Job> for Board {
    fn extend<I: IntoIterator<Item = Job>>(&mut self, jobs: I) {
        jobs.into_iter().for_each(|job| self.add(&job));
    }
}
