//! Who holds a model's token, the two seats, and splits.

use alloy_primitives::{Address, U256};
use delea_contracts_abi::amount;
use leptos::prelude::*;
use wasm_bindgen_futures::spawn_local;

use super::ModelView;
use crate::{
    app::use_app,
    chain::{
        seats::{self, Holders},
        transaction::{self, Call, Deed, TxError},
    },
    components::{
        address::AddressTag,
        field::TextField,
        more::More,
        states::{Empty, Failure, Skeleton},
    },
    format,
    jobs::trainer::sentence,
    load::{Load, use_load},
};

/// Holders shown at first.
const SHOWN: usize = 10;

/// The holders, and what the two largest may do together.
#[component]
pub(super) fn Owners(
    /// The model.
    model: ModelView,
) -> impl IntoView {
    let app = use_app();
    let shown = RwSignal::new(SHOWN);
    let holders = use_load(
        move || Some(app.revision()),
        move |_| async move { seats::holders(&app.rpc(), model.address).await },
    );
    let body = move || {
        match holders.get() {
        Load::Waiting => view! { <Skeleton lines=3/> }.into_any(),
        Load::Failed(reason) => view! { <Failure title="The holders could not be read" reason/> }.into_any(),
        Load::Ready(holders) if holders.list.is_empty() => view! {
            <Empty title="Nobody has earned any yet">
                <p class="muted">"The two largest holders, the creator aside, share the model’s ownership: they can take it back to an older version."</p>
            </Empty>
        }
        .into_any(),
        Load::Ready(holders) => list(model, holders, shown).into_any(),
    }
    };
    view! {
        <section class="panel">
            <h2>"Who owns it"</h2>
            {body}
        </section>
        <Split model/>
    }
}

fn list(model: ModelView, holders: Holders, shown: RwSignal<usize>) -> impl IntoView {
    let supply = model.detail.with(|d| format::to_float(d.summary.supply));
    let all = holders.list.len();
    let (first, second) = (holders.first, holders.second);
    let rows = move || {
        let rows = holders.list.iter().take(shown.get()).map(|(account, balance)| {
            let seat = match *account {
                account if account == first => Some("largest holder"),
                account if account == second => Some("second largest"),
                _ => None,
            };
            view! {
                <tr data-testid="holder">
                    <td data-label="Who">
                        <AddressTag address=*account/>
                        {seat.map(|seat| view! { " " <span class="badge" data-testid="seat">{seat}</span> })}
                    </td>
                    <td data-label="Tokens" class="number">{model.amount(*balance)}</td>
                    <td data-label="Share of all" class="number">{format::percent(format::to_float(*balance) / supply)}</td>
                </tr>
            }
        });
        rows.collect_view()
    };
    view! {
        <p class="muted">"The two largest holders, the creator aside, can take the model back to an older version, and stop the creator from doing so."</p>
        <div class="table-scroll" tabindex="0" role="region" aria-label="Holders">
            <table class="table cards-below">
                <thead>
                    <tr>
                        <th scope="col">"Who"</th>
                        <th scope="col" class="number">"Tokens"</th>
                        <th scope="col" class="number">"Share of all"</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
        <More shown all step=SHOWN/>
    }
}

/// The factor by which amounts are shown, for the two seat holders to change.
#[component]
fn Split(
    /// The model.
    model: ModelView,
) -> impl IntoView {
    let app = use_app();
    let value = RwSignal::new(String::new());
    let error = RwSignal::new(None::<String>);
    let busy = RwSignal::new(false);
    let proposal = use_load(
        move || Some(app.revision()),
        move |_| async move { seats::proposal(&app.rpc(), model.address).await },
    );
    let current = move || model.detail.with(|d| d.summary.multiplier);
    let consent = move |factor: U256| {
        busy.set(true);
        error.set(None);
        spawn_local(async move {
            let deed = Deed { doing: "Splitting", done: "Your consent is on the chain." };
            let call = Call::new(model.address, seats::split_call(factor));
            match transaction::send(app, deed, call).await {
                Ok(_) => value.set(String::new()),
                Err(TxError::Contract(reason)) => error.set(Some(reason)),
                // The toast has said it.
                Err(_) => {}
            }
            busy.set(false);
        });
    };
    let propose = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        match amount::parse(&value.get_untracked()) {
            Ok(factor) if !factor.is_zero() => consent(factor),
            Ok(_) => error.set(Some("Enter a factor above zero.".to_owned())),
            Err(problem) => error.set(Some(sentence(&problem.to_string()))),
        }
    };
    let waiting = move || {
        let (by, factor) = proposal.with(|p| p.ready().copied().flatten())?;
        let me = app.wallets.account.with(|a| a.as_ref().map(|a| a.address));
        Some(view! { <Proposal by factor mine=me == Some(by) agree=Callback::new(consent)/> })
    };
    view! {
        <Show when=move || model.rank.get().has_seat() || current() != U256::from(10).pow(U256::from(18))>
            <section class="panel">
                <h2>"Token split"</h2>
                <p class="muted">
                    "A split shows more or fewer tokens for the same shares: nobody gains or loses. Both largest holders must agree. Shown amounts are "
                    <strong data-testid="multiplier">{move || amount::format(current())}</strong>
                    " times the first ones."
                </p>
                {waiting}
                <Show when=move || model.rank.get().has_seat()>
                    <form class="form-row" on:submit=propose novalidate=true>
                        <TextField id="split-factor" label="Times the first amounts" value=value error=error inputmode="decimal" placeholder="10"/>
                        <button class="button primary" type="submit" data-testid="split-submit" disabled=move || busy.get()>
                            {move || if busy.get() { "Proposing…" } else { "Propose" }}
                        </button>
                    </form>
                </Show>
            </section>
        </Show>
    }
}

/// A split that waits for the other seat holder.
#[component]
fn Proposal(
    /// Who proposed it.
    by: Address,
    /// The factor, as WAD.
    factor: U256,
    /// Whether it is one's own.
    mine: bool,
    /// Consents.
    agree: Callback<U256>,
) -> impl IntoView {
    view! {
        <div class="callout" data-testid="split-proposal">
            <p><AddressTag address=by/> {format!(" proposes {} times.", amount::format(factor))}</p>
            {match mine {
                true => view! { <p class="muted">"The other largest holder has to agree."</p> }.into_any(),
                false => view! {
                    <button class="button" data-testid="split-agree" on:click=move |_| agree.run(factor)>"Agree"</button>
                }
                .into_any(),
            }}
        </div>
    }
}
