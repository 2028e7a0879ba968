//! An epoch's weights: posted, doubted, made final, and claimed.

use alloy_primitives::U256;
use delea_scoring::epoch_of;
use leptos::prelude::*;

use super::{super::ModelView, epoch::Known};
use crate::{
    app::{use_app, use_now},
    chain::{
        bonds,
        scores::{self, Status},
        transaction::{self, Call, Deed, TxError},
    },
    components::{address::AddressTag, case::CasePanel, icons},
    format,
    press::Press,
};

/// The panel.
#[component]
pub(super) fn Weights(
    /// The model.
    model: ModelView,
    /// The epoch.
    number: u64,
    /// What is known of it.
    known: Known,
) -> impl IntoView {
    let app = use_app();
    let press = Press::new();
    let contract = app.config().contracts.scores;
    let send = move |deed: Deed, data: Vec<u8>| {
        press.run(async move {
            let sent = transaction::send(app, deed, Call::new(contract, data)).await;
            sent.map(drop).map_err(TxError::told)
        });
    };
    let staked = move |deed: Deed, data: Vec<u8>| {
        press.run(async move {
            let detail = model.detail.get_untracked();
            let call = Call::new(contract, data);
            let sent = bonds::send_staked(app, &detail, detail.rules.bond, deed, call).await;
            sent.map(drop).map_err(TxError::told)
        });
    };
    let now = use_now();
    let stake = model.detail.with_untracked(|d| d.stake(d.rules.bond));
    let window = model.detail.with_untracked(|d| d.rules.challenge_window);
    let held = known.held.clone();
    let root = known.report.root;
    let same = held.root == root;
    let busy = move || press.busy.get();
    let total = model.amount(known.emission(model));
    let over = move || epoch_of(app.block.get()) > number;
    let body = match held.status {
        Status::Open => view! {
            <Show
                when=over
                fallback=move || view! {
                    <p data-testid="epoch-running">
                        {move || format!("The epoch goes on for another {}; its figures are those of now.", format::plural(scores::begins_at(number + 1).saturating_sub(app.block.get()), "block"))}
                    </p>
                }
            >
                <p>
                    {format!("The epoch is over, and divides {total}. Anybody can post the weights above, with {stake} at stake, which come back when nobody could refute them.")}
                </p>
                <div class="actions">
                    <button class="button primary" data-testid="post-weights" disabled=busy on:click=move |_| staked(
                        Deed { doing: "Posting the weights", done: "The weights can be checked." },
                        scores::post_call(model.address, number, root),
                    )>"Post these weights"</button>
                    <Show when=move || { app.block.get() + 1 >= scores::begins_at(number + 2) }>
                        <button class="button" data-testid="share-by-score" disabled=busy on:click=move |_| send(
                            Deed { doing: "Dividing", done: "The epoch is divided by scores." },
                            scores::share_call(model.address, number),
                        )>"Divide by scores instead"</button>
                    </Show>
                </div>
            </Show>
        }
        .into_any(),
        Status::Posted => {
            let until = held.posted_at + u64::from(window);
            let left = move || (until + 1).saturating_sub(now.get());
            let undoubted = !held.doubted;
            view! {
                <Posted same known=known.clone()/>
                <Show when=move || undoubted && (left() > 0)>
                    <p>
                        "They can be doubted for another "
                        <span data-testid="weights-left">{move || format::duration(left() as f64)}</span> "."
                    </p>
                </Show>
                <div class="actions">
                    <Show when=move || undoubted && !same && (left() > 0)>
                        <button class="button primary" data-testid="doubt-weights" disabled=busy on:click=move |_| staked(
                            Deed { doing: "Doubting", done: "A jury will decide." },
                            scores::challenge_call(model.address, number),
                        )>{format!("Doubt them, with {} at stake", model.detail.with_untracked(|d| d.stake(d.rules.bond)))}</button>
                    </Show>
                    <Show when=move || !undoubted || left() == 0>
                        <button class="button primary" data-testid="settle-weights" disabled=busy on:click=move |_| send(
                            Deed { doing: "Settling", done: "The epoch is settled." },
                            scores::settle_call(model.address, number),
                        )>{if undoubted { "Make them final" } else { "Settle by the verdict" }}</button>
                    </Show>
                </div>
            }
            .into_any()
        }
        Status::Weighted => view! {
            <p>{format!("The epoch is divided by weights: {total} in all.")}</p>
            {(!same).then(|| view! {
                <p class="callout bad" role="alert" data-testid="weights-wrong">
                    {icons::alert()} <span>"The weights that became final are not those of the log. Nobody doubted them in time."</span>
                </p>
            })}
        }
        .into_any(),
        Status::Shared => view! {
            <p>{format!("Nobody had posted weights in time, so each has its share of all scores: {total} in all.")}</p>
        }
        .into_any(),
    };
    let claimable = held.is_claimable(root);
    let mine = known.mine.clone().map(|(row, of_mine)| {
        let part = known.part(&row, model);
        let amount = model.amount(part);
        match (claimable, of_mine.claimed) {
            (_, true) => view! { <p class="callout good" data-testid="claimed">{icons::check()} <span>{format!("You have claimed {amount}.")}</span></p> }.into_any(),
            (true, false) if part != U256::ZERO => {
                let call = scores::claim_call(model.address, number, row.worker, row.weight, row.proof);
                view! {
                    <button class="button primary" data-testid="claim" disabled=busy on:click=move |_| send(
                        Deed { doing: "Claiming", done: "Your tokens are here." }, call.clone(),
                    )>{format!("Claim {amount}")}</button>
                }
                .into_any()
            }
            (true, false) => view! { <p class="muted">"Your part is less than the smallest amount."</p> }.into_any(),
            (false, false) => view! { <p data-testid="expected">{format!("Your part: {amount}, once the epoch is final.")}</p> }.into_any(),
        }
    });
    let case = known.case.clone().map(|case| view! { <CasePanel id=held.case case/> });
    view! {
        <section class="panel" data-testid="weights" data-status=format!("{:?}", held.status)>
            <h2>"What is paid"</h2>
            {body}
            {mine}
            {move || press.problem.get().map(|problem| view! { <p class="callout bad" role="alert">{problem}</p> })}
        </section>
        {case}
    }
}

/// What was posted, beside what the log gives.
#[component]
fn Posted(
    /// Whether they are the same.
    same: bool,
    /// What is known.
    known: Known,
) -> impl IntoView {
    let words = match same {
        true => "The posted weights are those that this tab computed from the log.",
        false => {
            "The posted weights are not those of the log. Whoever doubts them gets the poster’s stake if the jury finds the same."
        }
    };
    view! {
        <p>"Posted by " <AddressTag address=known.held.poster/></p>
        <p class=if same { "callout good" } else { "callout bad" } role=if same { "status" } else { "alert" } data-testid="posted-equal" data-equal=same.to_string()>
            {if same { icons::check().into_any() } else { icons::alert().into_any() }} <span>{words}</span>
        </p>
    }
}
