//! The choice among the wallets that announced themselves.

use leptos::prelude::*;
use wasm_bindgen_futures::spawn_local;

use super::{dialog::Dialog, icons};
use crate::{app::use_app, jobs::trainer::sentence, wallet::Connecting};

/// The dialog that connects a wallet.
#[component]
pub(crate) fn WalletDialog() -> impl IntoView {
    let wallets = use_app().wallets;
    let none = move || wallets.options.with(Vec::is_empty);
    let list = move || {
        wallets
            .options
            .get()
            .into_iter()
            .map(|option| {
                let rdns = option.rdns.clone();
                let waiting = move || wallets.connecting.get() == Connecting::Waiting(rdns.clone());
                let (icon, name) = (option.icon.clone(), option.name.clone());
                let testid = format!("wallet-option-{}", option.rdns);
                let connect = move |_| {
                    let option = option.clone();
                    spawn_local(async move {
                        // The dialog shows how it goes.
                        let _ = wallets.connect(option).await;
                    });
                };
                view! {
                    <li>
                        <button class="wallet-option" data-testid=testid on:click=connect>
                            {match icon.is_empty() {
                                true => icons::wallet().into_any(),
                                false => view! { <img src=icon alt="" width="32" height="32"/> }.into_any(),
                            }}
                            <span>{name}</span>
                            {move || waiting().then(icons::spinner)}
                        </button>
                    </li>
                }
            })
            .collect_view()
    };
    let status = move || match wallets.connecting.get() {
        Connecting::Idle => String::new(),
        Connecting::Waiting(_) => "Answer in your wallet…".to_owned(),
        Connecting::Failed(reason) => sentence(&reason),
    };
    view! {
        <Dialog open=wallets.dialog title="Connect a wallet">
            <p class="muted">
                "A wallet receives what you earn and pays for what you use. Training itself needs none."
            </p>
            <ul class="wallet-list">{list}</ul>
            <Show when=none>
                <p class="callout">
                    "No wallet was found in this browser. Install one, such as "
                    <a href="https://ethereum.org/wallets/find-wallet/" target="_blank" rel="noreferrer">
                        "one of these"
                    </a> ", and reload the page."
                </p>
            </Show>
            <p class="dialog-status" role="status" data-testid="wallet-status">{status}</p>
        </Dialog>
    }
}
