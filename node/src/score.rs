//! The scores of a model's workers, recomputed from its job log and compared with the contract's.

use std::collections::BTreeMap;

use alloy::primitives::{Address, B256, U256};
use alloy_sol_types::SolEvent;
use delea_contracts_abi::{JobKind, Model, Scores, job::log_hash};

use crate::{error::NodeError, inputs::Desk};

/// Blocks of an epoch.
const EPOCH_BLOCKS: u64 = 360;
const WAD: u128 = 1_000_000_000_000_000_000;

/// Scores of an epoch by worker, WAD.
pub(crate) type Board = BTreeMap<Address, (u128, u128)>;

/// Score of a job: 0.7 for a training, 0.3 for an inference, times what was left of the timeout, and
/// nothing above 90% of it (Dippy Studio, "Scoring").
pub(crate) fn score(kind: JobKind, latency: u32, timeout: u32) -> u128 {
    let (latency, timeout) = (u128::from(latency), u128::from(timeout));
    if timeout == 0 || latency * 100 > timeout * 90 {
        return 0;
    }
    let weight = match kind {
        JobKind::Train => 7 * WAD / 10,
        JobKind::Infer => 3 * WAD / 10,
    };
    weight * (timeout - latency) / timeout
}

/// Recomputes one epoch, or the present one; prints a line a worker.
///
/// # Errors
/// [`NodeError::Untrusted`] if the log was cut or does not give the contract's scores.
pub(crate) async fn report(
    desk: &Desk,
    model: Address,
    epoch: Option<u64>,
) -> Result<Board, NodeError> {
    let chain = &desk.chain;
    let scores = chain.contracts.scores;
    let now = chain.read(scores, Scores::currentEpochCall {}).await?;
    let epoch = epoch.unwrap_or(now);
    let logs = chain.logs(model, Model::JobSettled::SIGNATURE_HASH, None).await?;
    let (mut hash, mut board) = (B256::ZERO, Board::new());
    for log in &logs {
        let event = Model::JobSettled::decode_log(&log.inner).map_err(|error| {
            NodeError::Untrusted(format!("an entry of its job log does not decode: {error}"))
        })?;
        hash = log_hash(hash, &event.data);
        if hash != event.data.logHash {
            return Err(NodeError::Untrusted(format!(
                "an entry before number {} of the job log is missing or changed",
                event.data.number
            )));
        }
        let of = log.block_number.unwrap_or_default() / EPOCH_BLOCKS;
        // What a user ran alone has no job, and scores nothing.
        if of != epoch || event.data.job == 0 {
            continue;
        }
        let kind = JobKind::try_from(event.data.kind)
            .map_err(|error| NodeError::Untrusted(error.to_string()))?;
        let settlement = &event.data.settlement;
        let points = score(kind, settlement.latency, settlement.timeout);
        let row = board.entry(event.data.worker).or_default();
        match kind {
            JobKind::Train => row.0 += points,
            JobKind::Infer => row.1 += points,
        }
    }
    let newest = chain.read(model, Model::logHashCall {}).await?;
    if newest != hash {
        return Err(NodeError::Untrusted("it leaves the end of the job log out".into()));
    }
    for (worker, (train, infer)) in &board {
        let call = Scores::scoreOfCall { model, epoch, worker: *worker };
        let held = chain.read(scores, call).await?;
        if U256::from(held.train) != U256::from(*train)
            || U256::from(held.infer) != U256::from(*infer)
        {
            return Err(NodeError::Untrusted(format!(
                "the log gives {worker} {train} and {infer}, the contract {} and {}",
                held.train, held.infer
            )));
        }
    }
    Ok(board)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_is_what_was_left_of_the_time() {
        assert_eq!(score(JobKind::Train, 0, 100), 7 * WAD / 10);
        assert_eq!(score(JobKind::Infer, 25, 100), 225 * WAD / 1000);
        assert_eq!(score(JobKind::Train, 90, 100), 7 * WAD / 100);
        assert_eq!(score(JobKind::Train, 91, 100), 0);
        assert_eq!(score(JobKind::Infer, 0, 0), 0);
    }
}
