//! Lines across the page for what concerns all of it: the chain, the wallet's chain, a new start.

use leptos::prelude::*;
use wasm_bindgen_futures::spawn_local;

use super::{icons, toasts::Kind};
use crate::{
    app::use_app,
    chain::health::{self, Health},
    jobs::trainer::sentence,
};

/// One line.
#[component]
fn Line(
    /// For tests and colours.
    kind: &'static str,
    /// What it says.
    #[prop(into)]
    text: Signal<String>,
    /// Its buttons.
    children: Children,
) -> impl IntoView {
    view! {
        <div class="banner" data-testid="banner" data-kind=kind role="alert">
            {icons::alert()}
            <p>{move || text.get()}</p>
            {children()}
        </div>
    }
}

/// All lines that apply now.
#[component]
pub(crate) fn Banners() -> impl IntoView {
    let app = use_app();
    let name = StoredValue::new(app.config().chain_name.clone());
    let expected = app.config().chain_id;
    let down = move || matches!(app.health.get(), Health::Down(_));
    let down_text = Signal::derive(move || match app.health.get() {
        Health::Down(reason) => {
            format!("{} You can go on training; what you see may be old.", sentence(&reason))
        }
        _ => String::new(),
    });
    let other = move || matches!(app.health.get(), Health::OtherChain { .. });
    let other_text = Signal::derive(move || match app.health.get() {
        Health::OtherChain { found } => format!(
            "This page is set up for {} (chain {expected}), but its node is on chain {found}. Correct rpcUrl or chainId in delea.json.",
            name.get_value()
        ),
        _ => String::new(),
    });
    let wrong = move || app.wallets.account.get().is_some_and(|a| a.chain_id != expected);
    let wrong_text = Signal::derive(move || {
        format!("Your wallet is on another chain. Models here live on {}.", name.get_value())
    });
    let retry = move |_| spawn_local(health::check(app));
    let switch = move |_| {
        spawn_local(async move {
            if let Err(error) = app.wallets.switch_chain(&app.config()).await {
                app.toasts.push(Kind::Info, sentence(&error.to_string()));
            }
        });
    };
    view! {
        <Show when=down>
            <Line kind="chain-down" text=down_text>
                <button class="button small" data-testid="retry-chain" on:click=retry>"Try again"</button>
            </Line>
        </Show>
        <Show when=other>
            <Line kind="wrong-node" text=other_text>
                <button class="button small" on:click=retry>"Try again"</button>
            </Line>
        </Show>
        <Show when=wrong>
            <Line kind="wrong-chain" text=wrong_text>
                <button class="button small" data-testid="switch-chain" on:click=switch>
                    {move || format!("Switch to {}", name.get_value())}
                </button>
            </Line>
        </Show>
        <Show when=move || app.reset.get()>
            <Line
                kind="chain-reset"
                text="The chain began anew since your last visit: its earlier models and tokens are gone. What this browser kept of them was cleared."
            >
                <button class="button small" on:click=move |_| health::understood_reset(app)>"Understood"</button>
            </Line>
        </Show>
    }
}
