//! Working for others: waits on models' rosters, takes jobs in its turn, answers or trains, and is paid. What it waits
//! for and works on stands on the chain, so a node that was killed goes on where it was.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use alloy::primitives::{Address, U256, aliases::U96};
use delea_contracts_abi::{JobKind, JobState, Jobs, Roster, bindings::jobs::IJobs};
use tokio::sync::Semaphore;
use tracing::{debug, info, warn};

use crate::{
    chain::{Watch, is_inference, is_ours},
    epochs::{Duties, Epochs},
    error::NodeError,
    rounds,
    train::{Step, Worker, is_under_way},
};

/// Blocks between two looks for tokens to claim.
const CLAIM_BLOCKS: u64 = 36;

/// Kinds of jobs to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Kind {
    /// Trainings.
    Train,
    /// Inferences.
    Infer,
}

impl From<Kind> for JobKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Train => Self::Train,
            Kind::Infer => Self::Infer,
        }
    }
}

/// A kind's bit on a roster.
fn bit(kind: JobKind) -> u8 {
    1 << u8::from(kind)
}

/// A worker on the market.
pub(crate) struct Market {
    worker: Worker,
    models: Vec<Address>,
    kinds: u8,
    /// Turns at computing, which all accounts of this machine share.
    seats: Arc<Semaphore>,
    jobs: Watch,
    /// The models' epochs, whose parts are claimed once the epoch of the chain has changed.
    epochs: Vec<Epochs>,
    claimed_until: u64,
    /// Jobs that cannot be done: their questions ask nothing.
    unfit: BTreeSet<u64>,
}

impl Market {
    /// A worker that waits for jobs of `kinds` on `models`.
    pub(crate) fn new(
        worker: Worker,
        models: Vec<Address>,
        kinds: &[Kind],
        seats: Arc<Semaphore>,
    ) -> Self {
        let kinds = kinds.iter().fold(0, |bits, kind| bits | bit((*kind).into()));
        let epochs = models.iter().map(|model| Epochs::new(*model)).collect();
        Self {
            worker,
            models,
            kinds,
            seats,
            jobs: Watch::default(),
            epochs,
            claimed_until: 0,
            unfit: BTreeSet::new(),
        }
    }

    /// Works until it is stopped.
    ///
    /// # Errors
    /// [`NodeError`] only for what will not pass by itself.
    pub(crate) async fn run(&mut self) -> Result<(), NodeError> {
        let poll = Duration::from_millis(self.worker.desk().config.poll);
        while !self.worker.is_stopping() {
            match self.look().await {
                Ok(()) => {}
                Err(error @ (NodeError::Config(_) | NodeError::File { .. })) => return Err(error),
                Err(NodeError::Stopped) => return Ok(()),
                // The network or the chain's node may come back.
                Err(error) => warn!(%error, "will try again"),
            }
            tokio::time::sleep(poll).await;
        }
        Ok(())
    }

    /// Stops waiting for jobs, so that nobody counts on this worker, and has its bonds back.
    ///
    /// # Errors
    /// [`NodeError`] of the chain.
    pub(crate) async fn delist(&self) -> Result<(), NodeError> {
        let chain = &self.worker.desk().chain;
        for model in &self.models {
            let call = Roster::delistCall { model: *model };
            chain.attempt(chain.contracts.roster, call, U256::ZERO).await?;
            info!(%model, "waits no longer");
        }
        Ok(())
    }

    async fn look(&mut self) -> Result<(), NodeError> {
        for model in &self.models {
            self.wait(*model).await?;
        }
        let chain = self.worker.desk().chain.clone();
        let (me, mut begun, mut open) = (chain.me()?, Vec::new(), Vec::new());
        let see = |id, job: IJobs::Job| {
            if is_under_way(&job, me) {
                begun.push(id);
            } else if JobState::from(job.state) == JobState::Open {
                open.push((id, job));
            }
        };
        self.jobs.each(&chain, see).await?;
        for id in begun {
            self.bring_on(id).await?;
        }
        if self.serves(JobKind::Train) {
            for model in &self.models {
                rounds::tend(self.worker.desk(), *model).await?;
            }
        }
        self.claim_tokens().await?;
        for (id, job) in open {
            if self.is_wanted(&job)?
                && self.is_turn(id, &job).await?
                && self.is_fit(id, &job).await?
            {
                self.claim(id, &job).await?;
            }
        }
        Ok(())
    }

    /// Claims this account's part of epochs that became final; looks every few dozen blocks, since none does sooner.
    async fn claim_tokens(&mut self) -> Result<(), NodeError> {
        let desk = self.worker.desk().clone();
        let height = desk.chain.height().await?;
        if height < self.claimed_until {
            return Ok(());
        }
        self.claimed_until = height + CLAIM_BLOCKS;
        let duties = Duties { claim: true, ..Duties::default() };
        for epochs in &mut self.epochs {
            epochs.look(&desk, duties).await?;
        }
        Ok(())
    }

    fn serves(&self, kind: JobKind) -> bool {
        self.kinds & bit(kind) != 0
    }

    /// Keeps this account's place on a model's roster.
    async fn wait(&self, model: Address) -> Result<(), NodeError> {
        let chain = &self.worker.desk().chain;
        let (roster, worker) = (chain.contracts.roster, chain.me()?);
        let seat = chain.read(roster, Roster::seatOfCall { model, worker }).await?;
        if seat.kinds != self.kinds {
            let bond = match seat.kinds {
                0 => chain.bond(model, &chain.rules(model).await?).await?,
                _ => U256::ZERO,
            };
            chain.send(roster, Roster::enlistCall { model, kinds: self.kinds }, bond).await?;
            info!(%model, kinds = self.kinds, "waiting for jobs");
            return Ok(());
        }
        let silence: u64 = chain.read(roster, Roster::SILENCE_BLOCKSCall {}).await?.saturating_to();
        if chain.height().await? > seat.seen.to::<u64>() + silence / 2 {
            chain.send(roster, Roster::renewCall { model }, U256::ZERO).await?;
            debug!(%model, "still there");
        }
        Ok(())
    }

    /// Brings a job of this account as far as it goes now.
    async fn bring_on(&self, id: u64) -> Result<(), NodeError> {
        let Ok(_seat) = self.seats.acquire().await else { return Err(NodeError::Stopped) };
        loop {
            if self.worker.is_stopping() {
                return Err(NodeError::Stopped);
            }
            match self.worker.step(id).await {
                Ok(Step::Done) => {}
                Ok(Step::Waits | Step::Over(_)) => return Ok(()),
                Err(error @ (NodeError::Stopped | NodeError::Config(_))) => return Err(error),
                // Others must not wait for this one.
                Err(error) => {
                    warn!(job = id, %error, "will try again");
                    return Ok(());
                }
            }
        }
    }

    fn is_wanted(&self, job: &IJobs::Job) -> Result<bool, NodeError> {
        let mine = job.requester == self.worker.desk().chain.me()?;
        let kind = if is_inference(job) { JobKind::Infer } else { JobKind::Train };
        Ok(!mine && self.serves(kind) && is_ours(job) && self.models.contains(&job.model))
    }

    /// Whether a job can be done: whoever takes one that cannot loses a bond.
    async fn is_fit(&mut self, id: u64, job: &IJobs::Job) -> Result<bool, NodeError> {
        if !is_inference(job) {
            return Ok(true);
        }
        if self.unfit.contains(&id) {
            return Ok(false);
        }
        let desk = self.worker.desk();
        let manifest = desk.manifest(job.model).await?;
        match desk.question(job, &manifest).await {
            Ok(_) => Ok(true),
            Err(error @ NodeError::Runtime(_)) => {
                info!(job = id, %error, "asks nothing that can be answered");
                self.unfit.insert(id);
                Ok(false)
            }
            // It may still be on its way to the store.
            Err(error @ NodeError::Missing { .. }) => {
                debug!(job = id, %error, "not taken");
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// Whether it is this account's turn at a job.
    async fn is_turn(&self, id: u64, job: &IJobs::Job) -> Result<bool, NodeError> {
        let chain = &self.worker.desk().chain;
        let turn = Roster::turnOfCall {
            model: job.model,
            kind: job.kind,
            job: id,
            worker: chain.me()?,
            drawBlock: U256::from(job.claimBlock),
            since: U256::from(job.claimedAt),
        };
        let from = chain.read_next(chain.contracts.roster, turn).await?;
        Ok(from <= U256::from(chain.now().await?))
    }

    async fn claim(&self, id: u64, job: &IJobs::Job) -> Result<(), NodeError> {
        let chain = &self.worker.desk().chain;
        let bond = chain.bond(job.model, &chain.rules(job.model).await?).await?;
        let call = Jobs::claimCall { id, minReward: U96::ZERO };
        match chain.send(chain.contracts.jobs, call, bond).await {
            Ok(_) => {
                info!(job = id, "taken");
                self.bring_on(id).await
            }
            // Another was quicker, or the training was overtaken.
            Err(error @ (NodeError::Refused(_) | NodeError::Reverted(_))) => {
                debug!(job = id, %error, "not taken");
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}
