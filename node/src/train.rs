//! Working on a model: take a job, do it, hand it in, show it, be paid. The chain is the state; the folder only saves
//! work, so a node that was killed goes on where it was.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use alloy::primitives::{Address, B256, U256, aliases::U96};
use alloy_sol_types::SolEvent;
use delea_contracts_abi::{JobState, Jobs, Model, bindings::jobs::IJobs};
use delea_model_runtime::{
    call::{Answer, Call},
    commitment::{self, Leaf, Trace},
    content::Digest,
    message::TrainResult,
};
use serde::{Deserialize, Serialize};
use tracing::{debug, info, warn};

use crate::{
    chain::{REPLAY, Watch, is_inference, is_ours},
    error::NodeError,
    inputs::{Desk, QUESTION, blocking},
    rounds,
    store::write_whole,
};

/// Between two checkpoints of a training.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(5);
const REORGANISED: &str = "the chain was reorganised, and the seed is another one; training again";

/// Works for an account.
pub(crate) struct Worker {
    desk: Desk,
    stop: Arc<AtomicBool>,
    /// Forges a checkpoint of each training; see [`forged`].
    canary: bool,
}

/// A training's checkpoints with the optimiser's state of another at a place that nobody can foresee. What it
/// ends in stays right, so that nothing is harmed where nobody looks: a job with a known answer, for
/// auditors who look to earn from, and for jurors who do not to lose by (TrueBit's forced errors,
/// arXiv 1908.04756, section 4.4).
fn forged(trace: &Trace) -> Trace {
    let leaves = trace.leaves();
    let draw = getrandom::u32().map_or(0, u64::from);
    let place = ((draw * leaves.len() as u64) >> 32) as usize;
    let neighbour = if place > 0 { place - 1 } else { leaves.len().min(2) - 1 };
    let mut forged = Trace::default();
    for (number, leaf) in leaves.iter().enumerate() {
        let other = if neighbour == place { leaf.parameters } else { leaves[neighbour].optimizer };
        forged.push(if number == place { Leaf { optimizer: other, ..*leaf } } else { *leaf });
    }
    forged
}

/// A finished job, kept until it is settled.
#[derive(Serialize, Deserialize)]
struct Kept {
    seed: B256,
    output: Digest,
    checkpoint_root: Digest,
    accuracy_ppm: u32,
    trace: Trace,
}

impl Kept {
    /// An inference's, which has no checkpoints.
    fn of(result: &IJobs::Result) -> Self {
        Self {
            seed: B256::ZERO,
            output: Digest(result.output.0),
            checkpoint_root: Digest(result.checkpointRoot.0),
            accuracy_ppm: result.accuracyPpm,
            trace: Trace::default(),
        }
    }

    fn result(&self) -> IJobs::Result {
        IJobs::Result {
            output: self.output.0.into(),
            checkpointRoot: self.checkpoint_root.0.into(),
            accuracyPpm: self.accuracy_ppm,
        }
    }
}

/// Whether `me` works on a job by this program.
pub(crate) fn is_under_way(job: &IJobs::Job, me: Address) -> bool {
    let state = JobState::from(job.state);
    let begun = matches!(state, JobState::Claimed | JobState::Committed | JobState::Revealed);
    begun && job.worker == me && is_ours(job)
}

/// What came of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Something was done; there may be more to do at once.
    Done,
    /// Time has to pass, or others have to act.
    Waits,
    /// The job is over.
    Over(JobState),
}

impl Worker {
    /// A worker that ends soon after `stop` is set. Where `canary` is set, it forges.
    pub(crate) fn new(desk: Desk, canary: bool, stop: Arc<AtomicBool>) -> Self {
        Self { desk, stop, canary }
    }

    /// How a training is to end, and what is said where it ends otherwise.
    pub(crate) fn wanted(&self) -> (JobState, &'static str) {
        match self.canary {
            true => (JobState::Rejected, "no auditor found the forged checkpoint"),
            false => (JobState::Settled, "not paid"),
        }
    }

    fn check_stop(&self) -> Result<(), NodeError> {
        if self.stop.load(Ordering::Relaxed) { Err(NodeError::Stopped) } else { Ok(()) }
    }

    async fn pause(&self) -> Result<(), NodeError> {
        self.check_stop()?;
        tokio::time::sleep(Duration::from_millis(self.desk.config.poll)).await;
        Ok(())
    }

    fn folder(&self, id: u64) -> Result<PathBuf, NodeError> {
        let chain = self.desk.config.chain_id;
        let folder = self.desk.config.data.join(format!("jobs/{chain}/{id}"));
        std::fs::create_dir_all(&folder).map_err(|e| NodeError::file(&folder, e))?;
        Ok(folder)
    }

    /// What the worker works with.
    pub(crate) fn desk(&self) -> &Desk {
        &self.desk
    }

    /// Whether it is to end.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// This account's jobs that are not over.
    ///
    /// # Errors
    /// [`NodeError`] of the chain.
    pub(crate) async fn unfinished(&self) -> Result<Vec<u64>, NodeError> {
        let me = self.desk.chain.me()?;
        let mut found = Vec::new();
        let see = |id, job: IJobs::Job| {
            if is_under_way(&job, me) {
                found.push(id);
            }
        };
        Watch::default().each(&self.desk.chain, see).await?;
        Ok(found)
    }

    /// Takes a training of the model's head; its number.
    ///
    /// # Errors
    /// [`NodeError::Refused`] with the contract's reason.
    pub(crate) async fn take(&self, model: Address, steps: Option<u32>) -> Result<u64, NodeError> {
        let chain = &self.desk.chain;
        let manifest = chain.read(model, Model::manifestCall {}).await?;
        let recipe = self.desk.manifest(model).await?;
        let rules = chain.rules(model).await?;
        let request = IJobs::Request {
            model,
            kind: 0,
            proof: REPLAY,
            base: chain.read(model, Model::headCall {}).await?,
            units: steps.unwrap_or(recipe.training.steps),
            input: manifest,
            maxPrice: U256::ZERO,
        };
        let bond = chain.bond(model, &rules).await?;
        let call = Jobs::startCall { request, minReward: U96::ZERO };
        let receipt = chain.send(chain.contracts.jobs, call, bond).await?;
        let opened = receipt.inner.logs().iter().find_map(|log| {
            Jobs::JobOpened::decode_log(&log.inner).ok().map(|event| event.data.job)
        });
        opened.ok_or_else(|| NodeError::Untrusted("it mined a start that opened no job".into()))
    }

    /// Brings a job to its end, from wherever it is. The state it ends in.
    ///
    /// # Errors
    /// [`NodeError::Stopped`], or whatever hinders it; the bond can be lost if the lease runs out.
    pub(crate) async fn bring_home(&self, id: u64) -> Result<JobState, NodeError> {
        loop {
            self.check_stop()?;
            match self.step(id).await? {
                Step::Done => {}
                Step::Waits => self.pause().await?,
                Step::Over(state) => return Ok(state),
            }
        }
    }

    /// Does the next thing that a job needs.
    ///
    /// # Errors
    /// As [`Worker::bring_home`].
    pub(crate) async fn step(&self, id: u64) -> Result<Step, NodeError> {
        let chain = &self.desk.chain;
        let contract = chain.contracts.jobs;
        let job = chain.job(id).await?;
        let state = JobState::from(job.state);
        // One whose lease ran out is open again, or another's.
        if job.worker != chain.me()? {
            return self.over(id, JobState::Expired);
        }
        let done = match state {
            JobState::Claimed if is_inference(&job) => self.answer(id, &job).await,
            JobState::Claimed => self.commit(id, &job).await,
            JobState::Committed => self.reveal(id, &job).await,
            JobState::Revealed => {
                // From the log: what was kept is deleted once a job is over, and a reorganisation can take that back.
                let result = chain.claimed(id, &job).await?.result;
                chain.send(contract, Jobs::settleCall { id, result }, U256::ZERO).await.map(drop)
            }
            _ => return self.over(id, state),
        };
        let Err(error) = done else { return Ok(Step::Done) };
        match error.name() {
            // The next block brings what is missing, or the clock, or a jury.
            Some(
                "SeedNotYet" | "RevealTooEarly" | "WindowOpen" | "WrongStage" | "RoundClosed"
                | "CaseOpen",
            ) => Ok(Step::Waits),
            // A rollback or another's training came first: the bond comes back.
            Some("Abandoned") => {
                warn!(job = id, "overtaken; taking the bond back");
                chain.send(contract, Jobs::abandonCall { id }, U256::ZERO).await?;
                Ok(Step::Done)
            }
            // Too late: the job is another's, or nobody's.
            Some("LeaseOver") => {
                warn!(job = id, "the lease ran out before the work was done");
                chain.attempt(contract, Jobs::lapseCall { id }, U256::ZERO).await?;
                Ok(Step::Done)
            }
            _ => Err(error),
        }
    }

    fn over(&self, id: u64, state: JobState) -> Result<Step, NodeError> {
        info!(job = id, ?state, "over");
        let folder = self.folder(id)?;
        std::fs::remove_dir_all(&folder).map_err(|e| NodeError::file(&folder, e))?;
        Ok(Step::Over(state))
    }

    /// Whether a training that is begun now can be committed to.
    ///
    /// # Errors
    /// [`NodeError`] of the chain.
    pub(crate) async fn is_round_open(&self, model: Address) -> Result<bool, NodeError> {
        rounds::is_open(&self.desk, model).await
    }

    /// Waits until the round of a settled training is published, and does what that takes.
    ///
    /// # Errors
    /// [`NodeError::Stopped`], or whatever hinders it.
    pub(crate) async fn publish_round(&self, model: Address) -> Result<(), NodeError> {
        while rounds::tend(&self.desk, model).await? {
            self.pause().await?;
        }
        Ok(())
    }

    async fn answer(&self, id: u64, job: &IJobs::Job) -> Result<(), NodeError> {
        let chain = &self.desk.chain;
        let answer = self.desk.answer(job).await?;
        let kept = Kept::of(&IJobs::Result {
            output: Digest::of(&answer).0.into(),
            checkpointRoot: B256::ZERO,
            accuracyPpm: 0,
        });
        self.keep(id, &kept)?;
        self.desk.blobs.publish(answer, "the answer").await?;
        // Whoever asked could hide the question afterwards, and doubt an answer that nobody can check.
        let question = self.desk.blobs.get(Digest(job.input.0), QUESTION).await?;
        self.desk.blobs.publish(question, QUESTION).await?;
        let call = Jobs::commitCall { id, result: kept.result() };
        chain.send(chain.contracts.jobs, call, U256::ZERO).await?;
        info!(job = id, output = %kept.output.cid(), "answered");
        Ok(())
    }

    async fn commit(&self, id: u64, job: &IJobs::Job) -> Result<(), NodeError> {
        let chain = &self.desk.chain;
        let contract = chain.contracts.jobs;
        if chain.read(contract, Jobs::seedOfCall { job: id }).await?.is_zero() {
            // The chain forgets old blocks, and training can take long.
            chain.send(contract, Jobs::drawSeedCall { id }, U256::ZERO).await?;
        }
        let seed = chain.seed(id, job).await?;
        let kept = match self.kept(id) {
            Ok(kept) if kept.seed == seed => kept,
            Ok(_) => {
                warn!(job = id, "{REORGANISED}");
                self.train(id, job, seed).await?
            }
            Err(_) => self.train(id, job, seed).await?,
        };
        if chain.seed(id, &chain.job(id).await?).await? != seed {
            warn!(job = id, "{REORGANISED}");
            return Ok(());
        }
        let parameters = self.desk.blobs.get(kept.output, "the trained parameters").await?;
        self.desk.blobs.publish(parameters, "the trained parameters").await?;
        chain.send(contract, Jobs::commitCall { id, result: kept.result() }, U256::ZERO).await?;
        info!(job = id, output = %kept.output.cid(), "committed");
        Ok(())
    }

    async fn reveal(&self, id: u64, job: &IJobs::Job) -> Result<(), NodeError> {
        let chain = &self.desk.chain;
        let kept = match self.kept(id) {
            Err(_) if is_inference(job) => Kept::of(&chain.claimed(id, job).await?.result),
            kept => kept?,
        };
        let draw = chain.block_hash(job.commitBlock.to()).await?.unwrap_or_default();
        for part in commitment::drawn(draw.0, job.units, commitment::CHECKED_SEGMENTS) {
            let start = commitment::start_of(part);
            let Some(leaf) = kept.trace.leaves().iter().find(|leaf| leaf.step == start) else {
                continue;
            };
            for digest in [leaf.parameters, leaf.optimizer] {
                if let Some(bytes) = self.desk.blobs.local(digest) {
                    self.desk.blobs.publish(bytes, "a checkpoint").await?;
                }
            }
        }
        let cid = match is_inference(job) {
            true => Vec::new(),
            false => {
                let trace = kept.trace.to_bytes();
                self.desk
                    .blobs
                    .publish(trace, "the list of checkpoints")
                    .await?
                    .cid_bytes()
                    .to_vec()
            }
        };
        let call = Jobs::revealCall { id, result: kept.result(), cid: cid.into() };
        chain.send(chain.contracts.jobs, call, U256::ZERO).await?;
        info!(job = id, "revealed");
        Ok(())
    }

    fn kept(&self, id: u64) -> Result<Kept, NodeError> {
        let path = self.folder(id)?.join("result.json");
        let text = std::fs::read(&path).map_err(|e| NodeError::file(&path, e))?;
        serde_json::from_slice(&text)
            .map_err(|error| NodeError::Cannot(format!("{}: {error}", path.display())))
    }

    fn keep(&self, id: u64, kept: &Kept) -> Result<(), NodeError> {
        let text = serde_json::to_vec(kept).unwrap_or_default();
        write_whole(&self.folder(id)?.join("result.json"), &text)
    }

    async fn train(&self, id: u64, job: &IJobs::Job, seed: B256) -> Result<Kept, NodeError> {
        let manifest = self.desk.manifest(job.model).await?;
        let runtime = self.desk.runtime_of(&manifest).await?;
        let training = self.desk.training(id, job, &manifest).await?;
        let folder = self.folder(id)?;
        let checkpoint_file = folder.join("checkpoint");
        let (blobs, stop) = (self.desk.blobs.clone(), Arc::clone(&self.stop));
        let began = Instant::now();
        let result: TrainResult = blocking(move || {
            // One of another seed is not taken by the runtime.
            let checkpoint = std::fs::read(&checkpoint_file).ok();
            let mut saved = Instant::now();
            runtime.open()?.train(training, checkpoint, |exact, answer| {
                let Answer::Advanced { progress, files } = answer else { return Ok(()) };
                if let Some(files) = files {
                    blobs.keep(files.leaf.parameters, &files.parameters)?;
                    blobs.keep(files.leaf.optimizer, &files.optimizer)?;
                }
                if let Some((step, loss)) = progress.losses.last() {
                    debug!(job = id, step, loss, "training");
                }
                let stopping = stop.load(Ordering::Relaxed);
                if stopping || saved.elapsed() > CHECKPOINT_EVERY {
                    if let Answer::Checkpoint { checkpoint } = exact.call(&Call::Checkpoint)? {
                        write_whole(&checkpoint_file, &checkpoint)?;
                        info!(job = id, step = progress.step, "checkpoint written");
                    }
                    saved = Instant::now();
                }
                if stopping { Err(NodeError::Stopped) } else { Ok(()) }
            })
        })
        .await?;
        let accuracy_ppm = result.evaluation.accuracy_ppm;
        info!(
            job = id,
            steps = result.steps,
            accuracy_ppm,
            seconds = began.elapsed().as_secs(),
            "trained"
        );
        self.desk.blobs.keep(result.digest, &result.parameters)?;
        let trace = if self.canary { forged(&result.trace) } else { result.trace };
        let kept = Kept {
            seed,
            output: result.digest,
            checkpoint_root: trace.root(),
            accuracy_ppm,
            trace,
        };
        self.keep(id, &kept)?;
        Ok(kept)
    }
}
