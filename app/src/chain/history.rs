//! Logs, read in chunks that public nodes accept.

use alloy_primitives::{Address, B256, U256};
use serde_json::{Value, json};

use super::{
    jobs::{SETTLED_TOPIC, Settled, Step},
    rpc::{Log, Rpc, RpcError},
};

/// Blocks asked for at once; most public nodes accept 10,000.
const CHUNK: u64 = 10_000;
/// Chunks asked for before the answer is cut: ten million blocks are years of history.
const MAX_CHUNKS: usize = 1_000;

/// The settled jobs of a model, newest first; those of one worker if `worker` is given.
///
/// # Errors
/// The first call that fails.
pub(crate) async fn settled(
    rpc: &Rpc,
    model: Address,
    worker: Option<Address>,
    from: u64,
) -> Result<Vec<Settled>, RpcError> {
    let topics = match worker {
        Some(worker) => json!([SETTLED_TOPIC, Value::Null, Value::Null, worker.into_word()]),
        None => json!([SETTLED_TOPIC]),
    };
    let logs = logs(rpc, model, topics, from).await?;
    let mut jobs: Vec<_> = logs.iter().filter_map(Settled::from_log).collect();
    jobs.sort_by_key(|job| std::cmp::Reverse(job.number));
    Ok(jobs)
}

/// What happened to one job, oldest first.
///
/// # Errors
/// The first call that fails.
pub(crate) async fn steps(
    rpc: &Rpc,
    jobs: Address,
    job: u64,
    from: u64,
) -> Result<Vec<Step>, RpcError> {
    let number = B256::from(U256::from(job));
    let mut steps: Vec<Step> = Vec::new();
    // A job's number is the first indexed field of its own events, and the third of its acceptance.
    for topics in
        [json!([Value::Null, number]), json!([Value::Null, Value::Null, Value::Null, number])]
    {
        steps.extend(logs(rpc, jobs, topics, from).await?.iter().filter_map(Step::from_log));
    }
    steps.sort_by_key(|step| step.block);
    Ok(steps)
}

/// All logs of a contract with some topics; a node that finds a chunk too large gets it in halves.
pub(crate) async fn logs(
    rpc: &Rpc,
    contract: Address,
    topics: Value,
    from: u64,
) -> Result<Vec<Log>, RpcError> {
    let last = rpc.block_number().await?;
    let mut all = Vec::new();
    let mut waiting = chunks(from, last);
    waiting.reverse();
    while let Some((first, end)) = waiting.pop() {
        match rpc.logs(contract, topics.clone(), first, end).await {
            Ok(logs) => all.extend(logs),
            Err(RpcError::Node { .. }) if end > first => {
                let middle = first + (end - first) / 2;
                waiting.push((middle + 1, end));
                waiting.push((first, middle));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(all)
}

/// Ranges of blocks, both ends included, oldest first.
fn chunks(from: u64, last: u64) -> Vec<(u64, u64)> {
    if from > last {
        return Vec::new();
    }
    let starts = (from..=last).step_by(CHUNK as usize).take(MAX_CHUNKS);
    starts.map(|start| (start, last.min(start + CHUNK - 1))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_cover_every_block_once() {
        assert_eq!(chunks(0, 0), [(0, 0)]);
        assert_eq!(chunks(5, 4), []);
        assert_eq!(chunks(0, 20_000), [(0, 9_999), (10_000, 19_999), (20_000, 20_000)]);
        assert_eq!(chunks(7, 10_006), [(7, 10_006)]);
    }
}
