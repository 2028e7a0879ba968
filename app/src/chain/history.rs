//! The job log, read in chunks that public nodes accept.

use alloy_primitives::Address;
use serde_json::{Value, json};

use super::{
    contracts::{JOB_TOPIC, Job},
    rpc::{Rpc, RpcError},
};

/// Blocks asked for at once; most public nodes accept 10,000.
const CHUNK: u64 = 10_000;
/// Chunks asked for before the answer is cut: ten million blocks are years of history.
const MAX_CHUNKS: usize = 1_000;

/// The jobs of a model, newest first; those of one worker if `worker` is given.
///
/// # Errors
/// The first call that fails; a node that finds a chunk too large gets it in halves.
pub(crate) async fn jobs(
    rpc: &Rpc,
    model: Address,
    worker: Option<Address>,
    from: u64,
) -> Result<Vec<Job>, RpcError> {
    let topics = match worker {
        Some(worker) => json!([JOB_TOPIC, Value::Null, Value::Null, worker.into_word()]),
        None => json!([JOB_TOPIC]),
    };
    let last = rpc.block_number().await?;
    let mut jobs = Vec::new();
    let mut waiting = chunks(from, last);
    while let Some((first, end)) = waiting.pop() {
        match rpc.logs(model, topics.clone(), first, end).await {
            Ok(logs) => jobs.extend(logs.iter().filter_map(Job::from_log)),
            Err(RpcError::Node { .. }) if end > first => {
                let middle = first + (end - first) / 2;
                waiting.push((first, middle));
                waiting.push((middle + 1, end));
            }
            Err(error) => return Err(error),
        }
    }
    jobs.sort_by_key(|job| std::cmp::Reverse(job.job));
    Ok(jobs)
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
