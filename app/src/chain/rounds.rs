//! Rounds of trainings of one version: what the chain knows of them, and the calls that bring them on.

use alloy_primitives::{Address, B256, U256};
use alloy_sol_types::{SolCall, SolEvent};
use delea_contracts_abi::{Jobs, Model};
use delea_model_runtime::content::Digest;
use serde_json::json;

use super::{
    contracts::read,
    history,
    rpc::{Rpc, RpcError},
};

/// Challenge windows without a posted average after which the longest training can be published; the
/// contract's `OVERDUE_WINDOWS`.
const OVERDUE_WINDOWS: u64 = 8;

/// The round that a model is in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Round {
    /// Its number.
    pub(crate) number: u32,
    /// Last time for commitments, in seconds since 1970.
    pub(crate) commits_until: u64,
    /// Committed trainings that are not decided.
    pub(crate) pending: u32,
    /// Accepted trainings.
    pub(crate) accepted: u32,
    /// When the last one was accepted.
    accepted_at: u64,
}

impl Round {
    /// Last time until which only an average can be published, where others can doubt for `window` seconds.
    pub(crate) fn overdue_at(&self, window: u32) -> u64 {
        self.accepted_at.max(self.commits_until) + OVERDUE_WINDOWS * u64::from(window)
    }
}

#[cfg(test)]
impl Round {
    /// One of number 1.
    pub(crate) fn example(commits_until: u64, pending: u32, accepted: u32) -> Self {
        Self { number: 1, commits_until, pending, accepted, accepted_at: 0 }
    }
}

/// A posted average.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Average {
    /// Who posted it.
    pub(crate) poster: Address,
    /// Since when it can be doubted.
    pub(crate) on_view_since: u64,
    /// What the poster has at stake.
    pub(crate) bond: U256,
    /// Its parameters.
    pub(crate) parameters: Digest,
    /// Held-out accuracy claimed.
    pub(crate) accuracy_ppm: u32,
    /// The round.
    pub(crate) round: u32,
    /// Whether somebody doubts it.
    pub(crate) doubted: bool,
    /// The case before the jury; zero without one.
    pub(crate) case: u64,
}

/// An accepted training of a round.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Update {
    /// Place in the round, from 1.
    pub(crate) place: u32,
    /// The job.
    pub(crate) job: u64,
    /// Its steps, which are its weight.
    pub(crate) steps: u32,
    /// Its parameters.
    pub(crate) parameters: Digest,
}

/// Reads the round of a model's head; nothing while no training of it was committed.
pub(crate) async fn round(
    rpc: &Rpc,
    jobs: Address,
    model: Address,
) -> Result<Option<Round>, RpcError> {
    let (round, number) = futures_util::try_join!(
        read(rpc, jobs, Jobs::roundOfCall { model }),
        read(rpc, model, Model::roundCall {}),
    )?;
    let begun = round.number == number && round.pending + round.accepted > 0;
    Ok(begun.then_some(Round {
        number,
        commits_until: round.commitsUntil,
        pending: round.pending,
        accepted: round.accepted,
        accepted_at: round.lastAcceptedAt,
    }))
}

/// Reads the average that waits, if one does.
pub(crate) async fn average(
    rpc: &Rpc,
    jobs: Address,
    model: Address,
) -> Result<Option<Average>, RpcError> {
    let average = read(rpc, jobs, Jobs::averageOfCall { model }).await?;
    Ok((!average.poster.is_zero()).then(|| Average {
        poster: average.poster,
        on_view_since: average.postedAt,
        bond: U256::from(average.bond),
        parameters: Digest(average.parametersHash.0),
        accuracy_ppm: average.accuracyPpm,
        round: average.round,
        doubted: !average.challenger.is_zero(),
        case: average.caseId,
    }))
}

/// The accepted trainings of a round, in the order of their acceptance.
pub(crate) async fn updates(
    rpc: &Rpc,
    jobs: Address,
    model: Address,
    round: u32,
    from: u64,
) -> Result<Vec<Update>, RpcError> {
    let topics = json!([
        Jobs::UpdateAccepted::SIGNATURE_HASH,
        model.into_word(),
        B256::from(U256::from(round)),
    ]);
    let logs = history::logs(rpc, jobs, topics, from).await?;
    let mut updates: Vec<_> = logs
        .iter()
        .filter_map(|log| {
            let topics = log.topics.iter().copied();
            let event = Jobs::UpdateAccepted::decode_raw_log(topics, &log.data).ok()?;
            Some(Update {
                place: event.place,
                job: event.job,
                steps: event.steps,
                parameters: Digest(event.parametersHash.0),
            })
        })
        .collect();
    updates.sort_by_key(|update| update.place);
    Ok(updates)
}

/// Call data of `publishRound`.
pub(crate) fn publish_round_call(model: Address) -> Vec<u8> {
    Jobs::publishRoundCall { model }.abi_encode()
}

/// Call data of `publishBest`.
pub(crate) fn publish_best_call(model: Address) -> Vec<u8> {
    Jobs::publishBestCall { model }.abi_encode()
}

/// Call data of `postAverage`.
pub(crate) fn post_call(model: Address, parameters: Digest, accuracy_ppm: u32) -> Vec<u8> {
    let parameters = parameters.0.into();
    Jobs::postAverageCall { model, parametersHash: parameters, accuracyPpm: accuracy_ppm }
        .abi_encode()
}

/// Call data of `challengeAverage`.
pub(crate) fn challenge_call(model: Address) -> Vec<u8> {
    Jobs::challengeAverageCall { model }.abi_encode()
}

/// Call data of `settleAverage`.
pub(crate) fn settle_call(model: Address) -> Vec<u8> {
    Jobs::settleAverageCall { model }.abi_encode()
}
