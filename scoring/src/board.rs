//! Scores of jobs and their sums.

use std::collections::BTreeMap;

use alloy_primitives::{Address, U256};
use delea_contracts_abi::{
    JobKind,
    curve::{CurveError, inference_units, reward_down},
};

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
    /// Steps trained, or inferences made.
    pub units: u32,
    /// Tokens paid for a training, or by an inference, base units.
    pub amount: u128,
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

/// An epoch's sums over all its workers, as `Scores.epochOf` holds them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sums {
    /// All scores, WAD.
    pub total: u128,
    /// Inferences settled.
    pub inferences: u32,
    /// Tokens that they paid into the pool, base units.
    pub paid: u128,
}

impl Sums {
    /// The most that the contract counts, since tokens that were paid again and again add up.
    const MOST_PAID: u128 = (1 << 96) - 1;

    fn add(&mut self, job: &Job) {
        self.total += score(job.kind, job.latency, job.timeout);
        if job.kind == JobKind::Infer {
            self.inferences = self.inferences.saturating_add(job.units);
            self.paid = self.paid.saturating_add(job.amount).min(Self::MOST_PAID);
        }
    }

    /// Tokens that a model with `pool` tokens left pays for the epoch, rounded down: what the curve gives for its
    /// inferences, and never more than they paid. `inference_unit` and `alpha` are the model's, WAD. The contract's
    /// `Model.payEmission`, bit for bit.
    ///
    /// Seed, 3.2: "we will apply the emission schedule".
    ///
    /// # Errors
    /// [`CurveError::Overflow`] where the contract would refuse as well.
    pub fn emission_down(
        &self,
        pool: U256,
        inference_unit: u64,
        alpha: U256,
    ) -> Result<U256, CurveError> {
        let units = inference_units(self.inferences, inference_unit);
        Ok(reward_down(pool, units, alpha)?.min(U256::from(self.paid)))
    }
}

/// Epoch of a block.
pub fn epoch_of(block: u64) -> u64 {
    block / EPOCH_BLOCKS
}

/// Workers' scores by epoch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Board {
    epochs: BTreeMap<u64, Epoch>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Epoch {
    sums: Sums,
    workers: BTreeMap<Address, Scores>,
}

impl Board {
    /// Adds a settled job. The order of jobs does not matter.
    pub fn add(&mut self, job: &Job) {
        let epoch = self.epochs.entry(epoch_of(job.block)).or_default();
        epoch.sums.add(job);
        epoch.workers.entry(job.worker).or_default().add(job);
    }

    /// Epochs in which anybody worked, in order.
    pub fn epochs(&self) -> impl Iterator<Item = u64> {
        self.epochs.keys().copied()
    }

    /// An epoch's sums.
    pub fn sums(&self, epoch: u64) -> Sums {
        self.epochs.get(&epoch).map(|epoch| epoch.sums).unwrap_or_default()
    }

    /// Workers of an epoch, by address.
    pub fn workers(&self, epoch: u64) -> impl Iterator<Item = (Address, Scores)> {
        let workers = self.epochs.get(&epoch).map(|epoch| &epoch.workers);
        workers.into_iter().flatten().map(|(worker, scores)| (*worker, *scores))
    }

    /// A worker's scores in an epoch.
    pub fn scores(&self, epoch: u64, worker: Address) -> Scores {
        let epoch = self.epochs.get(&epoch);
        epoch.and_then(|epoch| epoch.workers.get(&worker)).copied().unwrap_or_default()
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
