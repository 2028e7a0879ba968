//! An auditor that works by itself: it looks at every result that is shown, does a share of them again,
//! doubts what does not hold, and votes in the juries it is drawn into.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use alloy::{
    primitives::{Address, B256, U256, keccak256},
    signers::{Signer, local::PrivateKeySigner},
};
use alloy_sol_types::SolValue;
use delea_contracts_abi::{
    JobState, Jobs, Jury, Scores,
    bindings::jobs::{IJobs, IRounds},
};
use serde::{Deserialize, Serialize};
use tracing::{error, info, warn};

use crate::{
    chain::Watch,
    epochs::{Duties, Epochs, Posting},
    error::NodeError,
    inputs::Desk,
    probe::Probe,
    rounds,
    store::write_whole,
    verify::{Extent, Verdict, finding_withheld, verify},
};

/// Stages of a case, in the contract's order.
const DRAWING: u8 = 1;
const VOTING: u8 = 2;
const CLOSED: u8 = 3;

/// Cases that an auditor can sit on at once with the stake it starts with.
const STAKES: u64 = 4;

/// What an auditor does.
#[derive(Debug, Clone)]
pub(crate) struct Policy {
    /// Share of results that are checked, from 0 to 1. Which, an outsider cannot foresee.
    pub(crate) sample: f64,
    /// Models that are asked what is known, and the time between two questions.
    pub(crate) ask: Vec<Address>,
    pub(crate) ask_every: Duration,
    /// Votes with the claim without looking: for tests of how such a juror fares.
    pub(crate) lazy: bool,
    /// End when nothing is left to do.
    pub(crate) once: bool,
}

/// An auditor.
pub(crate) struct Auditor {
    desk: Desk,
    policy: Policy,
    stop: Arc<AtomicBool>,
    /// Known only to this account, and the same after a restart.
    secret: B256,
    probe: Probe,
    /// When the models were last asked.
    asked: Option<Instant>,
    /// Jobs whose sealed answer is known to be wrong: checked whatever chance says.
    suspected: BTreeSet<u64>,
    jobs: Watch,
    looked_at: BTreeSet<u64>,
    /// Models of the jobs seen, whose rounds are watched, and the posted averages that were checked.
    models: BTreeSet<Address>,
    /// Their epochs, whose posted weights are checked.
    epochs: BTreeMap<Address, Epochs>,
    averages: BTreeSet<(Address, u64)>,
    memory: Memory,
}

/// What must survive a kill so that no bond is lost. Even without it, findings can be computed again.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Memory {
    /// Findings by case and whether the second jury had it.
    findings: BTreeMap<String, B256>,
}

/// What a case is about.
enum Matter {
    /// A job's result.
    Job(u64, Box<IJobs::Job>),
    /// A posted average of a model's round.
    Average(Address, Box<IRounds::Average>),
    /// Posted weights of a model's epoch.
    Weights(Box<Posting>),
}

impl Matter {
    fn case(&self) -> u64 {
        match self {
            Self::Job(_, job) => job.caseId,
            Self::Average(_, average) => average.caseId,
            Self::Weights(posting) => posting.held.caseId,
        }
    }

    fn claimed(&self) -> B256 {
        match self {
            Self::Job(_, job) => job.resultHash,
            Self::Average(_, average) => {
                rounds::finding(average.parametersHash, average.accuracyPpm)
            }
            Self::Weights(posting) => posting.held.root,
        }
    }
}

/// What one look around did.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Round {
    acted: bool,
    waiting: bool,
}

impl Round {
    /// Adds what came of one matter. One that fails must not keep an auditor from the others.
    fn add(&mut self, did: Result<Self, NodeError>, what: &str) {
        let did = did.unwrap_or_else(|error| {
            warn!(what, %error, "will look again");
            Self { acted: false, waiting: true }
        });
        self.acted |= did.acted;
        self.waiting |= did.waiting;
    }
}

impl Auditor {
    /// An auditor that ends soon after `stop` is set.
    ///
    /// # Errors
    /// [`NodeError::Config`] if the account cannot sign.
    pub(crate) async fn new(
        desk: Desk,
        signer: &PrivateKeySigner,
        policy: Policy,
        stop: Arc<AtomicBool>,
    ) -> Result<Self, NodeError> {
        // ECDSA as in RFC 6979 gives the same signature for the same key and message.
        let signature = signer.sign_message(b"Delea auditor: the salt of my votes").await;
        let signature = signature.map_err(|error| NodeError::Config(error.to_string()))?;
        let memory = std::fs::read(Self::file(&desk)).ok();
        let memory = memory.and_then(|text| serde_json::from_slice(&text).ok());
        let secret = keccak256(signature.as_bytes());
        Ok(Self {
            secret,
            probe: Probe::new(secret),
            asked: None,
            suspected: BTreeSet::new(),
            memory: memory.unwrap_or_default(),
            desk,
            policy,
            stop,
            jobs: Watch::default(),
            looked_at: BTreeSet::new(),
            models: BTreeSet::new(),
            epochs: BTreeMap::new(),
            averages: BTreeSet::new(),
        })
    }

    fn file(desk: &Desk) -> std::path::PathBuf {
        desk.config.data.join(format!("audit-{}.json", desk.config.chain_id))
    }

    /// Puts a stake down, if there is none yet.
    ///
    /// # Errors
    /// [`NodeError::Refused`] without the coins for it.
    pub(crate) async fn register(&self) -> Result<(), NodeError> {
        let chain = &self.desk.chain;
        let (jury, account) = (chain.contracts.jury, chain.me()?);
        let unit = chain.read(jury, Jury::JUROR_STAKECall {}).await?;
        let auditor = chain.read(jury, Jury::auditorCall { account }).await?;
        if U256::from(auditor.stake) >= unit {
            return Ok(());
        }
        let stake = unit * U256::from(STAKES);
        let call = Jury::registerCall { stake: stake.saturating_to() };
        chain.send(jury, call, stake).await?;
        info!(%account, %stake, "registered as an auditor");
        Ok(())
    }

    /// Works until it is stopped, or once where the policy says so.
    ///
    /// # Errors
    /// [`NodeError`] only for what will not pass by itself.
    pub(crate) async fn run(&mut self) -> Result<(), NodeError> {
        self.register().await?;
        loop {
            if self.stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            match self.look().await {
                Ok(Round { acted: false, waiting: false }) if self.policy.once => return Ok(()),
                Ok(_) => {}
                Err(error @ (NodeError::Config(_) | NodeError::File { .. })) => return Err(error),
                // The network or the chain's node may come back.
                Err(error) => warn!(%error, "will try again"),
            }
            tokio::time::sleep(Duration::from_millis(self.desk.config.poll)).await;
        }
    }

    /// Looks at every job that is not over.
    async fn look(&mut self) -> Result<Round, NodeError> {
        let (models, mut revealed, mut own) = (&mut self.models, Vec::new(), Vec::new());
        let me = self.desk.chain.me()?;
        let see = |id, job: IJobs::Job| {
            models.insert(job.model);
            if job.requester == me {
                own.push((id, job.clone()));
            }
            if JobState::from(job.state) == JobState::Revealed {
                revealed.push((id, job));
            }
        };
        self.jobs.each(&self.desk.chain, see).await?;
        let mut round = Round::default();
        for (id, job) in own {
            let opened = self.probe.open(&self.desk, id, &job).await;
            if opened.as_ref().is_ok_and(|wrong| *wrong) {
                self.suspected.insert(id);
            }
            round.add(opened.map(|_| Round::default()), &format!("question {id}"));
        }
        for (id, job) in revealed {
            round.add(self.attend(id, &job).await, &format!("job {id}"));
            if self.stop.load(Ordering::Relaxed) {
                return Ok(round);
            }
        }
        for model in self.models.clone() {
            round.add(self.attend_round(model).await, &format!("the round of {model}"));
            round.add(self.attend_epochs(model).await, &format!("the epochs of {model}"));
        }
        if self.asked.is_none_or(|asked| asked.elapsed() >= self.policy.ask_every) {
            self.asked = Some(Instant::now());
            for model in &self.policy.ask {
                let asked = self.probe.ask(&self.desk, *model).await;
                round.add(asked.map(|_| Round::default()), &format!("a question to {model}"));
            }
        }
        Ok(round)
    }

    /// Looks at a posted average, doubts one that does not hold, and votes in its case.
    async fn attend_round(&mut self, model: Address) -> Result<Round, NodeError> {
        let chain = self.desk.chain.clone();
        let jobs = chain.contracts.jobs;
        let posted = chain.read(jobs, Jobs::averageOfCall { model }).await?;
        if posted.poster.is_zero() {
            return Ok(Round::default());
        }
        if posted.caseId != 0 {
            return self.case(&Matter::Average(model, Box::new(posted))).await;
        }
        let key = (model, posted.postedAt);
        if posted.poster == chain.me()? || self.policy.lazy || self.averages.contains(&key) {
            return Ok(Round { acted: false, waiting: true });
        }
        let round = chain.read(jobs, Jobs::roundOfCall { model }).await?;
        let honest = rounds::average(&self.desk, model, &round).await?;
        let holds =
            posted.parametersHash.0 == honest.digest.0 && posted.accuracyPpm == honest.accuracy_ppm;
        if holds {
            info!(%model, verdict = "holds", "the posted average is the trainings' own");
        } else {
            let rules = chain.rules(model).await?;
            let bond = chain.bond(model, &rules).await?;
            match chain.send(jobs, Jobs::challengeAverageCall { model }, bond).await {
                Ok(_) => info!(%model, verdict = "doubted", "the posted average is another one"),
                Err(error)
                    if matches!(error.name(), Some("AlreadyChallenged" | "WindowClosed")) => {}
                Err(error) => return Err(error),
            }
        }
        self.averages.insert(key);
        Ok(Round { acted: true, waiting: true })
    }

    /// Looks at the posted weights of a model's epochs, doubts those that do not follow from its log, and votes in their
    /// cases.
    async fn attend_epochs(&mut self, model: Address) -> Result<Round, NodeError> {
        let duties = Duties { doubt: !self.policy.lazy, ..Duties::default() };
        let epochs = self.epochs.entry(model).or_insert_with(|| Epochs::new(model));
        let look = epochs.look(&self.desk, duties).await?;
        let mut round = Round { acted: look.acted, waiting: look.waiting };
        for posting in look.cases {
            let what = format!("the weights of epoch {} of {model}", posting.epoch);
            round.add(self.case(&Matter::Weights(Box::new(posting))).await, &what);
        }
        Ok(round)
    }

    async fn attend(&mut self, id: u64, job: &IJobs::Job) -> Result<Round, NodeError> {
        if job.caseId != 0 {
            return self.case(&Matter::Job(id, Box::new(job.clone()))).await;
        }
        let acted = !self.looked_at.contains(&id)
            && job.worker != self.desk.chain.me()?
            && self.check(id, job).await?;
        Ok(Round { acted, waiting: false })
    }

    /// Does a shown result again, and doubts it if it does not hold. Whether it did.
    async fn check(&mut self, id: u64, job: &IJobs::Job) -> Result<bool, NodeError> {
        let chain = self.desk.chain.clone();
        let rules = chain.rules(job.model).await?;
        let shown = job.revealedAt.to::<u64>() + u64::from(job.reopenedAfter);
        let until = shown + u64::from(rules.challengeWindow);
        let now = chain.now().await?;
        if now > until || !(self.is_sampled(id) || self.suspected.contains(&id)) {
            self.looked_at.insert(id);
            return Ok(false);
        }
        let claimed = chain.claimed(id, job).await?;
        let why = match verify(&self.desk, id, job, &claimed, Extent::Drawn).await {
            Ok(Verdict { holds: true, words, .. }) => {
                info!(job = id, verdict = "holds", "{words}");
                self.looked_at.insert(id);
                return Ok(true);
            }
            Ok(Verdict { words, .. }) => words,
            Err(error @ NodeError::Missing { .. }) => {
                // A slow store is given half of the window.
                if now < until - u64::from(rules.challengeWindow) / 2 {
                    return Err(error);
                }
                format!("What was promised is withheld: {error}.")
            }
            Err(error) => return Err(error),
        };
        let bond = chain.bond(job.model, &rules).await?;
        match chain.send(chain.contracts.jobs, Jobs::challengeCall { id }, bond).await {
            Ok(_) => info!(job = id, verdict = "doubted", "{words}", words = why),
            // Somebody else was first, or too late: either way there is nothing left to do here.
            Err(error) if matches!(error.name(), Some("AlreadyChallenged" | "WindowClosed")) => {
                info!(job = id, %error, "not doubted");
            }
            Err(error) => return Err(error),
        }
        self.looked_at.insert(id);
        Ok(true)
    }

    fn is_sampled(&self, id: u64) -> bool {
        let hash = keccak256((self.secret, id).abi_encode_params());
        let number = u64::from_be_bytes(hash[..8].try_into().unwrap_or_default());
        (number as f64) < self.policy.sample * u64::MAX as f64
    }

    /// Moves a case on, and votes in it if this account is on its jury.
    async fn case(&mut self, matter: &Matter) -> Result<Round, NodeError> {
        let chain = self.desk.chain.clone();
        let (jury, case) = (chain.contracts.jury, matter.case());
        let state = chain.read(jury, Jury::caseOfCall { caseId: case }).await?;
        let me = chain.me()?;
        let waiting = Round { acted: false, waiting: true };
        let acted = Round { acted: true, waiting: true };
        match state.stage {
            DRAWING => {
                chain.attempt(jury, Jury::drawCall { caseId: case }, U256::ZERO).await?;
                Ok(acted)
            }
            VOTING => {
                let votes = chain.read(jury, Jury::juryCall { caseId: case }).await?;
                let seat = votes.jurors.iter().position(|juror| *juror == me);
                let now = chain.now().await?;
                let all_in = state.committed == state.size;
                if let Some(seat) = seat
                    && votes.findings[seat].is_zero()
                {
                    if now <= state.commitUntil && !all_in {
                        self.vote(matter, state.redrawn).await?;
                        return Ok(acted);
                    }
                    if now <= state.revealUntil {
                        self.reveal(matter, state.redrawn).await?;
                        return Ok(acted);
                    }
                }
                if now > state.revealUntil || (all_in && state.revealed == state.size) {
                    chain.attempt(jury, Jury::closeCall { caseId: case }, U256::ZERO).await?;
                    return Ok(acted);
                }
                Ok(waiting)
            }
            // The one who doubted, or judged, settles: the bonds are divided then.
            CLOSED => {
                let jobs = chain.contracts.jobs;
                match matter {
                    Matter::Job(id, job) => {
                        let result = chain.claimed(*id, job).await?.result;
                        chain
                            .attempt(jobs, Jobs::settleCall { id: *id, result }, U256::ZERO)
                            .await?;
                        // What no jury could decide is on view again.
                        self.looked_at.remove(id);
                    }
                    Matter::Average(model, _) => {
                        chain
                            .attempt(jobs, Jobs::settleAverageCall { model: *model }, U256::ZERO)
                            .await?;
                    }
                    Matter::Weights(posting) => {
                        let (model, epoch) = (posting.model, posting.epoch);
                        let call = Scores::settleWeightsCall { model, epoch };
                        chain.attempt(chain.contracts.scores, call, U256::ZERO).await?;
                    }
                }
                Ok(acted)
            }
            _ => Ok(waiting),
        }
    }

    /// What this juror finds; computed once a jury.
    async fn finding(&mut self, matter: &Matter, redrawn: bool) -> Result<B256, NodeError> {
        let case = matter.case();
        let key = format!("{case}{}", if redrawn { "-again" } else { "" });
        if let Some(finding) = self.memory.findings.get(&key) {
            return Ok(*finding);
        }
        let found = if self.policy.lazy { Ok(matter.claimed()) } else { self.judge(matter).await };
        let finding = match found {
            Err(NodeError::Missing { what, .. }) => {
                warn!(case, what, "withheld");
                finding_withheld()
            }
            found => found?,
        };
        self.memory.findings.insert(key, finding);
        let text = serde_json::to_vec(&self.memory).unwrap_or_default();
        write_whole(&Self::file(&self.desk), &text)?;
        Ok(finding)
    }

    /// Does the work again.
    async fn judge(&self, matter: &Matter) -> Result<B256, NodeError> {
        let (chain, case) = (&self.desk.chain, matter.case());
        match matter {
            Matter::Job(id, job) => {
                let claimed = chain.claimed(*id, job).await?;
                let verdict = verify(&self.desk, *id, job, &claimed, Extent::Whole).await?;
                info!(job = id, case, "{}", verdict.words);
                verdict.finding.ok_or_else(|| NodeError::Cannot("the check was not whole".into()))
            }
            Matter::Average(model, _) => {
                let call = Jobs::roundOfCall { model: *model };
                let round = chain.read(chain.contracts.jobs, call).await?;
                let honest = rounds::average(&self.desk, *model, &round).await?;
                Ok(rounds::finding(honest.digest.0.into(), honest.accuracy_ppm))
            }
            Matter::Weights(posting) => Ok(posting.root),
        }
    }

    fn salt(&self, case: u64, redrawn: bool) -> B256 {
        keccak256((self.secret, case, redrawn).abi_encode_params())
    }

    async fn vote(&mut self, matter: &Matter, redrawn: bool) -> Result<(), NodeError> {
        let (chain, case) = (self.desk.chain.clone(), matter.case());
        let finding = self.finding(matter, redrawn).await?;
        let salt = self.salt(case, redrawn);
        let commitment = keccak256((case, chain.me()?, finding, salt).abi_encode_params());
        let call = Jury::commitVoteCall { caseId: case, commitment };
        match chain.send(chain.contracts.jury, call, U256::ZERO).await {
            Ok(_) => info!(case, "voted"),
            Err(error) if error.name() == Some("VotedBefore") => {}
            Err(error) => {
                error!(case, %error, "the vote was refused");
                return Err(error);
            }
        }
        Ok(())
    }

    async fn reveal(&mut self, matter: &Matter, redrawn: bool) -> Result<(), NodeError> {
        let (chain, case) = (self.desk.chain.clone(), matter.case());
        let finding = self.finding(matter, redrawn).await?;
        let call = Jury::revealVoteCall { caseId: case, finding, salt: self.salt(case, redrawn) };
        match chain.send(chain.contracts.jury, call, U256::ZERO).await {
            Ok(_) => info!(case, "vote revealed"),
            // Others still have time to commit.
            Err(error) if error.name() == Some("OutOfTime") => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}
