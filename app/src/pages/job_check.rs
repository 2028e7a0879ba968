//! "Check it in this tab", on a job's page: for anybody, without a wallet.

use leptos::prelude::*;
use wasm_bindgen_futures::spawn_local;

use crate::{
    app::use_app,
    chain::{
        contracts::Detail,
        jobs::{Job, Outcome},
    },
    components::{icons, states::Meter},
    jobs::check::{self, Verdict},
};

/// What the check is at.
#[derive(Debug, Clone, PartialEq)]
enum At {
    Idle,
    Running,
    Done(Verdict),
    Failed(String),
}

/// The panel.
#[component]
pub(super) fn Check(
    /// The job.
    job: Job,
    /// Its model.
    detail: Detail,
    /// What its worker committed to.
    claimed: Outcome,
) -> impl IntoView {
    let app = use_app();
    let at = RwSignal::new(At::Idle);
    let progress = RwSignal::new(0.0);
    let replay = !job.by_result;
    let (job, detail) = (StoredValue::new(job), StoredValue::new(detail));
    let run = move |_| {
        at.set(At::Running);
        progress.set(0.0);
        spawn_local(async move {
            let (job, detail) = (job.get_value(), detail.get_value());
            let end = match check::check(app, &job, &detail, claimed, progress).await {
                Ok(verdict) => At::Done(verdict),
                Err(error) => At::Failed(error),
            };
            at.try_set(end);
        });
    };
    let body = move || match at.get() {
        At::Idle => ().into_any(),
        At::Running if replay => view! {
            <p class="muted">"Doing the training again…"</p>
            <Meter share=progress label="Share of the steps done again"/>
        }
        .into_any(),
        At::Running => view! { <p class="muted">{icons::spinner()} " Measuring…"</p> }.into_any(),
        At::Done(verdict) => view! {
            <p
                class=if verdict.holds { "callout good" } else { "callout bad" }
                role="status"
                data-testid="check-verdict"
                data-holds=verdict.holds.to_string()
            >
                {if verdict.holds { icons::check().into_any() } else { icons::alert().into_any() }}
                <span>{verdict.words}</span>
            </p>
        }
        .into_any(),
        At::Failed(reason) => view! {
            <p class="callout warn" role="alert" data-testid="check-failed">
                {icons::alert()} <span>{format!("It could not be checked. {reason}")}</span>
            </p>
        }
        .into_any(),
    };
    view! {
        <section class="panel">
            <h2>"Check it yourself"</h2>
            <p class="muted">
                {match replay {
                    true => "Its seed comes from the chain, so the whole training can be done again here, bit for bit.",
                    false => "It was handed in when it was done, so its result is what can be checked: the parameters, measured on the examples kept aside.",
                }}
            </p>
            {body}
            <button class="button" data-testid="check-job" disabled=move || at.get() == At::Running on:click=run>
                "Check it in this tab"
            </button>
        </section>
    }
}
