//! One model: its head with the figures that matter, and six tabs.

mod history;
mod overview;
mod owners;
mod publish;
mod rollback;
mod round;
mod scores;
mod token;
mod train;
mod training;
mod use_input;
mod use_model;
mod use_result;
mod use_worker;
mod versions;
mod weights_watch;

use std::sync::Arc;

use alloy_primitives::{Address, U256};
use delea_model_runtime::manifest::Manifest;
use leptos::prelude::*;
use leptos_router::{components::A, hooks::use_params_map};

use crate::{
    app::{App, use_app},
    chain::{
        contracts::{self, Detail},
        seats::{self, Rank},
    },
    components::{
        address::Identicon,
        later::{Fetched, wasm_split},
        states::{Failure, Skeleton, set_title},
    },
    format,
    load::{Load, use_load},
    store::{documents, preview::Preview},
};

/// The tabs: path and name.
const TABS: [(&str, &str); 6] = [
    ("", "Overview"),
    ("train", "Train"),
    ("use", "Use"),
    ("token", "Token"),
    ("history", "History"),
    ("scores", "Scores"),
];

/// What the tabs share. Copy.
#[derive(Clone, Copy)]
pub(crate) struct ModelView {
    /// The model.
    pub(crate) address: Address,
    /// What the chain says of it.
    pub(crate) detail: RwSignal<Detail>,
    /// Its description.
    pub(crate) manifest: RwSignal<Load<Arc<Manifest>>>,
    /// Examples of its data set.
    pub(crate) preview: RwSignal<Load<Arc<Preview>>>,
    /// Tokens of the connected account; nothing without one.
    pub(crate) balance: RwSignal<Load<Option<U256>>>,
    /// What the connected account may do.
    pub(crate) rank: Memo<Rank>,
}

impl ModelView {
    /// An amount with the token's symbol.
    pub(crate) fn amount(self, value: U256) -> String {
        self.detail.with(|d| d.summary.amount(value))
    }

    /// The token's symbol.
    pub(crate) fn symbol(self) -> String {
        self.detail.with(|d| d.summary.symbol.clone())
    }

    /// What its accuracy is the share of.
    pub(crate) fn measure(self) -> &'static str {
        self.manifest.with(|manifest| format::measure(manifest.ready().map(|m| &m.spec.task)))
    }

    /// The connected account's tokens, if there is an account and they were read.
    pub(crate) fn tokens(self) -> Option<U256> {
        self.balance.with(|balance| balance.ready().copied().flatten())
    }
}

/// The page's code, fetched apart.
#[wasm_split(model, fallible)]
pub(crate) fn page() -> Fetched {
    Ok(|| view! { <ModelPage/> }.into_any())
}

/// The page of one model.
#[component]
fn ModelPage() -> impl IntoView {
    let params = use_params_map();
    let address =
        Memo::new(move |_| params.with(|p| p.get("address")).map(|a| a.parse::<Address>().ok()));
    let tab = Memo::new(move |_| params.with(|p| p.get("tab")).unwrap_or_default());
    move || match address.get().flatten() {
        Some(address) => view! { <Loaded address tab/> }.into_any(),
        None => view! {
            <Failure title="This is no model’s address" reason="an address has 0x and 40 digits">
                <A href="/" attr:class="button primary">"See all models"</A>
            </Failure>
        }
        .into_any(),
    }
}

/// The model once its address is known to be one.
#[component]
fn Loaded(
    /// The model.
    address: Address,
    /// The tab of the URL.
    tab: Memo<String>,
) -> impl IntoView {
    let app = use_app();
    let detail = use_load(
        move || Some(app.revision()),
        move |_| async move {
            contracts::detail(&app.rpc(), app.config().contracts.factory, address).await
        },
    );
    let first = Memo::new(move |_| {
        detail.with(|d| match d {
            Load::Waiting => 0,
            Load::Failed(_) => 1,
            Load::Ready(_) => 2,
        })
    });
    move || {
        // Read, not only tracked: a memo that was never read follows nothing.
        let _ = first.get();
        match detail.get_untracked() {
            Load::Waiting => view! { <Skeleton lines=6/> }.into_any(),
            Load::Failed(reason) => view! {
                <Failure title="The model could not be read" reason>
                    <button class="button" on:click=move |_| app.refresh()>"Try again"</button>
                    <A href="/" attr:class="button primary">"See all models"</A>
                </Failure>
            }
            .into_any(),
            Load::Ready(now) => {
                let current = RwSignal::new(now);
                Effect::new(move |_| {
                    if let Load::Ready(now) = detail.get() {
                        current.set(now);
                    }
                });
                view! { <Tabs app address detail=current tab/> }.into_any()
            }
        }
    }
}

/// The head and the tabs.
#[component]
fn Tabs(
    /// Shared state.
    app: App,
    /// The model.
    address: Address,
    /// What the chain says of it.
    detail: RwSignal<Detail>,
    /// The tab of the URL.
    tab: Memo<String>,
) -> impl IntoView {
    let manifest = use_load(
        move || Some(detail.with(|d| d.summary.manifest)),
        move |digest| async move { documents::manifest(&app.config(), digest).await },
    );
    let preview = use_load(
        move || manifest.with(|m| m.ready().map(|m| m.dataset.digest)),
        move |digest| async move { documents::preview(&app.config(), digest).await },
    );
    let balance = use_load(
        move || Some((app.wallets.account.get().map(|a| a.address), app.revision())),
        move |(account, _)| async move {
            match account {
                Some(account) => contracts::balance(&app.rpc(), address, account).await.map(Some),
                None => Ok(None),
            }
        },
    );
    let creator = detail.with_untracked(|d| d.summary.creator);
    let rank = use_load(
        move || Some((app.wallets.account.get().map(|a| a.address), app.revision())),
        move |(account, _)| async move {
            match account {
                Some(account) => seats::rank(&app.rpc(), address, creator, account).await,
                None => Ok(Rank::Nobody),
            }
        },
    );
    let rank = Memo::new(move |_| rank.with(|rank| rank.ready().copied()).unwrap_or_default());
    let model = ModelView { address, detail, manifest, preview, balance, rank };
    let summary = Memo::new(move |_| detail.with(|d| d.summary.clone()));
    Effect::new(move |_| {
        let tab = tab.get();
        let name = TABS.iter().find(|(path, _)| *path == tab).map_or("", |(_, name)| name);
        set_title(&format!("{} · {name}", summary.with(|s| s.name.clone())));
    });
    let links = TABS.into_iter().map(|(path, name)| {
        let href = if path.is_empty() { format!("/model/{address}") } else { format!("/model/{address}/{path}") };
        view! {
            <A href=href exact=true attr:class="tab" attr:data-testid=format!("tab-{}", name.to_lowercase())>
                {name}
            </A>
        }
    });
    let content = move || match tab.get().as_str() {
        "" => view! { <overview::Overview model/> }.into_any(),
        "train" => view! { <train::Train model/> }.into_any(),
        "use" => view! { <use_model::UseModel model/> }.into_any(),
        "token" => view! { <token::Token model/> }.into_any(),
        "history" => view! { <history::History model/> }.into_any(),
        "scores" => view! { <scores::Scores model/> }.into_any(),
        _ => view! { <super::not_found::NotFound/> }.into_any(),
    };
    let trained = Memo::new(move |_| summary.with(|s| s.trainings() > 0));
    view! {
        <header class="model-head">
            <Identicon address/>
            <div class="model-title">
                <h1>{move || summary.with(|s| s.name.clone())}</h1>
                <p class="muted">
                    <span class="symbol">{move || summary.with(|s| s.symbol.clone())}</span>
                    {move || summary.with(|s| format!(" version {}", s.head))}
                </p>
            </div>
            <dl class="head-facts">
                <div>
                    <dt>{move || model.measure()}</dt>
                    <dd data-testid="head-accuracy">
                        {move || if trained.get() { summary.with(|s| format::ppm(s.accuracy_ppm)) } else { "no training yet".to_owned() }}
                    </dd>
                </div>
                <div><dt>"A training earns"</dt><dd>{move || summary.with(|s| model.amount(s.reward))}</dd></div>
                <div><dt>"One use costs"</dt><dd>{move || summary.with(|s| model.amount(s.price))}</dd></div>
                <div>
                    <dt>"You have"</dt>
                    <dd data-testid="balance">
                        {move || model.tokens().map_or_else(|| "—".to_owned(), |b| model.amount(b))}
                    </dd>
                </div>
            </dl>
        </header>
        <weights_watch::WeightsWatch address/>
        <nav class="tabs" aria-label="Model">{links.collect_view()}</nav>
        <div class="tab-content">{content}</div>
    }
}
