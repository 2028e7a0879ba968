//! The average of a round's trainings, made in this tab by the exact runtime, to post it or to check a posted
//! one. Every input is fetched by its hash.

use delea_model_runtime::{
    content::Digest,
    message::{Bytes, Event, Part, Request},
};

use leptos::prelude::Set;

use super::check::{Desk, say};
use crate::{
    chain::{
        contracts::Detail,
        rounds::{self, Round},
    },
    store::{blobs, documents},
};

/// What a round's trainings give.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Average {
    /// Digest of the parameter file.
    pub(crate) digest: Digest,
    /// The parameter file.
    pub(crate) parameters: Bytes,
    /// Share of held-out examples that it answers right, in parts per million.
    pub(crate) accuracy_ppm: u32,
    /// Held-out examples.
    pub(crate) examples: u32,
}

/// Averages the accepted trainings of a round, weighted by their steps, in the order of their acceptance, and
/// measures the result.
///
/// # Errors
/// A sentence: what could not be fetched, or why the worker stopped.
pub(crate) async fn make(desk: Desk, detail: &Detail, round: &Round) -> Result<Average, String> {
    let (config, rpc) = (desk.app.config(), desk.app.rpc());
    let (contract, model) = (config.contracts.jobs, detail.summary.model);
    let updates = rounds::updates(&rpc, contract, model, round.number, config.from_block)
        .await
        .map_err(say)?;
    if !updates.iter().map(|update| update.place).eq(1..=round.accepted) {
        return Err("The chain’s node leaves trainings of this round out; try another one.".into());
    }
    let manifest = documents::manifest(&config, detail.summary.manifest).await.map_err(say)?;
    let dataset = blobs::get(&config, manifest.dataset.digest, "the data set").await;
    let dataset = Bytes::from(dataset.map_err(say)?);
    let files = f64::from(round.accepted + 1);
    let mut parts = Vec::with_capacity(updates.len());
    for update in updates {
        let what = format!("the parameters of job {}", update.job);
        let parameters = blobs::get(&config, update.parameters, &what).await.map_err(say)?;
        parts.push(Part { units: update.steps, parameters: parameters.into() });
        desk.progress.try_set(parts.len() as f64 / files);
    }
    let client = desk.open(&manifest, &config).await?;
    let unexpected = || "The worker gave an unexpected answer.".to_owned();
    let Event::Parameters { digest, parameters } =
        client.ask(Request::Average { parts }).await.map_err(say)?
    else {
        return Err(unexpected());
    };
    let request =
        Request::Evaluate { spec: manifest.spec.clone(), parameters: parameters.clone(), dataset };
    let Event::Evaluated(found) = client.ask(request).await.map_err(say)? else {
        return Err(unexpected());
    };
    let (accuracy_ppm, examples) = (found.accuracy_ppm, found.examples);
    Ok(Average { digest, parameters, accuracy_ppm, examples })
}
