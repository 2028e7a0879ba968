//! What a settled job did, how far an open one is, and the hash over the log. An ABI file describes an enum as a bare
//! byte; these are the enums again.

use alloy_primitives::{Address, B256, U256, keccak256};
use alloy_sol_types::SolValue;

use crate::bindings::model::{IModel, Model};

/// What a job did, in the contract's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JobKind {
    /// Trained a version and was paid.
    Train,
    /// Used a version and paid.
    Infer,
}

/// A kind of job that this code does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown kind of job: {kind}")]
pub struct UnknownJobKind {
    /// The number in the log.
    pub kind: u8,
}

impl TryFrom<u8> for JobKind {
    type Error = UnknownJobKind;

    fn try_from(kind: u8) -> Result<Self, Self::Error> {
        match kind {
            0 => Ok(Self::Train),
            1 => Ok(Self::Infer),
            _ => Err(UnknownJobKind { kind }),
        }
    }
}

impl From<JobKind> for u8 {
    fn from(kind: JobKind) -> Self {
        match kind {
            JobKind::Train => 0,
            JobKind::Infer => 1,
        }
    }
}

impl TryFrom<IModel::JobKind> for JobKind {
    type Error = UnknownJobKind;

    fn try_from(kind: IModel::JobKind) -> Result<Self, Self::Error> {
        kind.into_underlying().try_into()
    }
}

impl From<JobKind> for IModel::JobKind {
    fn from(kind: JobKind) -> Self {
        Self::from_underlying(kind.into())
    }
}

/// How far a job is, in the contract's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JobState {
    /// There is no such job.
    None,
    /// Waits for a worker.
    Open,
    /// A worker has it.
    Claimed,
    /// The worker has committed to a result.
    Committed,
    /// The result can be checked and doubted.
    Revealed,
    /// Proven, paid and logged.
    Settled,
    /// Refuted by a jury.
    Rejected,
    /// Ended without a result.
    Expired,
}

impl From<u8> for JobState {
    fn from(state: u8) -> Self {
        match state {
            1 => Self::Open,
            2 => Self::Claimed,
            3 => Self::Committed,
            4 => Self::Revealed,
            5 => Self::Settled,
            6 => Self::Rejected,
            7 => Self::Expired,
            _ => Self::None,
        }
    }
}

/// What the contract hashes for one entry of a model's log.
pub type Entry = (B256, u64, U256, Address, IModel::Settlement, U256, U256, u32);

/// The fields of an entry in the order in which the contract hashes them.
pub fn entry(previous: B256, event: &Model::JobSettled) -> Entry {
    let settlement = event.settlement.clone();
    let (kind, worker) = (U256::from(event.kind), event.worker);
    (previous, event.job, kind, worker, settlement, event.amount, event.pool, event.number)
}

/// Hash over a model's log up to an entry, from the hash before it; `Model.logHash` holds the newest.
pub fn log_hash(previous: B256, event: &Model::JobSettled) -> B256 {
    keccak256(entry(previous, event).abi_encode_params())
}

/// Seed of the exact tier for a training whose seed on the chain is `seed`: its first 8 bytes, big-endian.
pub fn training_seed(seed: B256) -> u64 {
    u64::from_be_bytes(seed[..8].try_into().unwrap_or_default())
}

/// Seed on the chain of a job whose claim is in a block: `keccak256(abi.encode(job, worker, hash of that block))`.
pub fn seed_of_claim(job: u64, worker: Address, block: B256) -> B256 {
    keccak256((job, worker, block).abi_encode_params())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_survives_its_number() {
        for kind in [JobKind::Train, JobKind::Infer] {
            assert_eq!(JobKind::try_from(u8::from(kind)), Ok(kind));
            assert_eq!(JobKind::try_from(IModel::JobKind::from(kind)), Ok(kind));
        }
        assert_eq!(JobKind::try_from(2), Err(UnknownJobKind { kind: 2 }));
    }
}
