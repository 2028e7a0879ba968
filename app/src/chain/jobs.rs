//! Jobs: the log of settled ones, how far an open one is, and the calls that move it on.

use alloy_primitives::{Address, B256, U256, Uint};
use alloy_sol_types::{SolCall, SolEvent};
use delea_contracts_abi::{
    JobKind, JobState, Jobs, Jury, Model, bindings::jobs::IJobs, training_seed,
};
use delea_model_runtime::content::Digest;

use super::{
    contracts::read,
    rpc::{Log, Receipt, Rpc, RpcError},
};

/// A training proven by its result on held-out batches, in the contract's order of proofs.
const EVALUATION: u8 = 1;
/// A training proven by doing it again.
const REPLAY: u8 = 0;
/// Jobs read at once.
const PAGE: u64 = 100;

/// Topic 0 of a model's job log.
pub(crate) const SETTLED_TOPIC: B256 = Model::JobSettled::SIGNATURE_HASH;

/// A settled job, from a model's log.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Settled {
    /// Its number; zero for what a user ran alone.
    pub(crate) job: u64,
    /// Place in the model's log, from 1.
    pub(crate) number: u32,
    /// Whether it was a training; else an inference.
    pub(crate) training: bool,
    /// Who trained, or used.
    pub(crate) worker: Address,
    /// Version trained from, or used.
    pub(crate) base: u32,
    /// Steps, or inferences.
    pub(crate) units: u32,
    /// Accuracy claimed.
    pub(crate) accuracy_ppm: u32,
    /// Reward, or price.
    pub(crate) amount: U256,
    /// Block.
    pub(crate) block: u64,
    /// Transaction.
    pub(crate) transaction: B256,
}

impl Settled {
    /// Reads a log entry; nothing for another event.
    pub(crate) fn from_log(log: &Log) -> Option<Self> {
        let topics = log.topics.iter().copied();
        let event = Model::JobSettled::decode_raw_log(topics, &log.data).ok()?;
        Some(Self {
            job: event.job,
            number: event.number,
            training: JobKind::try_from(event.kind) == Ok(JobKind::Train),
            worker: event.worker,
            base: event.settlement.base,
            units: event.settlement.units,
            accuracy_ppm: event.settlement.accuracyPpm,
            amount: event.amount,
            block: log.block,
            transaction: log.transaction,
        })
    }

    /// The job that a transaction settled.
    pub(crate) fn of(receipt: &Receipt) -> Option<Self> {
        receipt.logs.iter().find_map(Self::from_log)
    }
}

/// A job as the contract holds it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Job {
    /// Its number.
    pub(crate) id: u64,
    /// The model.
    pub(crate) model: Address,
    /// Whether it is a training; else an inference.
    pub(crate) training: bool,
    /// Whether it is proven by its result; else by replay.
    pub(crate) by_result: bool,
    /// How far it is.
    pub(crate) state: JobState,
    /// Version trained from, or used.
    pub(crate) base: u32,
    /// Steps, or inferences.
    pub(crate) units: u32,
    /// Who asked for it.
    pub(crate) requester: Address,
    /// Who took it; zero while nobody has.
    pub(crate) worker: Address,
    /// What the worker has at stake.
    pub(crate) bond: U256,
    /// When it was opened, in seconds since 1970.
    pub(crate) opened_at: u64,
    /// When it was taken; while it is open, since when it waits. In seconds since 1970.
    pub(crate) claimed_at: u64,
    /// Digest of the recipe, or of the question.
    pub(crate) input: Digest,
    /// Since when its result can be doubted: its revelation, or the last case that no jury could decide; zero before.
    pub(crate) on_view_since: u64,
    /// Block of its commitment; zero before.
    pub(crate) commit_block: u64,
    /// Who doubts it; zero while nobody does.
    pub(crate) challenger: Address,
    /// The case before the jury; zero without one.
    pub(crate) case: u64,
    /// While it is open, the block whose hash draws whose turn it is.
    pub(crate) draw_block: u64,
}

/// What a worker claims to have made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Outcome {
    /// Digest of the new parameter file.
    pub(crate) output: Digest,
    /// Merkle root over the checkpoints.
    pub(crate) checkpoint_root: Digest,
    /// Held-out accuracy.
    pub(crate) accuracy_ppm: u32,
}

impl Outcome {
    fn encode(self) -> IJobs::Result {
        IJobs::Result {
            output: self.output.0.into(),
            checkpointRoot: self.checkpoint_root.0.into(),
            accuracyPpm: self.accuracy_ppm,
        }
    }
}

/// Reads a job; nothing for a number that is not one.
pub(crate) async fn job(rpc: &Rpc, jobs: Address, id: u64) -> Result<Option<Job>, RpcError> {
    let job = read(rpc, jobs, Jobs::jobOfCall { id }).await?;
    Ok(Job::from_chain(id, job))
}

/// Reads jobs in order, those after the first `after`, as many as come at once.
pub(crate) async fn page(rpc: &Rpc, jobs: Address, after: u64) -> Result<Vec<Job>, RpcError> {
    let call = Jobs::jobsCall { offset: U256::from(after), limit: U256::from(PAGE) };
    let page = read(rpc, jobs, call).await?;
    Ok(page.into_iter().zip(after + 1..).filter_map(|(job, id)| Job::from_chain(id, job)).collect())
}

impl Job {
    /// Nothing for a number that is not one.
    fn from_chain(id: u64, job: IJobs::Job) -> Option<Self> {
        let state = JobState::from(job.state);
        (state != JobState::None).then(|| Self {
            id,
            model: job.model,
            training: JobKind::try_from(job.kind) == Ok(JobKind::Train),
            by_result: job.proof == EVALUATION,
            state,
            base: job.base,
            units: job.units,
            requester: job.requester,
            worker: job.worker,
            bond: U256::from(job.bond),
            opened_at: job.openedAt,
            claimed_at: job.claimedAt.to::<u64>(),
            input: Digest(job.input.0),
            on_view_since: job.revealedAt.to::<u64>() + u64::from(job.reopenedAfter),
            commit_block: job.commitBlock.to::<u64>(),
            challenger: job.challenger,
            case: job.caseId,
            draw_block: job.claimBlock.to::<u64>(),
        })
    }

    /// Whether it is over.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.state, JobState::Settled | JobState::Rejected | JobState::Expired)
    }
}

/// Reads the newest jobs, at most `most`, newest first.
pub(crate) async fn newest(rpc: &Rpc, jobs: Address, most: u64) -> Result<Vec<u64>, RpcError> {
    let count = read(rpc, jobs, Jobs::jobCountCall {}).await?;
    Ok((1..=count).rev().take(most as usize).collect())
}

/// What a training that is done is handed in with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Submission {
    /// The model.
    pub(crate) model: Address,
    /// Version trained from.
    pub(crate) base: u32,
    /// Steps to be paid for.
    pub(crate) steps: u32,
    /// Digest of the manifest, which names the recipe.
    pub(crate) recipe: Digest,
    /// Least reward accepted.
    pub(crate) min_reward: U256,
    /// What it made.
    pub(crate) outcome: Outcome,
}

/// Call data of `submit`: opens a training that is done, takes it, and commits to its result.
pub(crate) fn submit_call(s: &Submission) -> Vec<u8> {
    let request = request(s.model, EVALUATION, s.base, s.steps, s.recipe);
    Jobs::submitCall { request, minReward: narrow(s.min_reward), result: s.outcome.encode() }
        .abi_encode()
}

/// Call data of `reveal`, with the digest of the list of checkpoints where there is one.
pub(crate) fn reveal_call(job: u64, outcome: Outcome, trace: Option<Digest>) -> Vec<u8> {
    let cid = trace.map(|trace| trace.cid_bytes()).unwrap_or_default().into();
    Jobs::revealCall { id: job, result: outcome.encode(), cid }.abi_encode()
}

/// Call data of `settle`.
pub(crate) fn settle_call(job: u64, outcome: Outcome) -> Vec<u8> {
    Jobs::settleCall { id: job, result: outcome.encode() }.abi_encode()
}

/// Call data of `challenge`.
pub(crate) fn challenge_call(job: u64) -> Vec<u8> {
    Jobs::challengeCall { id: job }.abi_encode()
}

/// Call data of `abandon`: takes the bonds back of a training whose base is not the head any more.
pub(crate) fn abandon_call(job: u64) -> Vec<u8> {
    Jobs::abandonCall { id: job }.abi_encode()
}

/// Call data of `lapse`: ends a lease that is over.
pub(crate) fn lapse_call(job: u64) -> Vec<u8> {
    Jobs::lapseCall { id: job }.abi_encode()
}

/// The job that a transaction opened.
pub(crate) fn opened(receipt: &Receipt) -> Option<u64> {
    receipt.logs.iter().find_map(|log| {
        let topics = log.topics.iter().copied();
        Jobs::JobOpened::decode_raw_log(topics, &log.data).ok().map(|event| event.job)
    })
}

/// Reads a job's seed; nothing until it was drawn.
pub(crate) async fn seed(rpc: &Rpc, jobs: Address, job: u64) -> Result<Option<u64>, RpcError> {
    let seed = read(rpc, jobs, Jobs::seedOfCall { job }).await?;
    Ok((!seed.is_zero()).then(|| training_seed(seed)))
}

/// Call data of `start`: opens a training and takes it.
pub(crate) fn start_call(
    model: Address,
    base: u32,
    steps: u32,
    recipe: Digest,
    min_reward: U256,
) -> Vec<u8> {
    let request = request(model, REPLAY, base, steps, recipe);
    Jobs::startCall { request, minReward: narrow(min_reward) }.abi_encode()
}

/// Call data of `claim`: takes an open job for whatever it pays.
pub(crate) fn claim_call(job: u64) -> Vec<u8> {
    Jobs::claimCall { id: job, minReward: Uint::ZERO }.abi_encode()
}

/// Call data of `drawSeed`: fixes the seed of a training that was taken.
pub(crate) fn draw_seed_call(job: u64) -> Vec<u8> {
    Jobs::drawSeedCall { id: job }.abi_encode()
}

/// Call data of `commit`.
pub(crate) fn commit_call(job: u64, outcome: Outcome) -> Vec<u8> {
    Jobs::commitCall { id: job, result: outcome.encode() }.abi_encode()
}

/// Call data of `open`, for one inference that somebody else is to make.
pub(crate) fn ask_call(model: Address, version: u32, question: Digest, max_price: U256) -> Vec<u8> {
    let request = IJobs::Request {
        kind: JobKind::Infer.into(),
        maxPrice: max_price,
        ..request(model, REPLAY, version, 1, question)
    };
    Jobs::openCall { request }.abi_encode()
}

/// Call data of `cancel`: takes an own job back that nobody has taken.
pub(crate) fn cancel_call(job: u64) -> Vec<u8> {
    Jobs::cancelCall { id: job }.abi_encode()
}

fn request(model: Address, proof: u8, base: u32, steps: u32, recipe: Digest) -> IJobs::Request {
    IJobs::Request {
        model,
        kind: JobKind::Train.into(),
        proof,
        base,
        units: steps,
        input: recipe.0.into(),
        maxPrice: U256::ZERO,
    }
}

/// A reward is a part of a supply of 96 bits.
fn narrow(reward: U256) -> Uint<96, 2> {
    Uint::from_limbs_slice(&reward.as_limbs()[..2])
}

/// One thing that happened to a job.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Step {
    /// In words.
    pub(crate) what: &'static str,
    /// Who did it; nothing where anybody could.
    pub(crate) who: Option<Address>,
    /// Block.
    pub(crate) block: u64,
    /// Transaction.
    pub(crate) transaction: B256,
    /// What a commitment says.
    pub(crate) outcome: Option<Outcome>,
    /// What a revelation says.
    pub(crate) revealed: Option<Revealed>,
}

/// What helps to check a result that was revealed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Revealed {
    /// Which part is to be checked: the hash of the commitment's block.
    pub(crate) draw: B256,
    /// Digest of the list of checkpoints.
    pub(crate) trace: Option<Digest>,
}

impl Step {
    /// Reads a log entry of the job contract; nothing for events of other kinds.
    pub(crate) fn from_log(log: &Log) -> Option<Self> {
        let topic = *log.topics.first()?;
        let account = log.topics.get(3).map(|word| Address::from_word(*word));
        let (what, who) = match topic {
            Jobs::JobOpened::SIGNATURE_HASH => ("Opened", account),
            Jobs::JobClaimed::SIGNATURE_HASH => ("Taken", account),
            Jobs::JobCommitted::SIGNATURE_HASH => ("Result sealed", account),
            Jobs::JobRevealed::SIGNATURE_HASH => ("Result shown", account),
            Jobs::JobChallenged::SIGNATURE_HASH => ("Doubted", account),
            Jobs::JobRejected::SIGNATURE_HASH => ("Refuted by a jury", None),
            Jobs::JobExpired::SIGNATURE_HASH => ("Ended without a result", None),
            Jobs::LeaseLapsed::SIGNATURE_HASH => ("Time ran out; open again", None),
            Jobs::UpdateAccepted::SIGNATURE_HASH => ("Accepted and paid", None),
            _ => return None,
        };
        let topics = log.topics.iter().copied();
        let committed = Jobs::JobCommitted::decode_raw_log(topics, &log.data).ok();
        let outcome = committed.map(|event| Outcome {
            output: Digest(event.result.output.0),
            checkpoint_root: Digest(event.result.checkpointRoot.0),
            accuracy_ppm: event.result.accuracyPpm,
        });
        let topics = log.topics.iter().copied();
        let revealed = Jobs::JobRevealed::decode_raw_log(topics, &log.data).ok();
        let revealed = revealed
            .map(|event| Revealed { draw: event.draw, trace: Digest::from_cid_bytes(&event.cid) });
        Some(Self { what, who, block: log.block, transaction: log.transaction, outcome, revealed })
    }
}

/// A case before a jury.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Case {
    /// What it waits for: 1 the drawing of its jury, 2 votes, 3 nothing.
    pub(crate) stage: u8,
    /// 1 upheld, 2 refuted, 3 undecided; 0 before.
    pub(crate) outcome: u8,
    /// Last time for commitments.
    pub(crate) commit_until: u64,
    /// Last time for revelations.
    pub(crate) reveal_until: u64,
    /// What the worker claims.
    pub(crate) finding: B256,
    /// Jurors, and what each found; zero for who has not said.
    pub(crate) jurors: Vec<(Address, B256)>,
}

/// Reads a case.
pub(crate) async fn case(rpc: &Rpc, jury: Address, id: u64) -> Result<Case, RpcError> {
    let (case, votes) = futures_util::try_join!(
        read(rpc, jury, Jury::caseOfCall { caseId: id }),
        read(rpc, jury, Jury::juryCall { caseId: id }),
    )?;
    Ok(Case {
        stage: case.stage,
        outcome: case.outcome,
        commit_until: case.commitUntil,
        reveal_until: case.revealUntil,
        finding: case.finding,
        jurors: votes.jurors.into_iter().zip(votes.findings).collect(),
    })
}

/// Call data of `draw`.
pub(crate) fn draw_call(case: u64) -> Vec<u8> {
    Jury::drawCall { caseId: case }.abi_encode()
}

/// Call data of `close`.
pub(crate) fn close_call(case: u64) -> Vec<u8> {
    Jury::closeCall { caseId: case }.abi_encode()
}
