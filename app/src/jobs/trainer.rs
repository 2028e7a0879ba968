//! Runs the one training: fetches its files, drives a worker, falls back when a device fails, keeps
//! the result. Lives above the pages, so leaving one does not stop it.

use std::sync::Arc;

use delea_model_runtime::{
    RuntimeError,
    manifest::Manifest,
    message::{Bytes, Event, Floats, Request, Tier, TrainJob},
};
use gloo_timers::future::TimeoutFuture;
use leptos::prelude::*;
use leptos::reactive::owner::LocalStorage;
use wasm_bindgen_futures::spawn_local;
use wasm_split_helpers::{SplitLoaderError, wasm_split};

use super::{
    client::Client,
    keep,
    machine::{Choice, Finished, Job, Phase, State, after_failure},
    pool::{Kind, Pool},
};
use crate::{
    chain::{contracts, rpc::Rpc},
    config::Config,
    store::{blobs, files::Origin},
};

/// Held-out measurements in one job, so that the curve has shape without slowing the training.
const EVALUATIONS: u32 = 20;
/// Parameters times batch above which a GPU outruns the CPU tier; below it, starting one costs more
/// than the whole training (a step of the 784-256-10 network takes the CPU 3 ms).
const GPU_WORK: u64 = 40_000_000;

/// Milliseconds that a worker has to stop.
const CANCEL_MS: u32 = 5_000;
/// Milliseconds until the code that trains is asked for again.
const FETCH_MS: u32 = 5_000;

/// What the frame around every page has done by the code that trains.
struct Engine {
    take_up: fn(Trainer),
    cancel: fn(Trainer),
}

/// The code that trains, fetched apart: a visit that only looks needs none of it.
#[wasm_split(model, fallible)]
fn engine() -> Result<Engine, SplitLoaderError> {
    Ok(Engine { take_up: Trainer::take_up, cancel: Trainer::cancel })
}

/// Handles to the training. Copy.
#[derive(Clone, Copy)]
pub(crate) struct Trainer {
    /// What pages show.
    pub(crate) state: RwSignal<State>,
    config: StoredValue<Arc<Config>>,
    pool: Pool,
    /// The worker at work and its conversation's number.
    running: StoredValue<Option<(Client, u32)>, LocalStorage>,
    /// Counts starts: a run whose number is old has been replaced and must not touch the state.
    run: StoredValue<u32>,
}

/// Files that a job needs.
struct Files {
    manifest: Manifest,
    dataset: Vec<u8>,
    parameters: Bytes,
}

/// How a worker's part of a job ended.
enum End {
    Trained(Box<delea_model_runtime::message::TrainResult>),
    Cancelled,
    Failed { error: RuntimeError, began: bool },
}

impl Trainer {
    /// No training.
    pub(crate) fn new(config: Arc<Config>, pool: Pool) -> Self {
        Self {
            state: RwSignal::new(State::default()),
            config: StoredValue::new(config),
            pool,
            running: StoredValue::new_local(None),
            run: StoredValue::new(0),
        }
    }

    /// Starts a job, or goes on with one of the same key.
    pub(crate) fn start(self, mut job: Job, notice: Option<String>) {
        job.paused = false;
        keep::set_job(&job);
        self.state.set(State { notice, ..State::begin(job.clone()) });
        self.run.update_value(|run| *run += 1);
        let run = self.run.get_value();
        spawn_local(async move {
            let result = self.work(&job, run).await;
            if self.run.get_value() != run {
                return;
            }
            self.running.set_value(None);
            match result {
                Ok(Some(finished)) => {
                    self.state.update(|state| {
                        state.phase = Phase::Finished;
                        state.finished = Some(finished);
                    });
                }
                Ok(None) => self.state.set(State::default()),
                Err(error) => self.state.update(|state| {
                    state.phase = Phase::Failed;
                    state.error = Some(error);
                }),
            }
        });
    }

    /// Takes up what the last visit left: a running job goes on, a paused one waits.
    pub(crate) fn restore(self) {
        if keep::job().is_none() {
            return;
        }
        spawn_local(async move {
            loop {
                match engine().await {
                    Ok(engine) => return (engine.take_up)(self),
                    // The connection is away; the job stays where it is kept.
                    Err(_) => TimeoutFuture::new(FETCH_MS).await,
                }
            }
        });
    }

    fn take_up(self) {
        // While the code was fetched, the visitor may have started another training.
        if self.state.with_untracked(|state| state.phase.is_open()) {
            return;
        }
        let Some(job) = keep::job() else { return };
        if job.paused {
            let notice = Some("This training was paused on your last visit.".to_owned());
            self.state.set(State { phase: Phase::Paused, notice, ..State::begin(job) });
            return;
        }
        let notice = format!("Training of {} goes on from its last checkpoint.", job.name);
        self.start(job, Some(notice));
    }

    /// Stops after the step at hand.
    pub(crate) fn pause(self) {
        self.tell(Request::Pause);
        self.remember_paused(true);
    }

    /// Goes on.
    pub(crate) fn resume(self) {
        self.remember_paused(false);
        if self.running.with_value(Option::is_some) {
            self.tell(Request::Resume);
            self.state.update(|state| state.phase = Phase::Training);
        } else if let Some(job) = self.state.with_untracked(|state| state.job.clone()) {
            // The page was reloaded while paused: the checkpoint holds where it was.
            self.start(job, None);
        }
    }

    /// Gives the job up.
    pub(crate) fn cancel(self) {
        keep::clear_job();
        let Some((client, _)) = self.running.get_value() else {
            // No worker has it: only its checkpoint is left to delete.
            if let Some(job) = self.state.with_untracked(|state| state.job.clone()) {
                spawn_local(async move {
                    let _ = self
                        .pool
                        .ask_cpu(Kind::Layers, Request::DropCheckpoint { job: job.key })
                        .await;
                });
            }
            self.run.update_value(|run| *run += 1);
            self.state.set(State::default());
            return;
        };
        self.tell(Request::Cancel { keep_checkpoint: false });
        let run = self.run.get_value();
        spawn_local(async move {
            // The worker answers after the step at hand; one that does not is ended.
            TimeoutFuture::new(CANCEL_MS).await;
            if self.run.get_value() == run && self.running.with_value(Option::is_some) {
                client.kill("it did not stop when asked");
                self.run.update_value(|run| *run += 1);
                self.running.set_value(None);
                self.state.set(State::default());
            }
        });
    }

    /// Clears a finished or failed job from view. A failed one keeps its checkpoint.
    pub(crate) fn dismiss(self) {
        self.state.set(State::default());
    }

    /// Shows a finished training that waits to be published, unless another is open.
    pub(crate) fn show_finished(self, finished: Finished) {
        if !self.state.with_untracked(|state| state.phase.is_open()) {
            self.state.set(State {
                phase: Phase::Finished,
                job: Some(finished.job.clone()),
                step: finished.job.steps,
                evaluations: vec![finished.before, finished.after],
                finished: Some(finished),
                ..State::default()
            });
        }
    }

    /// Ends everything that belongs to a chain which is no more.
    pub(crate) fn forget_chain(self) {
        spawn_local(async move {
            if self.state.with_untracked(|state| state.phase != Phase::Idle)
                && let Ok(engine) = engine().await
            {
                (engine.cancel)(self);
            }
            keep::forget_chain().await;
        });
    }

    fn tell(self, request: Request) {
        if let Some((client, id)) = self.running.get_value()
            && let Err(error) = client.join(id, request)
        {
            self.state.update(|state| state.notice = Some(sentence(&error.to_string())));
        }
    }

    fn remember_paused(self, paused: bool) {
        if let Some(mut job) = self.state.with_untracked(|state| state.job.clone()) {
            job.paused = paused;
            keep::set_job(&job);
        }
    }

    fn preparing(self, run: u32, words: &str) {
        if self.run.get_value() == run {
            self.state.update(|state| words.clone_into(&mut state.preparing));
        }
    }

    async fn work(self, job: &Job, run: u32) -> Result<Option<Finished>, String> {
        let files = self.files(job, run).await?;
        let work = files.manifest.spec.parameter_count().map_err(|e| sentence(&e.to_string()))?
            * files.manifest.training.batch_size as u64;
        let (mut tier, why) = first_tier(job.choice, work);
        self.state.update(|state| state.why = why);
        let mut losses = 0;
        loop {
            self.preparing(
                run,
                match tier {
                    Tier::Cpu => "Starting the CPU worker…",
                    Tier::Gpu => "Starting the GPU…",
                },
            );
            let end = self.on(tier, job, &files, run).await;
            if self.run.get_value() != run {
                return Ok(None);
            }
            match end {
                End::Trained(result) => {
                    let kept = blobs::keep(result.digest, &result.parameters, Origin::Own).await;
                    let finished = Finished::new(job.clone(), &result, kept);
                    result
                        .digest
                        .check("the trained parameters", &result.parameters)
                        .map_err(|e| sentence(&e.to_string()))?;
                    keep::add_finished(&finished);
                    keep::clear_job();
                    return Ok(Some(finished));
                }
                End::Cancelled => return Ok(None),
                End::Failed { error: RuntimeError::Device { reason }, began } => {
                    self.pool.end(Kind::of(&files.manifest.spec), tier);
                    let Some(retry) = after_failure(tier, began, losses, &reason) else {
                        return Err(sentence(&reason));
                    };
                    losses = if retry.tier == tier { losses + 1 } else { 0 };
                    tier = retry.tier;
                    self.state.update(|state| {
                        state.phase = Phase::Starting;
                        state.why = None;
                        state.notice = Some(retry.notice);
                    });
                }
                End::Failed { error, .. } => {
                    keep::clear_job();
                    return Err(sentence(&error.to_string()));
                }
            }
        }
    }

    async fn files(self, job: &Job, run: u32) -> Result<Files, String> {
        let config = self.config.get_value();
        let rpc = Rpc::new(&config.rpc_url);
        let words = |error: String| sentence(&error);
        self.preparing(run, "Reading the model…");
        let detail = contracts::detail(&rpc, config.contracts.factory, job.model)
            .await
            .map_err(|e| words(e.to_string()))?;
        let base = detail
            .version(job.base)
            .ok_or_else(|| format!("Version {} of this model is not on the chain.", job.base))?;
        let manifest = blobs::get(&config, detail.summary.manifest, "the model's description")
            .await
            .map_err(|e| words(e.to_string()))?;
        let manifest = Manifest::from_bytes(&manifest).map_err(|e| words(e.to_string()))?;
        self.preparing(run, "Fetching the parameters…");
        let parameters = blobs::file(&config, base.parameters, "the parameters")
            .await
            .map_err(|e| words(e.to_string()))?;
        self.preparing(run, "Fetching the data set…");
        let dataset = blobs::get(&config, manifest.dataset.digest, "the data set")
            .await
            .map_err(|e| words(e.to_string()))?;
        Ok(Files { manifest, dataset, parameters })
    }

    /// One worker's part of the job.
    async fn on(self, tier: Tier, job: &Job, files: &Files, run: u32) -> End {
        let failed = |error| End::Failed { error, began: false };
        let settings = self.config.get_value();
        let (client, device) = match self.pool.ready(&settings, &files.manifest.spec, tier).await {
            Ok(ready) => ready,
            // Whatever kept it from starting, another device may do.
            Err(error) => return failed(RuntimeError::Device { reason: error.to_string() }),
        };
        if self.run.get_value() != run {
            return End::Cancelled;
        }
        if job.choice == Choice::Automatic && tier == Tier::Gpu && device.software {
            let reason = format!(
                "the only one here, {}, is a software one, slower than the CPU",
                device.name
            );
            return failed(RuntimeError::Device { reason });
        }
        self.preparing(run, "Preparing the first step…");
        self.state.update(|state| state.device = Some(device));
        let mut config = files.manifest.training.clone();
        config.steps = job.steps;
        let request = Request::Train(Box::new(TrainJob {
            job: job.key.clone(),
            spec: files.manifest.spec.clone(),
            config,
            seed: job.seed,
            parameters: files.parameters.clone(),
            dataset: Bytes::from(files.dataset.clone()),
            evaluate_every: (job.steps / EVALUATIONS).max(1),
            keep_leaves: job.announced.is_some(),
            segment: None,
            previews: Floats::default(),
        }));
        let mut conversation = match client.open(request) {
            Ok(conversation) => conversation,
            Err(error) => return failed(error),
        };
        let id = conversation.id;
        self.running.set_value(Some((client.clone(), id)));
        let mut began = false;
        let end = loop {
            let event = conversation.next().await;
            if self.run.get_value() != run {
                break End::Cancelled;
            }
            // The first progress only says where the job stands; losses are steps that were done.
            began |= matches!(&event, Event::Progress(progress) if !progress.losses.is_empty());
            self.state.update(|state| state.apply(&event));
            match event {
                Event::Trained(result) => break End::Trained(result),
                Event::Cancelled { .. } => break End::Cancelled,
                Event::Leaf(files) => {
                    // What was drawn of them is published with the result; one that cannot be kept is
                    // one that a checker must come to by replaying.
                    blobs::keep(files.leaf.parameters, &files.parameters, Origin::Own).await;
                    blobs::keep(files.leaf.optimizer, &files.optimizer, Origin::Own).await;
                }
                Event::Failed { error: error @ RuntimeError::Protocol { .. } } if began => {
                    // A pause that came a moment too late, say; the job itself goes on.
                    self.state.update(|s| s.notice = Some(sentence(&error.to_string())));
                }
                Event::Failed { error } => break End::Failed { error, began },
                _ => {}
            }
        };
        client.close(id);
        self.running.set_value(None);
        end
    }
}

/// The tier to try first, and why when the visitor left it to us.
fn first_tier(choice: Choice, work: u64) -> (Tier, Option<String>) {
    match choice {
        Choice::Cpu => (Tier::Cpu, None),
        Choice::Gpu => (Tier::Gpu, None),
        Choice::Automatic if work < GPU_WORK => {
            (Tier::Cpu, Some("A model this small trains fastest on the CPU.".to_owned()))
        }
        Choice::Automatic => (Tier::Gpu, None),
    }
}

/// A sentence: capital first, full stop last.
pub(crate) fn sentence(text: &str) -> String {
    let text = text.trim();
    // A file's or a domain's name stays as it is.
    let name = text.split_whitespace().next().is_some_and(|word| {
        let word = word.trim_end_matches(['.', ',', ':']);
        word.contains(['.', '/'])
    });
    let mut letters = text.chars();
    let Some(first) = letters.next() else { return String::new() };
    let stop = if text.ends_with(['.', '!', '?']) { "" } else { "." };
    let first = if name { first } else { first.to_ascii_uppercase() };
    format!("{first}{}{stop}", letters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_models_do_not_wait_for_a_gpu() {
        assert_eq!(first_tier(Choice::Automatic, 1_000).0, Tier::Cpu);
        assert_eq!(first_tier(Choice::Automatic, GPU_WORK).0, Tier::Gpu);
        assert_eq!(first_tier(Choice::Gpu, 1).0, Tier::Gpu);
    }

    #[test]
    fn errors_become_sentences() {
        assert_eq!(sentence("the chain is down"), "The chain is down.");
        assert_eq!(sentence("Done."), "Done.");
        assert_eq!(sentence("a.csv, row 3: no"), "a.csv, row 3: no.");
        assert_eq!(sentence(""), "");
    }
}
