//! Scores and weights of a model's epochs, as the contract holds them, and the calls that bring an epoch on.

use alloy_primitives::{Address, B256, U256};
use alloy_sol_types::SolCall;
use delea_contracts_abi::Scores;
use delea_scoring::{EPOCH_BLOCKS, WAD};

use super::{
    contracts::read,
    rpc::{Rpc, RpcError},
};

/// How far an epoch is, in the contract's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    /// Nobody has posted weights.
    Open,
    /// Weights were posted, and can be doubted.
    Posted,
    /// It is divided by weights.
    Weighted,
    /// It is divided by scores, since nobody had posted weights.
    Shared,
}

impl From<u8> for Status {
    fn from(status: u8) -> Self {
        match status {
            1 => Self::Posted,
            2 => Self::Weighted,
            3 => Self::Shared,
            _ => Self::Open,
        }
    }
}

/// What the contract holds of an epoch.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Epoch {
    /// How far it is.
    pub(crate) status: Status,
    /// Sum of all scores, WAD.
    pub(crate) total: U256,
    /// Inferences settled.
    pub(crate) inferences: u32,
    /// Tokens that they paid.
    pub(crate) paid: U256,
    /// Who posted weights.
    pub(crate) poster: Address,
    /// Since when they are on view, in seconds since 1970.
    pub(crate) posted_at: u64,
    /// Whether somebody doubts them.
    pub(crate) doubted: bool,
    /// The case before the jury; zero without one.
    pub(crate) case: u64,
    /// Root over the weights.
    pub(crate) root: B256,
    /// Tokens that the model paid for it.
    pub(crate) emission: U256,
}

impl Epoch {
    /// Tokens of `emission` for a worker with a score and a weight, both WAD, rounded down as the contract does it.
    pub(crate) fn part_down(&self, emission: U256, score: u128, weight: u128) -> U256 {
        let wad = U256::from(WAD);
        let weight = match self.status {
            Status::Shared if !self.total.is_zero() => U256::from(score) * wad / self.total,
            _ => U256::from(weight),
        };
        emission * weight / wad
    }

    /// Whether workers can claim by the weights of this root, or by their scores.
    pub(crate) fn is_claimable(&self, root: B256) -> bool {
        match self.status {
            Status::Weighted => self.root == root,
            Status::Shared => true,
            Status::Open | Status::Posted => false,
        }
    }

    /// Whether it is divided.
    pub(crate) fn is_final(&self) -> bool {
        matches!(self.status, Status::Weighted | Status::Shared)
    }
}

/// What it holds of a worker in an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Held {
    /// Score of trainings, WAD.
    pub(crate) train: U256,
    /// Score of inferences, WAD.
    pub(crate) infer: U256,
    /// Trainings.
    pub(crate) trainings: u32,
    /// Inferences, as jobs.
    pub(crate) inferences: u32,
    /// Whether the worker has had its part.
    pub(crate) claimed: bool,
}

/// First block of an epoch.
pub(crate) fn begins_at(epoch: u64) -> u64 {
    epoch * EPOCH_BLOCKS
}

/// Reads an epoch.
pub(crate) async fn epoch(
    rpc: &Rpc,
    scores: Address,
    model: Address,
    epoch: u64,
) -> Result<Epoch, RpcError> {
    let held = read(rpc, scores, Scores::epochOfCall { model, epoch }).await?;
    Ok(Epoch {
        status: held.status.into(),
        total: U256::from(held.total),
        inferences: held.inferences,
        paid: U256::from(held.paid),
        poster: held.poster,
        posted_at: held.postedAt,
        doubted: !held.challenger.is_zero(),
        case: held.caseId,
        root: held.root,
        emission: U256::from(held.emission),
    })
}

/// Reads a worker's scores in an epoch.
pub(crate) async fn worker(
    rpc: &Rpc,
    scores: Address,
    model: Address,
    epoch: u64,
    worker: Address,
) -> Result<Held, RpcError> {
    let (held, claimed) = futures_util::try_join!(
        read(rpc, scores, Scores::scoreOfCall { model, epoch, worker }),
        read(rpc, scores, Scores::hasClaimedCall { model, epoch, worker }),
    )?;
    Ok(Held {
        train: U256::from(held.train),
        infer: U256::from(held.infer),
        trainings: held.trainings,
        inferences: held.inferences,
        claimed,
    })
}

/// Call data of `postWeights`.
pub(crate) fn post_call(model: Address, epoch: u64, root: B256) -> Vec<u8> {
    Scores::postWeightsCall { model, epoch, root }.abi_encode()
}

/// Call data of `challengeWeights`.
pub(crate) fn challenge_call(model: Address, epoch: u64) -> Vec<u8> {
    Scores::challengeWeightsCall { model, epoch }.abi_encode()
}

/// Call data of `settleWeights`.
pub(crate) fn settle_call(model: Address, epoch: u64) -> Vec<u8> {
    Scores::settleWeightsCall { model, epoch }.abi_encode()
}

/// Call data of `shareByScore`.
pub(crate) fn share_call(model: Address, epoch: u64) -> Vec<u8> {
    Scores::shareByScoreCall { model, epoch }.abi_encode()
}

/// Call data of `claim`.
pub(crate) fn claim_call(
    model: Address,
    epoch: u64,
    worker: Address,
    weight: u128,
    proof: Vec<B256>,
) -> Vec<u8> {
    Scores::claimCall { model, epoch, worker, weight: U256::from(weight), proof }.abi_encode()
}
