//! A finished training on its way to its reward: hand in, reveal, wait for doubts, settle. Every
//! step is read from the chain, so it goes on wherever it stopped.

use alloy_primitives::{Address, B256, U256};
use delea_contracts_abi::{JobState, seed_of_claim, training_seed};
use delea_model_runtime::{commitment, content::Digest, message::Request};
use gloo_timers::future::TimeoutFuture;
use leptos::prelude::*;
use wasm_bindgen_futures::spawn_local;

use super::{check::require_runtime, keep, machine::Finished, pool::Kind, trainer::sentence};
use crate::{
    app::App,
    chain::{
        bonds,
        contracts::{self, Detail},
        history,
        jobs::{self, Outcome, Settled, Submission},
        located, quotes, rounds,
        rpc::RpcError,
        transaction::{self, Call, Deed, TxError, error_name},
    },
    store::{blobs, documents, files},
};

/// What the visitor sees of it.
pub(crate) const STAGES: [&str; 4] = [
    "Hand in what the training made",
    "Show it to everyone",
    "Wait for doubts",
    "Receive the reward",
];

/// Newest jobs among which one that stands before another is looked for.
const LOOK_BACK: u64 = 100;
/// Milliseconds between looks at the chain while others can doubt.
const POLL_MS: u32 = 1_000;

/// What publishing brought.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Published {
    /// Tokens received, in base units.
    pub(crate) reward: U256,
    /// The job.
    pub(crate) job: u64,
    /// The version it became; nothing while its round goes on.
    pub(crate) version: Option<u32>,
    /// Tokens of the account now.
    pub(crate) balance: Option<U256>,
}

/// Where it tells how far it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Progress {
    /// Place in [`STAGES`].
    pub(crate) stage: RwSignal<Option<usize>>,
    /// Seconds in which others can still doubt.
    pub(crate) left: RwSignal<Option<u64>>,
    /// The job, once handed in.
    pub(crate) submitted: RwSignal<Option<u64>>,
    /// Whether another training of the same version came first and waits to be settled.
    pub(crate) blocked: RwSignal<bool>,
}

/// Steps that are paid: one reference training at most, for what is proven by its result alone.
pub(crate) fn paid_steps(detail: &Detail, steps: u32) -> u32 {
    steps.min(detail.summary.reference_steps)
}

fn say(error: impl std::fmt::Display) -> Option<String> {
    Some(sentence(&error.to_string()))
}

/// Brings a finished training to its reward. Errors are sentences; none if the visitor was told
/// already.
pub(crate) async fn run(
    app: App,
    detail: RwSignal<Detail>,
    finished: StoredValue<Finished>,
    progress: Progress,
) -> Result<Published, Option<String>> {
    let config = app.config();
    let rpc = app.rpc();
    let contract = config.contracts.jobs;
    let training = finished.get_value();
    let outcome = Outcome {
        output: training.parameters,
        checkpoint_root: training.checkpoint_root,
        accuracy_ppm: training.after.accuracy_ppm,
    };
    let id = match training.submitted {
        Some(id) => id,
        None => {
            progress.stage.set(Some(0));
            progress.blocked.set(false);
            let id = hand_in(app, detail, &training, outcome, progress.blocked).await?;
            finished.update_value(|f| f.submitted = Some(id));
            keep::add_finished(&finished.get_value());
            progress.submitted.set(Some(id));
            id
        }
    };
    let settled = loop {
        let job = jobs::job(&rpc, contract, id).await.map_err(say)?;
        let job = job.ok_or_else(|| say("the chain does not know this job"))?;
        match job.state {
            JobState::Claimed => {
                progress.stage.set(Some(0));
                upload(app, &training).await?;
                let deed = Deed { doing: "Publishing", done: "Your training is handed in." };
                let call = jobs::commit_call(id, outcome);
                match rpc.simulate(job.worker, contract, &call, U256::ZERO).await {
                    Err(error) if error_name(&error) == Some("Abandoned") => {
                        finish(app, &training);
                        return Err(take_back(app, contract, id).await);
                    }
                    _ => step(app, deed, Call::new(contract, call), id).await?,
                };
            }
            JobState::Committed => {
                progress.stage.set(Some(1));
                let deed =
                    Deed { doing: "Showing the result", done: "Your result can be checked." };
                let trace = publish_trace(app, &training, job.commit_block).await?;
                let call = jobs::reveal_call(id, outcome, trace);
                step(app, deed, Call::new(contract, call), id).await?;
            }
            JobState::Revealed => {
                progress.stage.set(Some(2));
                let call = jobs::settle_call(id, outcome);
                match rpc.simulate(Address::ZERO, contract, &call, U256::ZERO).await {
                    Ok(_) => {
                        progress.left.set(None);
                        progress.stage.set(Some(3));
                        let deed = Deed { doing: "Receiving", done: "Your training is published." };
                        let receipt = step(app, deed, Call::new(contract, call), id).await?;
                        if let Some(settled) = Settled::of(&receipt) {
                            break settled;
                        }
                    }
                    Err(error) if error_name(&error) == Some("WindowOpen") => {
                        let window = detail.with_untracked(|d| d.rules.challenge_window);
                        let until = job.on_view_since + u64::from(window);
                        progress.left.set(Some(until.saturating_sub(app.now()) + 1));
                        TimeoutFuture::new(POLL_MS).await;
                    }
                    Err(error) if error_name(&error) == Some("Abandoned") => {
                        return Err(take_back(app, contract, id).await);
                    }
                    Err(error) => return Err(refused(error)),
                }
            }
            JobState::Settled => {
                let all = history::settled(&rpc, job.model, Some(job.worker), config.from_block);
                let all = all.await.map_err(say)?;
                let found = all.into_iter().find(|settled| settled.job == id);
                break found
                    .ok_or_else(|| say("the job is settled, but its log entry is missing"))?;
            }
            JobState::Rejected => {
                finish(app, &training);
                return Err(say(
                    "a jury found that the training does not give this result, so it is not paid",
                ));
            }
            _ => {
                finish(app, &training);
                return Err(say(
                    "the job has ended without a result: its time ran out, or the reward fell below what you accept",
                ));
            }
        }
    };
    finish(app, &training);
    app.trainer.state.update(|state| state.published = true);
    let model = training.job.model;
    let now = contracts::detail(&rpc, config.contracts.factory, model).await.ok();
    let version = now.as_ref().and_then(|d| d.versions.iter().find(|v| v.job == id)).map(|v| v.id);
    if let Some(now) = now {
        detail.set(now);
    }
    let balance = contracts::balance(&rpc, model, settled.worker).await.ok();
    Ok(Published { reward: settled.amount, job: id, version, balance })
}

/// Settles what stands before the next version: others' trainings of this one whose windows have
/// passed. Errors are sentences.
pub(crate) async fn settle_others(
    app: App,
    detail: RwSignal<Detail>,
) -> Result<(), Option<String>> {
    let (config, rpc) = (app.config(), app.rpc());
    let contract = config.contracts.jobs;
    let deed = Deed { doing: "Settling", done: "The training before yours is settled." };
    let model = detail.with_untracked(|d| d.summary.model);
    for id in jobs::newest(&rpc, contract, LOOK_BACK).await.map_err(say)? {
        let job = jobs::job(&rpc, contract, id).await.map_err(say)?;
        let due = job.filter(|job| job.model == model && job.state == JobState::Revealed);
        if due.is_none() {
            continue;
        }
        let steps = history::steps(&rpc, contract, id, config.from_block).await.map_err(say)?;
        let Some(outcome) = steps.iter().rev().find_map(|step| step.outcome) else { continue };
        let call = jobs::settle_call(id, outcome);
        match rpc.simulate(Address::ZERO, contract, &call, U256::ZERO).await {
            Ok(_) => transaction::send(app, deed, Call::new(contract, call))
                .await
                .map_err(TxError::told)?,
            // An old round's job; it stands before nothing.
            Err(error) if error_name(&error) == Some("Abandoned") => continue,
            Err(error) => return Err(refused(error)),
        };
    }
    let round = rounds::round(&rpc, contract, model).await.map_err(say)?;
    if round.is_some_and(|round| round.pending == 0 && round.accepted == 1) {
        let call = Call::new(contract, rounds::publish_round_call(model));
        transaction::send(app, deed, call).await.map_err(TxError::told)?;
    }
    let now = contracts::detail(&rpc, config.contracts.factory, model).await;
    detail.set(now.map_err(say)?);
    match rounds::round(&rpc, contract, model).await.map_err(say)? {
        None => Ok(()),
        Some(_) => {
            Err(say("the other training is not decided yet; yours is kept, try again later"))
        }
    }
}

/// Uploads the parameters and commits to them; the job's number.
async fn hand_in(
    app: App,
    detail: RwSignal<Detail>,
    finished: &Finished,
    outcome: Outcome,
    blocked: RwSignal<bool>,
) -> Result<u64, Option<String>> {
    let config = app.config();
    let rpc = app.rpc();
    let model = finished.job.model;
    let now = contracts::detail(&rpc, config.contracts.factory, model).await.map_err(say)?;
    detail.set(now.clone());
    let detail = now;
    if detail.summary.head != finished.job.base {
        // The page now offers what can be done about it.
        return Err(None);
    }
    let account = app.wallets.account_or_ask().await.ok_or(None)?;
    upload(app, finished).await?;
    let steps = paid_steps(&detail, finished.job.steps);
    let submission = Submission {
        model,
        base: finished.job.base,
        steps,
        recipe: detail.summary.manifest,
        min_reward: quotes::least(quotes::reward(&detail, steps)),
        outcome,
    };
    let mut call = Call::new(config.contracts.jobs, jobs::submit_call(&submission));
    call.value = bonds::stake(app, &detail, detail.rules.bond).await.map_err(TxError::told)?;
    match rpc.simulate(account.address, call.to, &call.data, call.value).await {
        Err(error) if error_name(&error) == Some("RoundClosed") => {
            // The page offers to settle what came first.
            blocked.set(true);
            return Err(None);
        }
        // Whatever else it is, the transaction's own check says it.
        _ => {}
    }
    let deed = Deed { doing: "Publishing", done: "Your training is handed in." };
    let receipt = transaction::send(app, deed, call).await.map_err(TxError::told)?;
    jobs::opened(&receipt).ok_or_else(|| say("the chain opened no job"))
}

/// Takes a training of `steps` before it begins; its job and the seed that the chain gives.
pub(crate) async fn announce(
    app: App,
    model: Address,
    steps: u32,
) -> Result<(u64, u64), Option<String>> {
    let config = app.config();
    let rpc = app.rpc();
    let account = app.wallets.account_or_ask().await.ok_or(None)?;
    let detail = contracts::detail(&rpc, config.contracts.factory, model).await.map_err(say)?;
    let summary = &detail.summary;
    let manifest = documents::manifest(&config, summary.manifest).await.map_err(say)?;
    require_runtime(&manifest, &config).map_err(Some)?;
    let least = quotes::least(quotes::reward(&detail, steps));
    let data = jobs::start_call(model, summary.head, steps, summary.manifest, least);
    let deed = Deed { doing: "Announcing", done: "Your training is announced." };
    let call = Call::new(config.contracts.jobs, data);
    let sent = bonds::send_staked(app, &detail, detail.rules.bond, deed, call).await;
    let receipt = sent.map_err(TxError::told)?;
    let id = jobs::opened(&receipt).ok_or_else(|| say("the chain opened no job"))?;
    let (hash, _) = rpc.block(receipt.block).await.map_err(say)?;
    let hash = hash.parse().map_err(|_| say("the chain's block has no readable hash"))?;
    Ok((id, training_seed(seed_of_claim(id, account.address, hash))))
}

/// Puts the trained parameters where others can fetch them.
pub(crate) async fn upload(app: App, finished: &Finished) -> Result<(), Option<String>> {
    let parameters = blobs::kept(finished.parameters).await.ok_or_else(|| {
        say("the parameters are not in this browser any more, so there is nothing to publish")
    })?;
    let stored = blobs::put(&app.config(), &parameters, "the parameter file").await;
    located::record(app, stored.map_err(say)?).await
}

/// Puts the list of checkpoints where others can fetch it, and the checkpoints at which the drawn parts
/// begin. What this browser no longer has is left out: a checker can come to it by replaying.
pub(crate) async fn publish_trace(
    app: App,
    finished: &Finished,
    commit_block: u64,
) -> Result<Option<Digest>, Option<String>> {
    let Some(trace) = &finished.trace else { return Ok(None) };
    let config = app.config();
    let (hash, _) = app.rpc().block(commit_block).await.map_err(say)?;
    let hash: B256 = hash.parse().map_err(|_| say("the chain's block has no readable hash"))?;
    for segment in commitment::drawn(hash.0, finished.job.steps, commitment::CHECKED_SEGMENTS) {
        let start = commitment::start_of(segment);
        let Some(leaf) = trace.leaves().iter().find(|leaf| leaf.step == start) else { continue };
        for digest in [leaf.parameters, leaf.optimizer] {
            if let Some(bytes) = blobs::kept(digest).await {
                let stored = blobs::put(&config, &bytes, "a checkpoint").await;
                located::record(app, stored.map_err(say)?).await?;
            }
        }
    }
    let bytes = trace.to_bytes();
    let stored = blobs::put(&config, &bytes, "the list of checkpoints").await;
    stored.map(|stored| Some(stored.digest)).map_err(say)
}

/// One transaction on the way; errors name the job that waits.
async fn step(
    app: App,
    deed: Deed,
    call: Call,
    id: u64,
) -> Result<crate::chain::rpc::Receipt, Option<String>> {
    transaction::send(app, deed, call).await.map_err(|error| {
        error.told().map(|reason| format!("{reason} Job {id} waits; nothing is lost."))
    })
}

/// The head moved on first: takes the bond back, and says so.
async fn take_back(app: App, contract: Address, id: u64) -> Option<String> {
    let deed = Deed { doing: "Taking your bond back", done: "Your bond is back." };
    let call = Call::new(contract, jobs::abandon_call(id));
    match transaction::send(app, deed, call).await {
        Ok(_) => say(
            "another training became the newest version first, so this one is not paid; your bond is back",
        ),
        Err(error) => error.told(),
    }
}

fn refused(error: RpcError) -> Option<String> {
    match error {
        RpcError::Node { data: Some(data), .. } => Some(transaction::revert_sentence(&data)),
        error => say(error),
    }
}

/// What is decided needs neither its note nor its checkpoint.
pub(crate) fn finish(app: App, finished: &Finished) {
    keep::drop_finished(&finished.job.key);
    let job = finished.job.key.clone();
    let trace = finished.trace.clone().unwrap_or_default();
    let result = finished.parameters;
    spawn_local(async move {
        for leaf in trace.leaves().iter().filter(|leaf| leaf.parameters != result) {
            files::remove(leaf.parameters).await;
            files::remove(leaf.optimizer).await;
        }
        let _ = app.pool.ask_cpu(Kind::Layers, Request::DropCheckpoint { job }).await;
    });
}
