//! The scores of a model's workers, recomputed from its job log and compared with the contract's.

use alloy::primitives::{Address, B256, U256};
use alloy_sol_types::SolEvent;
use delea_contracts_abi::{JobKind, Model, Scores, job::log_hash};
use delea_scoring::{Board, Job};

use crate::{error::NodeError, inputs::Desk};

/// Recomputes one epoch, or the present one; prints a line a worker.
///
/// # Errors
/// [`NodeError::Untrusted`] if the log was cut or does not give the contract's scores.
pub(crate) async fn report(
    desk: &Desk,
    model: Address,
    epoch: Option<u64>,
) -> Result<Vec<(Address, delea_scoring::Scores)>, NodeError> {
    let chain = &desk.chain;
    let scores = chain.contracts.scores;
    let now = chain.read(scores, Scores::currentEpochCall {}).await?;
    let epoch = epoch.unwrap_or(now);
    let logs = chain.logs(model, Model::JobSettled::SIGNATURE_HASH, None).await?;
    let (mut hash, mut board) = (B256::ZERO, Board::default());
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
        // What a user ran alone has no job, and scores nothing.
        if event.data.job == 0 {
            continue;
        }
        let kind = JobKind::try_from(event.data.kind)
            .map_err(|error| NodeError::Untrusted(error.to_string()))?;
        board.add(&Job {
            worker: event.data.worker,
            kind,
            latency: event.data.settlement.latency,
            timeout: event.data.settlement.timeout,
            block: log.block_number.unwrap_or_default(),
        });
    }
    let newest = chain.read(model, Model::logHashCall {}).await?;
    if newest != hash {
        return Err(NodeError::Untrusted("it leaves the end of the job log out".into()));
    }
    for (worker, scores_of) in board.workers(epoch) {
        let call = Scores::scoreOfCall { model, epoch, worker };
        let held = chain.read(scores, call).await?;
        let (train, infer) = (scores_of.train, scores_of.infer);
        if U256::from(held.train) != U256::from(train)
            || U256::from(held.infer) != U256::from(infer)
        {
            return Err(NodeError::Untrusted(format!(
                "the log gives {worker} {train} and {infer}, the contract {} and {}",
                held.train, held.infer
            )));
        }
    }
    Ok(board.workers(epoch).collect())
}
