//! Rounds of several trainings: their average, made by the exact runtime, posted, and checked.

use alloy::primitives::{Address, B256, U256, keccak256};
use alloy_sol_types::{SolEvent, SolValue};
use delea_contracts_abi::{Jobs, Model, bindings::jobs::IRounds};
use delea_model_runtime::{
    content::Digest,
    message::{Event, Part, Request},
};
use tracing::info;

use crate::{
    error::NodeError,
    inputs::{Desk, blocking},
};

/// What the accepted trainings of a round give.
#[derive(Debug, Clone)]
pub(crate) struct Average {
    /// The parameter file.
    pub(crate) parameters: Vec<u8>,
    /// Its digest.
    pub(crate) digest: Digest,
    /// Share of held-out examples that it answers right, in parts per million.
    pub(crate) accuracy_ppm: u32,
}

/// What a jury is asked for: parameters, and the accuracy claimed of them.
pub(crate) fn finding(parameters_hash: B256, accuracy_ppm: u32) -> B256 {
    keccak256((parameters_hash, accuracy_ppm).abi_encode_params())
}

/// Averages the accepted trainings of a model's round, weighted by their steps, in the order of their
/// acceptance.
///
/// # Errors
/// [`NodeError::Untrusted`] where the chain's node leaves one out; [`NodeError::Missing`] where nobody has
/// the parameters of one.
pub(crate) async fn average(
    desk: &Desk,
    model: Address,
    round: &IRounds::Round,
) -> Result<Average, NodeError> {
    let chain = &desk.chain;
    let logs = chain.logs(chain.contracts.jobs, Jobs::UpdateAccepted::SIGNATURE_HASH, None).await?;
    let mut updates: Vec<_> = logs
        .iter()
        .filter_map(|log| Jobs::UpdateAccepted::decode_log(&log.inner).ok())
        .map(|event| event.data)
        .filter(|update| update.model == model && update.round == round.number)
        .collect();
    updates.sort_by_key(|update| update.place);
    if !updates.iter().map(|update| update.place).eq(1..=round.accepted) {
        return Err(NodeError::Untrusted(format!(
            "it leaves out trainings of the round of {model}"
        )));
    }
    let mut parts = Vec::with_capacity(updates.len());
    for update in updates {
        let what = format!("the parameters of job {}", update.job);
        let parameters = desk.blobs.get(Digest(update.parametersHash.0), &what).await?;
        parts.push(Part { units: update.steps, parameters: parameters.into() });
    }
    let manifest = desk.manifest(model).await?;
    let dataset = desk.blobs.get(manifest.dataset.digest, "the data set").await?;
    let runtime = desk.runtime_of(&manifest).await?;
    blocking(move || {
        let other = || NodeError::Engine("it gave another answer than asked for".into());
        let mut exact = runtime.open()?;
        let Event::Parameters { digest, parameters } = exact.ask(Request::Average { parts })?
        else {
            return Err(other());
        };
        let request = Request::Evaluate {
            spec: manifest.spec,
            parameters: parameters.clone(),
            dataset: dataset.into(),
        };
        let Event::Evaluated(found) = exact.ask(request)? else { return Err(other()) };
        let parameters = parameters.into_vec();
        Ok(Average { parameters, digest, accuracy_ppm: found.accuracy_ppm })
    })
    .await
}

/// Whether a training that is begun now joins a model's round, or begins one.
///
/// # Errors
/// [`NodeError`] of the chain.
pub(crate) async fn is_open(desk: &Desk, model: Address) -> Result<bool, NodeError> {
    match under_way(desk, model).await? {
        Some(round) => Ok(desk.chain.now().await? <= round.commitsUntil),
        None => Ok(true),
    }
}

/// The round of a model that somebody's training began, where there is one.
async fn under_way(desk: &Desk, model: Address) -> Result<Option<IRounds::Round>, NodeError> {
    let chain = &desk.chain;
    let round = chain.read(chain.contracts.jobs, Jobs::roundOfCall { model }).await?;
    let number = chain.read(model, Model::roundCall {}).await?;
    Ok((round.number == number && round.accepted + round.pending > 0).then_some(round))
}

/// Brings a model's round on, once it is closed: publishes a training that is alone, averages several,
/// settles a posted average. Whether there is something to wait for.
///
/// # Errors
/// As [`average`]; what others did first is no error.
pub(crate) async fn tend(desk: &Desk, model: Address) -> Result<bool, NodeError> {
    let chain = &desk.chain;
    let jobs = chain.contracts.jobs;
    let Some(round) = under_way(desk, model).await? else { return Ok(false) };
    let waiting = chain.read(jobs, Jobs::averageOfCall { model }).await?;
    if !waiting.poster.is_zero() {
        chain.attempt(jobs, Jobs::settleAverageCall { model }, U256::ZERO).await?;
        return Ok(true);
    }
    if round.pending > 0 || chain.now().await? <= round.commitsUntil {
        return Ok(true);
    }
    if round.accepted == 1 {
        chain.attempt(jobs, Jobs::publishRoundCall { model }, U256::ZERO).await?;
        return Ok(true);
    }
    let average = average(desk, model, &round).await?;
    let (accuracy_ppm, trainings) = (average.accuracy_ppm, round.accepted);
    desk.blobs.publish(average.parameters, "the average").await?;
    let bond = chain.bond(model, &chain.rules(model).await?).await?;
    let call = Jobs::postAverageCall {
        model,
        parametersHash: B256::from(average.digest.0),
        accuracyPpm: accuracy_ppm,
    };
    if chain.attempt(jobs, call, bond).await? {
        info!(%model, trainings, accuracy_ppm, "average posted");
    } else {
        // Where it improves by too little, the longest training is published in the end.
        chain.attempt(jobs, Jobs::publishBestCall { model }, U256::ZERO).await?;
    }
    Ok(true)
}
