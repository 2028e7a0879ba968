//! The bar at the top: where to go, what is training, who is connected.

use leptos::prelude::*;
use leptos_router::components::A;

use super::{address::Identicon, icons, theme::ThemeToggle};
use crate::{
    app::use_app,
    format,
    jobs::{machine::Phase, market::Doing},
};

/// The bar.
#[component]
pub(crate) fn Header() -> impl IntoView {
    view! {
        <header class="header">
            <div class="header-inner">
                <A href="/" attr:class="brand" attr:aria-label="Delea, to the start page">
                    {icons::mark()}
                    <span>"Delea"</span>
                </A>
                <nav class="nav" aria-label="Main">
                    <A href="/" exact=true>"Explore"</A>
                    <A href="/studio">"Studio"</A>
                    <A href="/create">"Create"</A>
                    <A href="/work">"Work"</A>
                    <A href="/account">"Account"</A>
                </nav>
                <div class="header-end">
                    <WorkChip/>
                    <TrainingChip/>
                    <ThemeToggle/>
                    <WalletChip/>
                </div>
            </div>
        </header>
    }
}

/// What is training, wherever the visitor is.
#[component]
fn TrainingChip() -> impl IntoView {
    let state = use_app().trainer.state;
    let percent = Memo::new(move |_| {
        state.with(|s| {
            let steps = s.job.as_ref().map_or(0, |job| job.steps).max(1);
            u64::from(s.step) * 100 / u64::from(steps)
        })
    });
    let phase = Memo::new(move |_| state.with(|s| s.phase));
    let job = Memo::new(move |_| state.with(|s| s.job.clone().filter(|_| !s.published)));
    let words = move || match phase.get() {
        Phase::Starting => "starting".to_owned(),
        Phase::Paused => format!("paused at {} %", percent.get()),
        Phase::Finished => "done".to_owned(),
        Phase::Failed => "stopped".to_owned(),
        Phase::Idle | Phase::Training => format!("{} %", percent.get()),
    };
    move || {
        let job = job.get().filter(|_| phase.get() != Phase::Idle)?;
        Some(view! {
            <A
                href=format!("/model/{}/train", job.model)
                attr:class="training-chip"
                attr:data-testid="training-chip"
                attr:data-phase=move || phase.get().name()
            >
                <span class="pulse" aria-hidden="true"></span>
                <span class="training-chip-name">{job.name}</span>
                <span>{words}</span>
            </A>
        })
    }
}

/// That this tab works for others, wherever the visitor is.
#[component]
fn WorkChip() -> impl IntoView {
    let state = use_app().market.state;
    let on = Memo::new(move |_| state.with(|state| state.doing != Doing::Off));
    let words = move || {
        state.with(|state| match state.doing {
            Doing::Working(job) => format!("job {job}"),
            Doing::Resting(_) => "resting".to_owned(),
            _ => "waiting".to_owned(),
        })
    };
    view! {
        <Show when=move || on.get()>
            <A href="/work" attr:class="training-chip" attr:data-testid="work-chip">
                <span class="pulse" aria-hidden="true"></span>
                <span class="training-chip-name">"Work"</span>
                <span>{words}</span>
            </A>
        </Show>
    }
}

/// Who is connected, or the button that connects.
#[component]
fn WalletChip() -> impl IntoView {
    let wallets = use_app().wallets;
    move || match wallets.account.get() {
        Some(account) => view! {
            <A
                href="/account"
                attr:class="wallet-chip"
                attr:data-testid="wallet-chip"
                attr:title=account.address.to_checksum(None)
            >
                <Identicon address=account.address/>
                <span class="visually-hidden">"Your account "</span>
                <code>{format::short_address(&account.address)}</code>
            </A>
        }
        .into_any(),
        None => view! {
            <button
                class="button small"
                data-testid="connect-wallet"
                on:click=move |_| {
                    wallets.connecting.set(crate::wallet::Connecting::Idle);
                    wallets.dialog.set(true);
                }
            >
                "Connect"<span class="wide-only">" wallet"</span>
            </button>
        }
        .into_any(),
    }
}
