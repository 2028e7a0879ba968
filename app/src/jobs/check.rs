//! Checking somebody's work in this tab: asking a question again; doing a training again where its seed was fixed
//! beforehand, all of it or the parts that the chain drew, else measuring its result. No wallet, no account; every input
//! is fetched by its hash.

use delea_model_runtime::{
    RuntimeError,
    commitment::{self, Leaf, Trace},
    content::Digest,
    inference::{self, Question},
    manifest::Manifest,
    message::{Bytes, Event, Floats, Request, Segment, TrainJob},
};
use leptos::{prelude::*, reactive::owner::LocalStorage};
use wasm_bindgen_futures::spawn_local;

use super::{client::Client, pool::provide, trainer::sentence};
use crate::{
    app::App,
    chain::{
        contracts::Detail,
        jobs::{self, Job, Outcome, Revealed},
    },
    config::Config,
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

/// How much is done again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// Every step.
    Whole,
    /// The parts that the hash of the commitment's block draws.
    Drawn,
}

/// What is checked.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Claim {
    /// The job.
    pub(crate) job: Job,
    /// Its model.
    pub(crate) detail: Detail,
    /// What its worker committed to.
    pub(crate) outcome: Outcome,
    /// What came with the result; nothing before it is shown.
    pub(crate) revealed: Option<Revealed>,
}

impl Claim {
    /// Parts of which only some have to be done again; nothing where all must be.
    pub(crate) fn drawn(&self) -> Option<(Revealed, Vec<u32>)> {
        let revealed = self.revealed.filter(|r| r.trace.is_some() && !r.draw.is_zero())?;
        let count = commitment::CHECKED_SEGMENTS;
        let drawn = commitment::drawn(revealed.draw.0, self.job.units, count);
        let all = commitment::segments(self.job.units) as usize;
        (self.job.training && !self.job.by_result && drawn.len() < all).then_some((revealed, drawn))
    }
}

/// Work at a desk, as a page shows it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Attempt<T> {
    /// Not begun.
    Idle,
    /// Going on.
    Running,
    /// Done; what it gave.
    Done(T),
    /// It could not be done; why.
    Failed(String),
}

/// The tab's side of a check.
#[derive(Clone, Copy)]
pub(crate) struct Desk {
    /// The application.
    pub(crate) app: App,
    /// From 0 to 1.
    pub(crate) progress: RwSignal<f64>,
    /// The worker at work, so that the check can be stopped.
    pub(crate) worker: StoredValue<Option<Client>, LocalStorage>,
    /// The version of the exact runtime that is used instead of the page's own.
    pub(crate) runtime: RwSignal<Option<Digest>>,
}

impl Desk {
    /// A desk of the page that is being built. Its work ends with what shows it.
    pub(crate) fn new(app: App) -> Self {
        let desk = Self {
            app,
            progress: RwSignal::new(0.0),
            worker: StoredValue::new_local(None),
            runtime: RwSignal::new(None),
        };
        on_cleanup(move || desk.stop());
        desk
    }

    /// Does some work, and tells how far it is.
    pub(crate) fn attempt<T: Send + Sync + 'static>(
        self,
        at: RwSignal<Attempt<T>>,
        work: impl Future<Output = Result<T, String>> + 'static,
    ) {
        at.set(Attempt::Running);
        self.progress.set(0.0);
        spawn_local(async move {
            let end = match work.await {
                Ok(done) => Attempt::Done(done),
                Err(reason) => Attempt::Failed(reason),
            };
            self.worker.try_set_value(None);
            at.try_set(end);
        });
    }

    /// Ends what goes on.
    pub(crate) fn stop(self) {
        if let Some(Some(worker)) = self.worker.try_update_value(Option::take) {
            worker.kill(STOPPED);
        }
    }

    /// A worker of the model's version of the exact runtime, apart from the one in which a training may go on.
    ///
    /// # Errors
    /// A sentence.
    pub(crate) async fn open(self, manifest: &Manifest, config: &Config) -> Result<Client, String> {
        let client = match other_runtime(manifest, config) {
            None => Client::spawn(&config.workers.of(&manifest.spec).cpu).await,
            Some(wanted) => {
                self.runtime.try_set(Some(wanted));
                let runtime =
                    blobs::get(config, wanted, "the model’s version of the exact runtime").await;
                Client::host(&config.workers.host, &runtime.map_err(say)?).await
            }
        };
        let client = client.map_err(say)?;
        provide(&client, config, manifest.spec.base()).await.map_err(say)?;
        self.worker.try_set_value(Some(client.clone()));
        Ok(client)
    }
}

/// What is said of a check that the visitor stopped.
pub(crate) const STOPPED: &str = "the check was stopped";

/// All that a replay needs besides the parameters it starts from.
struct Replay<'a> {
    claim: &'a Claim,
    config: &'a Config,
    client: &'a Client,
    progress: RwSignal<f64>,
    job: TrainJob,
    trace: Option<Trace>,
}

/// Asks once more what a worker answered.
async fn answer(desk: Desk, claim: &Claim) -> Result<Verdict, String> {
    let Claim { job, detail, outcome, .. } = claim;
    let config = desk.app.config();
    let manifest = documents::manifest(&config, detail.summary.manifest).await.map_err(say)?;
    let question = blobs::get(&config, job.input, "the question").await.map_err(say)?;
    let question = match Question::from_bytes(&question, &manifest.spec, job.units) {
        Ok(question) => question,
        Err(error) => return impossible(&error),
    };
    let base = detail
        .version(job.base)
        .ok_or_else(|| format!("Version {} is not on the chain.", job.base))?;
    let parameters = blobs::get(&config, base.parameters, "the parameters").await.map_err(say)?;
    let client = desk.open(&manifest, &config).await?;
    let request = question.request(manifest.spec.clone(), parameters);
    let found = match client.ask(request).await.and_then(inference::answer) {
        Ok(found) => Digest::of(&found),
        Err(error) => return impossible(&error),
    };
    let holds = found == outcome.output;
    let words = match holds {
        true => "The question was asked again in this tab, and the answer is the same to the bit.",
        false => "Asked again in this tab, the same question has another answer.",
    };
    Ok(Verdict { holds, words: words.to_owned() })
}

/// Checks a job.
///
/// # Errors
/// A sentence: what could not be fetched, or why the worker stopped. It says nothing of the job.
pub(crate) async fn check(desk: Desk, claim: &Claim, extent: Extent) -> Result<Verdict, String> {
    let Claim { job, detail, outcome, revealed } = claim;
    if !job.training {
        return answer(desk, claim).await;
    }
    let config = desk.app.config();
    let manifest = documents::manifest(&config, detail.summary.manifest).await.map_err(say)?;
    let dataset = blobs::get(&config, manifest.dataset.digest, "the data set").await;
    let dataset = Bytes::from(dataset.map_err(say)?);
    let client = desk.open(&manifest, &config).await?;
    if job.by_result {
        let output = blobs::get(&config, outcome.output, "the trained parameters").await;
        let parameters = Bytes::from(output.map_err(say)?);
        let request = Request::Evaluate { spec: manifest.spec.clone(), parameters, dataset };
        return match client.ask(request).await {
            Ok(Event::Evaluated(found)) => {
                Ok(measured(*outcome, found.accuracy_ppm, found.examples))
            }
            Ok(_) => Err("The worker gave an unexpected answer.".to_owned()),
            Err(error) => impossible(&error),
        };
    }
    let seed = jobs::seed(&desk.app.rpc(), config.contracts.jobs, job.id).await.map_err(say)?;
    let seed = seed.ok_or("The training’s seed is not on the chain yet.")?;
    let base = detail
        .version(job.base)
        .ok_or_else(|| format!("Version {} is not on the chain.", job.base))?;
    let parameters = blobs::get(&config, base.parameters, "the parameters it started from").await;
    let mut training = manifest.training.clone();
    training.steps = job.units;
    let trace = match revealed.and_then(|revealed| revealed.trace) {
        Some(digest) => Some(trace(&config, digest, claim).await),
        None => None,
    };
    let mut replay = Replay {
        claim,
        config: &config,
        client: &client,
        progress: desk.progress,
        job: TrainJob {
            job: format!("check-{}", job.id),
            spec: manifest.spec.clone(),
            config: training,
            seed,
            parameters: Bytes::from(parameters.map_err(say)?),
            dataset,
            evaluate_every: 0,
            keep_leaves: false,
            segment: None,
            previews: Floats::default(),
        },
        trace: None,
    };
    let found = match (extent, claim.drawn()) {
        (Extent::Drawn, Some((_, drawn))) => {
            replay.trace = Some(trace.unwrap_or_else(|| Err("There is none.".to_owned()))?);
            replay.parts(&drawn).await
        }
        _ => {
            // Without the list, only the end of the training can be compared.
            replay.trace = trace.and_then(Result::ok);
            replay.whole().await
        }
    };
    match found {
        Ok(verdict) => Ok(verdict),
        Err(error) => impossible(&error),
    }
}

impl Replay<'_> {
    /// All steps, as far as they agree.
    async fn whole(&self) -> Result<Verdict, RuntimeError> {
        let mut conversation = self.client.open(Request::Train(Box::new(self.job.clone())))?;
        loop {
            match conversation.next().await {
                Event::Progress(at) => {
                    self.progress.try_set(f64::from(at.step) / f64::from(at.steps.max(1)));
                    let differs = self.trace.as_ref().and_then(|t| t.first_difference(&at.leaves));
                    if let Some(leaf) = differs {
                        return Ok(departs(self.claim.job.units, leaf.step));
                    }
                }
                Event::Trained(found) => {
                    let outcome = self.claim.outcome;
                    let same = found.digest == outcome.output;
                    let same_way = found.checkpoint_root == outcome.checkpoint_root;
                    let key = self.job.job.clone();
                    let _ = self.client.ask(Request::DropCheckpoint { job: key }).await;
                    let (ppm, examples) =
                        (found.evaluation.accuracy_ppm, found.evaluation.examples);
                    if same && ppm != outcome.accuracy_ppm {
                        return Ok(measured(outcome, ppm, examples));
                    }
                    return Ok(replayed(self.claim.job.units, same, same_way));
                }
                Event::Failed { error } => return Err(error),
                _ => {}
            }
        }
    }

    /// The drawn parts, each from the checkpoint before it.
    async fn parts(&self, drawn: &[u32]) -> Result<Verdict, RuntimeError> {
        let leaves = self.trace.as_ref().map_or(&[][..], Trace::leaves);
        let mut steps = 0;
        for (number, segment) in drawn.iter().enumerate() {
            let from = commitment::start_of(*segment);
            let to = commitment::end_of(*segment, self.claim.job.units);
            let mut job = self.job.clone();
            job.job = format!("{}-{from}", job.job);
            let mut optimizer = Bytes::default();
            if let Some(start) = segment.checked_sub(1).map(|before| leaves[before as usize]) {
                job.parameters = self.checkpoint(start, start.parameters).await?;
                optimizer = self.checkpoint(start, start.optimizer).await?;
            }
            job.segment = Some(Segment { from, optimizer, to });
            let key = job.job.clone();
            let mut conversation = self.client.open(Request::Train(Box::new(job)))?;
            let found = loop {
                match conversation.next().await {
                    Event::Progress(at) => {
                        let part = f64::from(at.step.saturating_sub(from)) / f64::from(to - from);
                        self.progress.try_set((number as f64 + part) / drawn.len() as f64);
                    }
                    Event::Trained(found) => break found,
                    Event::Failed { error } => return Err(error),
                    _ => {}
                }
            };
            let _ = self.client.ask(Request::DropCheckpoint { job: key }).await;
            if found.trace.leaves().last() != Some(&leaves[*segment as usize]) {
                return Ok(departs(self.claim.job.units, to));
            }
            steps += to - from;
        }
        let outcome = self.claim.outcome;
        let request = Request::Evaluate {
            spec: self.job.spec.clone(),
            parameters: self.fetch(outcome.output, "the trained parameters").await?,
            dataset: self.job.dataset.clone(),
        };
        if let Event::Evaluated(found) = self.client.ask(request).await?
            && found.accuracy_ppm != outcome.accuracy_ppm
        {
            return Ok(measured(outcome, found.accuracy_ppm, found.examples));
        }
        Ok(sampled(self.claim.job.units, steps, drawn.len()))
    }

    async fn checkpoint(&self, leaf: Leaf, digest: Digest) -> Result<Bytes, RuntimeError> {
        self.fetch(digest, &format!("the checkpoint at step {}", leaf.step)).await
    }

    /// A file that the worker promised. Withheld is not wrong: the whole can still be done again.
    async fn fetch(&self, digest: Digest, what: &str) -> Result<Bytes, RuntimeError> {
        let bytes = blobs::get(self.config, digest, what).await;
        bytes.map(Bytes::from).map_err(|error| RuntimeError::Protocol {
            reason: format!("{error}; do all steps again instead"),
        })
    }
}

/// The published list of checkpoints.
async fn trace(config: &Config, digest: Digest, claim: &Claim) -> Result<Trace, String> {
    let bytes = blobs::get(config, digest, "the list of checkpoints").await.map_err(say)?;
    let Outcome { checkpoint_root, output, .. } = claim.outcome;
    Trace::from_bytes(&bytes, claim.job.units, checkpoint_root, output).map_err(say)
}

/// The version of the exact tier that a model was made for, if it is not this page's: its trainings have
/// other bits.
fn other_runtime(manifest: &Manifest, config: &Config) -> Option<Digest> {
    let own = config.workers.of(&manifest.spec).runtime?;
    manifest.runtime.filter(|wanted| *wanted != own)
}

/// Errors where this page's version of the exact tier is not the model's.
pub(crate) fn require_runtime(manifest: &Manifest, config: &Config) -> Result<(), String> {
    match other_runtime(manifest, config) {
        Some(wanted) => Err(format!(
            "This model was made for another version of the exact runtime than this page’s, {}. A node fetches it by its hash: `delea-node train`. A training that is done already can be published without it.",
            format::short_hash(&wanted.to_string()),
        )),
        None => Ok(()),
    }
}

pub(crate) fn say(error: impl std::fmt::Display) -> String {
    sentence(&error.to_string())
}

/// An error of the work itself refutes the claim, for the exact tier gives no result then; one of this
/// tab says nothing of it.
fn impossible(error: &RuntimeError) -> Result<Verdict, String> {
    match error {
        RuntimeError::Device { .. }
        | RuntimeError::Protocol { .. }
        | RuntimeError::Storage { .. } => Err(say(error)),
        _ => Ok(Verdict {
            holds: false,
            words: format!("The exact runtime gives no result for this job: {error}."),
        }),
    }
}

fn departs(steps: u32, at: u32) -> Verdict {
    let before = at.saturating_sub(1) / commitment::LEAF_STEPS * commitment::LEAF_STEPS;
    let words = format!(
        "Doing it again departs from the claim between step {before} and step {at} of {}: the checkpoint there is another one.",
        format::count(u64::from(steps)),
    );
    Verdict { holds: false, words }
}

fn sampled(steps: u32, done: u32, parts: usize) -> Verdict {
    let words = format!(
        "{} of {} steps, in the {parts} parts that the chain drew, were done again in this tab with the very same bits at their ends. Whoever made up a third of the parts would have been found with a chance of {} %.",
        format::count(u64::from(done)),
        format::count(u64::from(steps)),
        ((1.0 - (2.0f64 / 3.0).powi(parts as i32)) * 100.0).round(),
    );
    Verdict { holds: true, words }
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
        assert!(departs(420, 420).words.contains("between step 400 and step 420"));
        assert!(departs(420, 400).words.contains("between step 300 and step 400"));
        assert!(sampled(1000, 300, 3).words.contains("a chance of 70 %"));
        assert!(replayed(10, true, true).holds);
        assert!(!replayed(10, true, false).holds && !replayed(10, false, true).holds);
    }
}
