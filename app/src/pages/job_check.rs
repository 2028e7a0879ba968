//! "Check it yourself", on a job's page: for anybody, without a wallet.

use delea_model_runtime::commitment;
use leptos::prelude::*;

use crate::{
    app::use_app,
    components::{icons, states::Meter},
    format,
    jobs::check::{self, Attempt, Claim, Desk, Extent, Verdict},
};

/// The panel.
#[component]
pub(super) fn Check(
    /// What is checked.
    claim: Claim,
) -> impl IntoView {
    let app = use_app();
    let at = RwSignal::new(Attempt::<Verdict>::Idle);
    let desk = Desk::new(app);
    let training = claim.job.training;
    let replay = training && !claim.job.by_result;
    let drawn = claim.drawn().map(|(_, parts)| {
        let steps =
            |part: &u32| commitment::end_of(*part, claim.job.units) - commitment::start_of(*part);
        format::count(u64::from(parts.iter().map(steps).sum::<u32>()))
    });
    let all = format::plural(u64::from(claim.job.units), "step");
    let claim = StoredValue::new(claim);
    let run = move |extent: Extent| {
        let claim = claim.get_value();
        desk.attempt(at, async move { check::check(desk, &claim, extent).await });
    };
    let body = move || {
        match at.get() {
        Attempt::Idle => ().into_any(),
        Attempt::Running if replay => view! {
            <p class="muted">"Doing the training again…"</p>
            <Meter share=desk.progress label="Share of the steps done again"/>
            <button class="button" data-testid="check-stop" on:click=move |_| desk.stop()>"Stop"</button>
        }
        .into_any(),
        Attempt::Running => view! { <p class="muted">{icons::spinner()} " Measuring…"</p> }.into_any(),
        Attempt::Done(verdict) => view! {
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
        Attempt::Failed(reason) => view! {
            <p class="callout warn" role="alert" data-testid="check-failed">
                {icons::alert()} <span>{format!("It could not be checked. {reason}")}</span>
            </p>
        }
        .into_any(),
    }
    };
    let busy = move || at.get() == Attempt::Running;
    view! {
        <section class="panel">
            <h2>"Check it yourself"</h2>
            <p class="muted">
                {match (training, replay) {
                    (false, _) => "What was asked is public, so it can be asked again here: the answer must be the same, bit for bit. No wallet is needed.",
                    (_, true) => "Its seed comes from the chain, so the training can be done again here, bit for bit. No wallet is needed, and anybody with this page’s address can do the same.",
                    (_, false) => "It was handed in when it was done, so its result is what can be checked: the parameters, measured on the examples kept aside.",
                }}
            </p>
            {move || desk.runtime.get().map(|runtime| view! {
                <p class="muted" data-testid="check-runtime">
                    {format!(
                        "This model was made for version {} of the exact runtime, another version than this page’s own. It was fetched by its hash to check with.",
                        format::short_hash(&runtime.to_string()),
                    )}
                </p>
            })}
            {body}
            <div class="actions">
                {drawn.map(|steps| view! {
                    <button
                        class="button primary"
                        data-testid="check-drawn"
                        disabled=busy
                        on:click=move |_| run(Extent::Drawn)
                    >
                        {format!("Check the {steps} drawn steps")}
                    </button>
                })}
                <button class="button" data-testid="check-job" disabled=busy on:click=move |_| run(Extent::Whole)>
                    {match replay {
                        true => format!("Do all {all} again in this tab"),
                        false => "Check it in this tab".to_owned(),
                    }}
                </button>
            </div>
        </section>
    }
}
