//! The last step: first parameters, uploads, the transaction.

use alloy_primitives::Address;
use delea_model_runtime::{
    manifest::{Manifest, TrainingConfig},
    message::{Bytes, Event, Request},
    spec::ModelSpec,
};
use leptos::prelude::*;
use leptos_router::{NavigateOptions, hooks::use_navigate};
use wasm_bindgen_futures::spawn_local;

use super::{Chosen, Draft, Network, rules::Rules, token::TokenTerms};
use crate::{
    app::{App, use_app},
    browser,
    chain::{
        contracts::{self, Creation, Times},
        located,
        transaction::{self, Call, Deed, TxError},
    },
    components::{icons, stages::Stages},
    jobs::{pool::Kind, trainer::sentence},
    store::{blobs, hash, onchain},
};

/// What is done one after the other.
const STAGES: [&str; 4] = [
    "Prepare the first parameters",
    "Upload the data",
    "Upload the description and the parameters",
    "Put the model on the chain",
];

/// The button, and how far it is.
#[component]
pub(super) fn SubmitStep(
    /// What was decided.
    draft: Draft,
) -> impl IntoView {
    let app = use_app();
    let navigate = use_navigate();
    let stage = RwSignal::new(None::<usize>);
    let problem = RwSignal::new(None::<String>);
    let ready = Memo::new(move |_| {
        let Network { spec, config, parameters } = draft.network.get()?;
        Some(Wanted {
            data: draft.data.get()?,
            spec,
            config,
            parameters,
            terms: draft.terms()?,
            rules: draft.rules()?,
            on_chain: draft.on_chain.get(),
        })
    });
    let missing = move || {
        let mut list = Vec::new();
        if draft.data.with(Option::is_none) {
            list.push("data");
        }
        if draft.network.with(Option::is_none) {
            list.push("a network");
        }
        if draft.terms().is_none() {
            list.push("name and token");
        }
        if draft.rules().is_none() {
            list.push("a worker’s stake");
        }
        list.join(", ")
    };
    let create = move |_| {
        draft.tried.set(true);
        problem.set(None);
        let Some(wanted) = ready.get_untracked() else { return };
        let navigate = navigate.clone();
        stage.set(Some(0));
        spawn_local(async move {
            match make(app, stage, wanted).await {
                Ok(model) => navigate(&format!("/model/{model}/train"), NavigateOptions::default()),
                Err(error) => problem.set(error),
            }
            stage.try_set(None);
        });
    };
    view! {
        <div class="submit">
            <button
                class="button primary huge"
                data-testid="create-submit"
                disabled=move || stage.with(Option::is_some)
                on:click=create
            >
                {move || if stage.with(Option::is_some) { "Creating…" } else { "Create the model" }}
            </button>
            <Stages names=&STAGES now=stage/>
            {move || (draft.tried.get() && ready.with(Option::is_none)).then(|| view! {
                <p class="callout warn" role="alert" data-testid="create-missing">
                    {icons::info()} <span>{move || format!("Still missing: {}.", missing())}</span>
                </p>
            })}
            {move || problem.get().map(|problem| view! {
                <p class="callout bad" role="alert" data-testid="create-error">{icons::alert()} <span>{problem}</span></p>
            })}
        </div>
    }
}

/// All that a model is made of.
#[derive(Debug, Clone, PartialEq)]
struct Wanted {
    data: Chosen,
    spec: ModelSpec,
    config: TrainingConfig,
    /// The first parameters, if the model was brought with them.
    parameters: Option<Bytes>,
    terms: TokenTerms,
    rules: Rules,
    /// Whether the first parameters are kept on the chain itself too.
    on_chain: bool,
}

/// Makes, uploads and creates; the model's address. Errors are sentences, none if the visitor was
/// told already. What was uploaded stays, so a second try only does what is left.
async fn make(
    app: App,
    stage: RwSignal<Option<usize>>,
    Wanted { data, spec, config, parameters, terms, rules, on_chain }: Wanted,
) -> Result<Address, Option<String>> {
    let settings = app.config();
    let say = |error: String| Some(sentence(&error));
    let (genesis, parameters) = match parameters {
        Some(parameters) => (hash::digest(&parameters).await, parameters),
        None => {
            let request = Request::Initialize { spec: spec.clone(), seed: browser::seed() };
            let answer = app.pool.ask_cpu(Kind::of(&spec), request).await;
            let Event::Parameters { digest, parameters } =
                answer.map_err(|e| say(e.to_string()))?
            else {
                return Err(say("the worker gave an unexpected answer".to_owned()));
            };
            (digest, parameters)
        }
    };
    stage.try_set(Some(1));
    let mut large = Vec::new();
    if let Some(file) = &data.file {
        let stored = blobs::put(&settings, file, "the data set").await;
        large.push(stored.map_err(|e| say(e.to_string()))?);
    }
    stage.try_set(Some(2));
    let manifest = Manifest {
        name: terms.name.clone(),
        description: terms.description,
        runtime: settings.workers.of(&spec).runtime,
        spec,
        dataset: data.reference,
        training: config,
    };
    let manifest = blobs::put(&settings, &manifest.to_bytes(), "the description")
        .await
        .map_err(|e| say(e.to_string()))?
        .digest;
    let stored = blobs::put(&settings, &parameters, "the parameter file")
        .await
        .map_err(|e| say(e.to_string()))?;
    if stored.digest != genesis {
        return Err(say("the worker misnamed its parameters".to_owned()));
    }
    stage.try_set(Some(3));
    large.push(stored);
    for stored in large {
        located::record(app, stored).await?;
    }
    if on_chain && parameters.len() <= onchain::MOST {
        let account = app.wallets.account_or_ask().await.ok_or(None)?;
        let call = onchain::store_call(&settings, account.address, genesis, &parameters).await;
        let deed = Deed { doing: "Storing", done: "The first parameters are on the chain." };
        if let Some(call) = call.map_err(|e| say(e.to_string()))? {
            let call = Call::new(settings.contracts.parameter_store, call);
            transaction::send(app, deed, call).await.map_err(TxError::told)?;
        }
    }
    let creation = Creation {
        name: terms.name,
        symbol: terms.symbol,
        supply: terms.supply,
        alpha: terms.alpha,
        reference_steps: terms.reference_steps,
        inference_unit: terms.inference_unit,
        times: Times {
            challenge_window: rules.window,
            round_length: rules.round,
            ..Times::of(&settings)
        },
        bond: rules.bond,
        bond_in_tokens: rules.bond_in_tokens,
        min_improvement_ppm: rules.improvement_ppm,
        manifest,
        genesis,
    };
    let call = contracts::create_call(&creation);
    let receipt = transaction::send(
        app,
        Deed { doing: "Creating", done: "Your model is on the chain." },
        Call::new(settings.contracts.factory, call),
    )
    .await
    .map_err(TxError::told)?;
    contracts::created_model(&receipt)
        .ok_or_else(|| say("the chain did not create a model".to_owned()))
}
