//! The Create page: data, network, token, and the model is on the chain.

mod data;
mod network;
mod rules;
mod submit;
mod templates;
mod token;
mod upload;

use std::sync::Arc;

use delea_model_runtime::{
    content::Digest,
    manifest::{DatasetReference, TrainingConfig},
    message::Bytes,
    spec::{ModelSpec, Shape, Task},
};
use leptos::prelude::*;
use wasm_bindgen_futures::spawn_local;

use crate::{
    app::use_app,
    chain::contracts::{self, Times},
    components::{
        later::{Fetched, wasm_split},
        states::set_title,
    },
    store::preview::Preview,
};

/// A data set that was chosen.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Chosen {
    /// How the manifest names it.
    pub(crate) reference: DatasetReference,
    /// Its figures and examples.
    pub(crate) preview: Arc<Preview>,
    /// The file, unless it is published already.
    pub(crate) file: Option<Arc<Vec<u8>>>,
}

impl Chosen {
    /// Shape of one example.
    pub(super) fn input(&self) -> Shape {
        self.preview.header.input.clone()
    }

    /// What is to be predicted.
    pub(super) fn task(&self) -> Task {
        self.preview.header.task.clone()
    }

    /// Examples to learn from.
    pub(super) fn train(&self) -> u32 {
        (self.preview.examples - self.preview.held_out) as u32
    }

    /// Digest of the file.
    pub(super) fn digest(&self) -> Digest {
        self.reference.digest
    }
}

/// A network and how it is trained.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Network {
    /// The network.
    pub(crate) spec: ModelSpec,
    /// Its recipe.
    pub(crate) config: TrainingConfig,
    /// Its parameter file, if it was brought with one.
    pub(crate) parameters: Option<Bytes>,
}

/// What the visitor has decided so far. Copy.
#[derive(Clone, Copy)]
pub(super) struct Draft {
    /// The data set.
    pub(super) data: RwSignal<Option<Chosen>>,
    /// The network and its recipe.
    pub(super) network: RwSignal<Option<Network>>,
    /// Title.
    pub(super) name: RwSignal<String>,
    /// Token symbol.
    pub(super) symbol: RwSignal<String>,
    /// One or two sentences.
    pub(super) description: RwSignal<String>,
    /// All tokens, as typed.
    pub(super) supply: RwSignal<String>,
    /// Decimal logarithm of the share of the pool that one reference training earns.
    pub(super) speed: RwSignal<f64>,
    /// Steps of one reference training, as typed.
    pub(super) reference: RwSignal<String>,
    /// Decimal logarithm of what one use weighs beside a reference training.
    pub(super) use_weight: RwSignal<f64>,
    /// Whether the first parameters are kept on the chain itself too.
    pub(super) on_chain: RwSignal<bool>,
    /// What a worker puts at stake, as typed.
    pub(super) bond: RwSignal<String>,
    /// Whether that is in the model's token.
    pub(super) bond_in_tokens: RwSignal<bool>,
    /// Seconds in which a result can be doubted.
    pub(super) window: RwSignal<u32>,
    /// Seconds in which further trainings join a round.
    pub(super) round: RwSignal<u32>,
    /// By how much a version must be better than the one before, in parts per million.
    pub(super) improvement: RwSignal<u32>,
    /// Whether errors of untouched fields are shown: after the first try.
    pub(super) tried: RwSignal<bool>,
}

impl Draft {
    /// Nothing decided yet but for what suits most models; `times` is how long work takes.
    fn new(times: Times) -> Self {
        Self {
            bond: RwSignal::new(contracts::rules::BOND.to_owned()),
            bond_in_tokens: RwSignal::new(false),
            window: RwSignal::new(times.challenge_window),
            round: RwSignal::new(times.round_length),
            improvement: RwSignal::new(0),
            data: RwSignal::new(None),
            network: RwSignal::new(None),
            name: RwSignal::new(String::new()),
            symbol: RwSignal::new(String::new()),
            description: RwSignal::new(String::new()),
            supply: RwSignal::new("1000000".to_owned()),
            // One per cent a training; a thousandth of a training's weight a use.
            speed: RwSignal::new(-2.0),
            reference: RwSignal::new(String::new()),
            use_weight: RwSignal::new(-3.0),
            on_chain: RwSignal::new(false),
            tried: RwSignal::new(false),
        }
    }
}

/// Name, token and submission of a network that was trained elsewhere in this page.
#[component]
pub(crate) fn Publish(
    /// What it was trained on.
    data: Chosen,
    /// The network with its parameters.
    network: Network,
    /// What it may be called.
    name: String,
    /// What it does, in a sentence.
    description: String,
) -> impl IntoView {
    let app = use_app();
    spawn_local(app.load_models());
    let draft = Draft::new(Times::of(&app.config()));
    draft.data.set(Some(data));
    draft.reference.set(network.config.steps.to_string());
    draft.network.set(Some(network));
    draft.name.set(name);
    draft.description.set(description);
    view! {
        <token::TokenStep draft/>
        <rules::RulesStep draft/>
        <submit::SubmitStep draft/>
    }
}

/// The page's code, fetched apart.
#[wasm_split(pages, fallible)]
pub(crate) fn page() -> Fetched {
    Ok(|| view! { <Create/> }.into_any())
}

/// The page.
#[component]
fn Create() -> impl IntoView {
    let app = use_app();
    set_title("Create a model");
    spawn_local(app.load_models());
    let draft = Draft::new(Times::of(&app.config()));
    let has_data = Memo::new(move |_| draft.data.with(|d| d.as_ref().map(Chosen::digest)));
    view! {
        <header class="page-head">
            <h1>"Create a model"</h1>
            <p class="lead">"Bring examples, choose a network, and let anyone train it. You keep 5 % of its tokens; the rest is for those who train it."</p>
        </header>
        <section class="panel step" aria-labelledby="step-data">
            <h2 id="step-data"><span class="step-number">"1"</span>"Data"</h2>
            <data::DataStep draft/>
        </section>
        <section class="panel step" aria-labelledby="step-network">
            <h2 id="step-network"><span class="step-number">"2"</span>"Network"</h2>
            {move || match has_data.get() {
                Some(_) => view! { <network::NetworkStep draft/> }.into_any(),
                None => view! { <p class="muted">"Choose data first; the networks that fit it appear here."</p> }.into_any(),
            }}
        </section>
        <section class="panel step" aria-labelledby="step-token">
            <h2 id="step-token"><span class="step-number">"3"</span>"Name and token"</h2>
            <token::TokenStep draft/>
            <rules::RulesStep draft/>
        </section>
        <submit::SubmitStep draft/>
    }
}
