//! Questions that a worker of the market answers for the visitor: put into the store and on the chain, remembered over
//! reloads, and read again until there is an answer.

use alloy_primitives::{Address, U256};
use delea_contracts_abi::JobState;
use delea_model_runtime::{
    content::Digest,
    inference::{Question, read_answer},
    spec::ModelSpec,
};
use serde::{Deserialize, Serialize};

use super::check::say;
use crate::{
    app::App,
    browser,
    chain::{
        contracts::{self, Detail, Summary},
        history,
        jobs::{self, Job},
        located, quotes, roster,
        transaction::{self, Call, DEADLINE_S, Deed, TxError},
    },
    store::{blobs, local},
};

/// Local storage key of the questions under way.
const ASKED: &str = "delea.asked";

/// A question under way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Asked {
    /// The model.
    pub(crate) model: Address,
    /// The job's number.
    pub(crate) job: u64,
}

/// The question to a model that is under way, if there is one.
pub(crate) fn asked(model: Address) -> Option<Asked> {
    all().into_iter().find(|asked| asked.model == model)
}

fn all() -> Vec<Asked> {
    local::value(ASKED).unwrap_or_default()
}

/// Remembers a question in place of the model's last one.
fn remember(new: &Asked) {
    forget(new.model);
    let mut all = all();
    all.push(new.clone());
    local::set_value(ASKED, &all);
}

/// Forgets a model's question.
pub(crate) fn forget(model: Address) {
    let mut all = all();
    all.retain(|old| old.model != model);
    local::set_value(ASKED, &all);
}

/// Forgets all questions: their chain is no more.
pub(crate) fn forget_all() {
    local::remove(ASKED);
}

/// The model as it is now: what is on view may be a block old.
///
/// # Errors
/// A sentence.
pub(crate) async fn newest(app: App, model: Address) -> Result<Detail, Option<String>> {
    let detail = contracts::detail(&app.rpc(), app.config().contracts.factory, model).await;
    detail.map_err(|error| Some(say(error)))
}

/// Pays for one use in this tab; the parameters it was paid for. The chain is told the hash of what is asked.
///
/// # Errors
/// A sentence; none if the visitor was told already.
pub(crate) async fn pay(app: App, model: Address, input: Digest) -> Result<Digest, Option<String>> {
    let Summary { head, price, parameters, .. } = newest(app, model).await?.summary;
    let deadline = app.now() + DEADLINE_S;
    let call = contracts::infer_call(head, input, quotes::most(price), deadline);
    transaction::send(app, Deed { doing: "Paying", done: "Paid." }, Call::new(model, call))
        .await
        .map_err(TxError::told)?;
    Ok(parameters)
}

/// Asks: stores the question and opens the job, which takes its price.
///
/// # Errors
/// A sentence; none if the visitor was told already.
pub(crate) async fn ask(
    app: App,
    model: Address,
    (version, price): (u32, U256),
    spec: &ModelSpec,
    inputs: Vec<f32>,
) -> Result<Asked, Option<String>> {
    let nonce =
        browser::random().ok_or_else(|| Some("The browser gives no random numbers.".to_owned()))?;
    let file = Question { inputs, nonce }.to_bytes(spec);
    let config = app.config();
    let stored = blobs::put(&config, &file, "the question").await.map_err(|e| Some(say(e)))?;
    located::record(app, stored).await?;
    let call = jobs::ask_call(model, version, stored.digest, quotes::most(price));
    let deed = Deed { doing: "Asking", done: "Asked. A worker is being drawn." };
    let receipt = transaction::send(app, deed, Call::new(config.contracts.jobs, call))
        .await
        .map_err(TxError::told)?;
    let job = jobs::opened(&receipt)
        .ok_or_else(|| Some("The chain opened no job for this question.".to_owned()))?;
    let asked = Asked { model, job };
    remember(&asked);
    Ok(asked)
}

/// Where a question stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Standing {
    /// The job.
    pub(crate) job: Job,
    /// Workers that wait for such questions; not asked for once one has taken it.
    pub(crate) waiting: u32,
    /// What was answered, once it can be fetched.
    pub(crate) answer: Option<Result<Vec<f32>, String>>,
}

impl Standing {
    /// Whether its answer is sealed on the chain and still on its way here.
    pub(crate) fn is_on_its_way(&self) -> bool {
        is_answered(self.job.state) && self.answer.is_none()
    }
}

fn is_answered(state: JobState) -> bool {
    matches!(state, JobState::Committed | JobState::Revealed | JobState::Settled)
}

/// Reads where a question stands; nothing if the chain has no such job.
///
/// # Errors
/// A sentence.
pub(crate) async fn standing(
    app: App,
    asked: &Asked,
    spec: &ModelSpec,
) -> Result<Option<Standing>, String> {
    let (config, rpc) = (app.config(), app.rpc());
    let contracts = config.contracts;
    let Some(job) = jobs::job(&rpc, contracts.jobs, asked.job).await.map_err(say)? else {
        return Ok(None);
    };
    let waiting = match job.state {
        JobState::Open => {
            roster::waiting(&rpc, contracts.roster, asked.model).await.map_err(say)?
        }
        _ => 0,
    };
    let answer = match is_answered(job.state) {
        true => {
            let steps = history::steps(&rpc, contracts.jobs, asked.job, config.from_block).await;
            match steps.map_err(say)?.iter().rev().find_map(|step| step.outcome) {
                Some(outcome) => fetch(app, outcome.output, spec, job.units).await,
                None => Some(Err("The chain’s node leaves out what was answered.".to_owned())),
            }
        }
        false => None,
    };
    Ok(Some(Standing { job, waiting, answer }))
}

/// The first row of an answer; nothing while it is on its way.
async fn fetch(
    app: App,
    output: Digest,
    spec: &ModelSpec,
    units: u32,
) -> Option<Result<Vec<f32>, String>> {
    let bytes = blobs::get(&app.config(), output, "the answer").await;
    let row = |bytes: Vec<u8>| {
        let rows = read_answer(&bytes, spec, units).map_err(say)?;
        rows.into_iter().next().ok_or_else(|| "The answer is empty.".to_owned())
    };
    match bytes {
        Ok(bytes) => Some(row(bytes)),
        Err(blobs::StoreError::NotFound { .. }) => None,
        Err(error) => Some(Err(say(error))),
    }
}
