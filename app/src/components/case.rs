//! A case before a jury of auditors, about a job's result or a posted average.

use alloy_primitives::B256;
use leptos::prelude::*;
use wasm_bindgen_futures::spawn_local;

use super::address::AddressTag;
use crate::{
    app::use_app,
    chain::{
        jobs::{self, Case},
        transaction::{self, Call, Deed},
    },
    format,
};

/// The case before the jury.
#[component]
pub(crate) fn CasePanel(
    /// Its number.
    id: u64,
    /// What was read of it.
    case: Case,
) -> impl IntoView {
    let app = use_app();
    let jury = app.config().contracts.jury;
    let now = app.now();
    let words = match (case.stage, case.outcome) {
        (1, _) => "The jury is drawn by the next block, or once enough auditors are free.".to_owned(),
        (2, _) if now <= case.commit_until => {
            format!(
                "Jurors do the work again and commit to what they find, for another {}.",
                format::duration((case.commit_until - now) as f64)
            )
        }
        (2, _) if now <= case.reveal_until => {
            format!(
                "Jurors show what they found, for another {}.",
                format::duration((case.reveal_until - now) as f64)
            )
        }
        (2, _) => "The time to vote is over: the case can be closed.".to_owned(),
        (_, 1) => "The jury found the same as was claimed: the result stands.".to_owned(),
        (_, 2) => "The jury found something else: the result is refuted.".to_owned(),
        _ => "The jury could not decide: who doubted gets the stake back, and the result is on view once more.".to_owned(),
    };
    let send = move |data: Vec<u8>, deed: Deed| {
        spawn_local(async move {
            // Errors are told by the toast.
            let _ = transaction::send(app, deed, Call::new(jury, data)).await;
        });
    };
    let draw = move |_| {
        send(jobs::draw_call(id), Deed { doing: "Drawing", done: "The jury is drawn." });
    };
    let close = move |_| {
        send(jobs::close_call(id), Deed { doing: "Closing", done: "The case is closed." });
    };
    let finding = case.finding;
    let jurors = case.jurors.iter().map(|(juror, found)| {
        let vote = match *found {
            found if found == B256::ZERO => "has not said yet",
            found if found == finding => "found the same",
            _ => "found something else",
        };
        view! { <li><AddressTag address=*juror/> <span class="muted">{vote}</span></li> }
    });
    view! {
        <section class="panel" data-testid="case">
            <h2>{format!("Case {id}")}</h2>
            <p>{words}</p>
            <ul class="jurors">{jurors.collect_view()}</ul>
            {(case.stage == 1).then(|| view! {
                <button class="button" data-testid="case-draw" on:click=draw>"Draw the jury"</button>
            })}
            {(case.stage == 2).then(|| view! {
                <button class="button quiet" data-testid="case-close" on:click=close>"Close the case"</button>
            })}
        </section>
    }
}
