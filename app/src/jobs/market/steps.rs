//! What a worker does on the chain, one thing at a time. Each is read from the chain first, so it can be broken off
//! and taken up anywhere.

use alloy_primitives::{Address, U256};
use delea_contracts_abi::JobState;
use delea_model_runtime::{
    RuntimeError,
    content::Digest,
    inference::{self, Question},
    message::Tier,
};
use leptos::prelude::*;

use super::told;
use crate::{
    app::App,
    chain::{
        bonds,
        contracts::{self, Detail},
        history,
        jobs::{self, Job, Outcome},
        located, roster,
        rpc::RpcError,
        transaction::{self, Call, TxError, error_name},
    },
    jobs::{
        check::require_runtime,
        hand_in, keep,
        machine::{self, Choice, Finished},
        pool::Kind,
    },
    store::{blobs, documents},
    wallet::provider::WalletError,
};

/// Why something was not done.
pub(super) enum Hitch {
    /// The visitor declined in the wallet, and must not be asked again and again.
    Declined,
    /// A sentence; nothing where the visitor was told already.
    Told(Option<String>),
}

impl From<Option<String>> for Hitch {
    fn from(words: Option<String>) -> Self {
        Self::Told(words)
    }
}

impl From<TxError> for Hitch {
    fn from(error: TxError) -> Self {
        match error {
            TxError::Wallet(WalletError::Rejected) => Self::Declined,
            error => Self::Told(error.told()),
        }
    }
}

/// What came of a step.
pub(super) enum Step {
    /// Something was done, in words; there may be more to do at once.
    Done(&'static str),
    /// Time has to pass, or others have to act.
    Waits,
}

async fn detail(app: App, model: Address) -> Result<Detail, Hitch> {
    Ok(contracts::detail(&app.rpc(), app.config().contracts.factory, model).await.map_err(told)?)
}

async fn send(app: App, call: Call) -> Result<(), Hitch> {
    Ok(transaction::quietly(app, call).await.map(drop)?)
}

/// Keeps this account's place on a model's roster.
pub(super) async fn wait(
    app: App,
    model: Address,
    kinds: u8,
    say: impl Fn(&'static str),
) -> Result<(), Hitch> {
    let (rpc, contract) = (app.rpc(), app.config().contracts.roster);
    let account = app.wallets.account_or_ask().await.ok_or(Hitch::Told(None))?;
    let seat = roster::seat(&rpc, contract, model, account.address).await.map_err(told)?;
    if seat.kinds != kinds {
        say("Taking a place in line");
        let mut call = Call::new(contract, roster::enlist_call(model, kinds));
        if seat.kinds == 0 {
            let detail = detail(app, model).await?;
            call.value = bonds::stake(app, &detail, detail.rules.bond).await?;
        }
        return send(app, call).await;
    }
    if seat.is_silent(app.block.get_untracked()) {
        say("Saying that this tab is still here");
        return send(app, Call::new(contract, roster::renew_call(model))).await;
    }
    Ok(())
}

/// Gives all places up.
pub(super) async fn leave(app: App, models: &[Address]) -> Result<(), Hitch> {
    let (rpc, contract) = (app.rpc(), app.config().contracts.roster);
    let Some(account) = app.wallets.account.get_untracked() else { return Ok(()) };
    for model in models {
        let seat = roster::seat(&rpc, contract, *model, account.address).await.map_err(told)?;
        if seat.kinds != 0 {
            send(app, Call::new(contract, roster::delist_call(*model))).await?;
        }
    }
    Ok(())
}

/// Whether a job can be done now.
///
/// # Errors
/// Why it never can.
pub(super) async fn is_fit(app: App, job: &Job) -> Result<bool, String> {
    let config = app.config();
    let Ok(detail) = detail(app, job.model).await else { return Ok(false) };
    let Ok(manifest) = documents::manifest(&config, detail.summary.manifest).await else {
        return Ok(false);
    };
    require_runtime(&manifest, &config)?;
    if job.training {
        return Ok(detail.summary.head == job.base);
    }
    // A question may still be on its way to the store.
    let Ok(question) = blobs::get(&config, job.input, "the question").await else {
        return Ok(false);
    };
    match Question::from_bytes(&question, &manifest.spec, job.units) {
        Ok(_) => Ok(true),
        Err(error) => Err(format!("Asks nothing that can be answered: {error}.")),
    }
}

/// Takes an open job. Whether it was not another who was quicker.
pub(super) async fn claim(app: App, job: &Job) -> Result<bool, Hitch> {
    let detail = detail(app, job.model).await?;
    let mut call = Call::new(app.config().contracts.jobs, jobs::claim_call(job.id));
    call.value = bonds::stake(app, &detail, detail.rules.bond).await?;
    match transaction::quietly(app, call).await {
        Ok(_) => Ok(true),
        Err(TxError::Contract(_)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Does the next thing that an own job needs.
pub(super) async fn step(app: App, job: &Job) -> Result<Step, Hitch> {
    match job.state {
        JobState::Claimed if job.training => train(app, job).await,
        JobState::Claimed => answer(app, job).await,
        JobState::Committed => {
            let outcome = outcome(app, job).await?;
            let trace = match trained(job) {
                Some(finished) => hand_in::publish_trace(app, &finished, job.commit_block).await?,
                None => None,
            };
            attempt(app, job, jobs::reveal_call(job.id, outcome, trace), "Shown to everyone.").await
        }
        JobState::Revealed => {
            let outcome = outcome(app, job).await?;
            let done = attempt(app, job, jobs::settle_call(job.id, outcome), "Settled.").await?;
            if let (Step::Done(_), Some(finished)) = (&done, trained(job)) {
                hand_in::finish(app, &finished);
                app.trainer.dismiss();
            }
            Ok(done)
        }
        _ => Ok(Step::Waits),
    }
}

/// What this tab has made for a job, if that is a training.
fn trained(job: &Job) -> Option<Finished> {
    keep::finished().into_iter().find(|finished| finished.submitted == Some(job.id))
}

/// What this account committed to.
async fn outcome(app: App, job: &Job) -> Result<Outcome, Hitch> {
    let config = app.config();
    let steps = history::steps(&app.rpc(), config.contracts.jobs, job.id, config.from_block).await;
    let found = steps.map_err(told)?.iter().rev().find_map(|step| step.outcome);
    Ok(found.ok_or_else(|| told("the chain’s node leaves out what was committed to"))?)
}

/// Sends what may have to wait for a block, the clock or a jury.
async fn attempt(app: App, job: &Job, data: Vec<u8>, done: &'static str) -> Result<Step, Hitch> {
    let contract = app.config().contracts.jobs;
    match app.rpc().simulate(job.worker, contract, &data, U256::ZERO).await {
        Ok(_) => {
            send(app, Call::new(contract, data)).await?;
            Ok(Step::Done(done))
        }
        Err(error) => held_up(app, job, error).await,
    }
}

async fn held_up(app: App, job: &Job, error: RpcError) -> Result<Step, Hitch> {
    let contract = app.config().contracts.jobs;
    match error_name(&error) {
        Some(
            "SeedNotYet" | "RevealTooEarly" | "WindowOpen" | "WrongStage" | "RoundClosed"
            | "CaseOpen",
        ) => Ok(Step::Waits),
        // A rollback or another's training came first: the bond comes back.
        Some("Abandoned") => {
            send(app, Call::new(contract, jobs::abandon_call(job.id))).await?;
            Ok(Step::Done("Overtaken by another training; the bond is back."))
        }
        Some("LeaseOver") => {
            send(app, Call::new(contract, jobs::lapse_call(job.id))).await?;
            Ok(Step::Done("The time ran out before it was done; the bond is lost."))
        }
        _ => Err(told(error).into()),
    }
}

/// Answers a question, and commits to the answer.
async fn answer(app: App, job: &Job) -> Result<Step, Hitch> {
    let config = app.config();
    let detail = detail(app, job.model).await?;
    let manifest = documents::manifest(&config, detail.summary.manifest).await.map_err(told)?;
    let file = blobs::get(&config, job.input, "the question").await.map_err(told)?;
    let question = Question::from_bytes(&file, &manifest.spec, job.units).map_err(told)?;
    let base = detail
        .version(job.base)
        .ok_or_else(|| told(format!("version {} is not on the chain", job.base)))?;
    let parameters = blobs::file(&config, base.parameters, "the parameters").await.map_err(told)?;
    let kind = Kind::of(&manifest.spec);
    let (client, _) = app.pool.ready(&config, &manifest.spec, Tier::Cpu).await.map_err(told)?;
    let answer = client.ask(question.request(manifest.spec.clone(), parameters)).await;
    let answer = match answer.and_then(inference::answer) {
        Ok(answer) => answer,
        Err(error) => {
            if let RuntimeError::Device { .. } = error {
                app.pool.end(kind, Tier::Cpu);
            }
            return Err(told(error).into());
        }
    };
    let stored = blobs::put(&config, &answer, "the answer").await.map_err(told)?;
    located::record(app, stored).await?;
    // Whoever asked could hide the question afterwards, and doubt an answer that nobody can check.
    let kept = blobs::put(&config, &file, "the question").await.map_err(told)?;
    located::record(app, kept).await?;
    let outcome =
        Outcome { output: stored.digest, checkpoint_root: Digest([0; 32]), accuracy_ppm: 0 };
    attempt(app, job, jobs::commit_call(job.id, outcome), "Answered.").await
}

/// Trains, or commits to a training that is done.
async fn train(app: App, job: &Job) -> Result<Step, Hitch> {
    let config = app.config();
    if let Some(finished) = trained(job) {
        let Finished { parameters, checkpoint_root, after, .. } = finished;
        hand_in::upload(app, &finished).await?;
        let outcome =
            Outcome { output: parameters, checkpoint_root, accuracy_ppm: after.accuracy_ppm };
        return attempt(app, job, jobs::commit_call(job.id, outcome), "Trained.").await;
    }
    let (phase, failed) =
        app.trainer.state.with_untracked(|state| (state.phase, state.error.clone()));
    if phase == machine::Phase::Failed {
        return Err(failed.into());
    }
    // A tab trains one thing at a time: this one, or the visitor's own.
    if phase.is_open() {
        return Ok(Step::Waits);
    }
    let rpc = app.rpc();
    let seed = jobs::seed(&rpc, config.contracts.jobs, job.id).await.map_err(told)?;
    let Some(seed) = seed else {
        return attempt(app, job, jobs::draw_seed_call(job.id), "Its seed is drawn.").await;
    };
    let detail = detail(app, job.model).await?;
    let key = format!("{:#x}-v{}-job{}", job.model, job.base, job.id);
    let training = machine::Job {
        key,
        model: job.model,
        name: detail.summary.name,
        symbol: detail.summary.symbol,
        base: job.base,
        steps: job.units,
        seed,
        choice: Choice::Cpu,
        paused: false,
        announced: Some(job.id),
    };
    app.trainer.start(training, None);
    Ok(Step::Waits)
}
