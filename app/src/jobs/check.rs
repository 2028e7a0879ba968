//! Checking somebody's training in this tab: doing it again where its seed was fixed beforehand, else
//! measuring its result. No wallet, no account; every input is fetched by its hash.

use delea_model_runtime::{
    RuntimeError,
    message::{Bytes, Event, Request, TrainJob},
};
use leptos::prelude::*;

use super::{client::Client, trainer::sentence};
use crate::{
    app::App,
    chain::{
        contracts::Detail,
        jobs::{self, Job, Outcome},
    },
    format,
    store::{blobs, documents},
};

/// What a check found.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Verdict {
    /// Whether it is what the worker claims.
    pub(crate) holds: bool,
    /// What was checked and what it shows, in a sentence or two.
    pub(crate) words: String,
}

/// Checks a training whose worker has committed to `claimed`. `progress` goes from 0 to 1.
///
/// # Errors
/// A sentence: what could not be fetched, or why the worker stopped. It says nothing of the training.
pub(crate) async fn check(
    app: App,
    job: &Job,
    detail: &Detail,
    claimed: Outcome,
    progress: RwSignal<f64>,
) -> Result<Verdict, String> {
    let config = app.config();
    let words = |error: String| sentence(&error);
    let manifest = documents::manifest(&config, detail.summary.manifest).await;
    let manifest = manifest.map_err(|e| words(e.to_string()))?;
    let dataset = blobs::get(&config, manifest.dataset.digest, "the data set").await;
    let dataset = Bytes::from(dataset.map_err(|e| words(e.to_string()))?);
    // A worker of its own: a training may be going on in the other one.
    let client = Client::spawn(&config.workers.cpu).await.map_err(|e| words(e.to_string()))?;
    let started = client.ask(Request::Start).await.map_err(|e| words(e.to_string()))?;
    if !matches!(started, Event::Ready { .. }) {
        return Err("The worker’s device did not report.".to_owned());
    }
    if job.by_result {
        let output = blobs::get(&config, claimed.output, "the trained parameters").await;
        let parameters = Bytes::from(output.map_err(|e| words(e.to_string()))?);
        let request = Request::Evaluate { spec: manifest.spec.clone(), parameters, dataset };
        return match client.ask(request).await.map_err(|e| words(e.to_string()))? {
            Event::Evaluated(found) => Ok(measured(claimed, found.accuracy_ppm, found.examples)),
            _ => Err("The worker gave an unexpected answer.".to_owned()),
        };
    }
    let seed = jobs::seed(&app.rpc(), config.contracts.jobs, job.id).await;
    let seed = seed
        .map_err(|e| words(e.to_string()))?
        .ok_or("The training’s seed is not on the chain yet.")?;
    let base = detail
        .version(job.base)
        .ok_or_else(|| format!("Version {} is not on the chain.", job.base))?;
    let parameters = blobs::get(&config, base.parameters, "the parameters it started from").await;
    let mut training = manifest.training.clone();
    training.steps = job.units;
    let key = format!("check-{}", job.id);
    let request = Request::Train(Box::new(TrainJob {
        job: key.clone(),
        spec: manifest.spec.clone(),
        config: training,
        seed,
        parameters: Bytes::from(parameters.map_err(|e| words(e.to_string()))?),
        dataset,
        evaluate_every: 0,
    }));
    let mut conversation = client.open(request).map_err(|e| words(e.to_string()))?;
    let verdict = loop {
        match conversation.next().await {
            Event::Progress(at) => {
                progress.try_set(f64::from(at.step) / f64::from(at.steps.max(1)));
            }
            Event::Trained(found) => {
                let same = found.digest == claimed.output;
                break Ok(replayed(
                    job.units,
                    same,
                    found.checkpoint_root == claimed.checkpoint_root,
                ));
            }
            Event::Failed { error } => break Err(stopped(&error)),
            Event::Cancelled { .. } => break Err("The check was stopped.".to_owned()),
            _ => {}
        }
    };
    let _ = client.ask(Request::DropCheckpoint { job: key }).await;
    verdict
}

fn stopped(error: &RuntimeError) -> String {
    sentence(&error.to_string())
}

fn measured(claimed: Outcome, found_ppm: u32, examples: u32) -> Verdict {
    let holds = found_ppm == claimed.accuracy_ppm;
    let measured = format!(
        "Its parameters were fetched by their hash and measured in this tab on {}: {} right",
        format::plural(u64::from(examples), "example"),
        format::ppm(found_ppm),
    );
    let words = match holds {
        true => format!(
            "{measured}, just as claimed. How long it was trained cannot be told from a result."
        ),
        false => format!("{measured}, but {} are claimed.", format::ppm(claimed.accuracy_ppm)),
    };
    Verdict { holds, words }
}

fn replayed(steps: u32, same: bool, same_way: bool) -> Verdict {
    let steps = format::plural(u64::from(steps), "step");
    let words = match (same, same_way) {
        (true, true) => format!(
            "All {steps} were done again in this tab, from the same parameters, data and seed, with the very same bits at every checkpoint: this training was done as claimed."
        ),
        (true, false) => format!(
            "All {steps} were done again in this tab. The parameters are the same bits, but the checkpoints along the way are not those that were committed to."
        ),
        (false, _) => format!(
            "All {steps} were done again in this tab, and they give other parameters than those claimed."
        ),
    };
    Verdict { holds: same && same_way, words }
}

#[cfg(test)]
mod tests {
    use super::*;
    use delea_model_runtime::content::Digest;

    #[test]
    fn a_verdict_says_what_was_checked() {
        let claimed = Outcome {
            output: Digest([1; 32]),
            checkpoint_root: Digest([2; 32]),
            accuracy_ppm: 970_000,
        };
        let verdict = measured(claimed, 970_000, 359);
        assert!(verdict.holds && verdict.words.contains("359 examples"), "{}", verdict.words);
        let verdict = measured(claimed, 910_000, 359);
        assert!(
            !verdict.holds && verdict.words.contains("97.0 % are claimed"),
            "{}",
            verdict.words
        );
        assert!(replayed(10, true, true).holds);
        assert!(!replayed(10, true, false).holds && !replayed(10, false, true).holds);
    }
}
