//! A question that a worker of the market answers: how far it is, the answer, and what to do when nobody comes.

use delea_contracts_abi::JobState;
use delea_model_runtime::spec::ModelSpec;
use leptos::prelude::*;
use leptos_router::components::A;

use super::{
    ModelView,
    use_result::{Answer, AnswerView},
};
use crate::{
    app::{App, use_app, use_now},
    chain::{
        jobs,
        transaction::{self, Call, Deed, TxError},
    },
    components::{address::AddressTag, icons, stages::Stages, states::Skeleton},
    format,
    jobs::asking::{self, Asked, Standing},
    load::{Load, use_load},
    press::Press,
};

/// Seconds between one worker's turn and the next one's, as the contract has it.
const GRACE: u64 = 12;
const STAGES: &[&str] = &["Asked", "Taken by a worker", "Answered"];

/// The panel of a question under way.
#[component]
pub(super) fn AskedPanel(
    /// The model.
    model: ModelView,
    /// What the model takes and gives.
    spec: StoredValue<ModelSpec>,
    /// The question; emptied when the visitor is done with it.
    asked: RwSignal<Option<Asked>>,
) -> impl IntoView {
    let app = use_app();
    let now = use_now();
    let on_its_way = RwSignal::new(false);
    // An answer may come into the store a moment after it is on the chain; all else comes with a block.
    let tick = Memo::new(move |_| on_its_way.get().then(|| now.get() / 2));
    let found = use_load(
        move || asked.get().map(|asked| (asked, app.revision(), tick.get())),
        move |(asked, _, _)| async move { asking::standing(app, &asked, &spec.get_value()).await },
    );
    Effect::new(move |_| {
        on_its_way.set(found.with(|found| match found.ready() {
            Some(Some(standing)) => standing.is_on_its_way(),
            _ => false,
        }));
    });
    move || match found.get() {
        Load::Waiting => view! { <Skeleton lines=3/> }.into_any(),
        Load::Failed(reason) => {
            view! { <p class="callout bad" role="alert">{icons::alert()} <span>{reason}</span></p> }
                .into_any()
        }
        Load::Ready(None) => {
            // Another chain's.
            asking::forget(model.address);
            asked.set(None);
            ().into_any()
        }
        Load::Ready(Some(standing)) => {
            view! { <Whole app model spec asked standing now/> }.into_any()
        }
    }
}

#[component]
fn Whole(
    /// The page.
    app: App,
    /// The model.
    model: ModelView,
    /// What the model takes and gives.
    spec: StoredValue<ModelSpec>,
    /// The question.
    asked: RwSignal<Option<Asked>>,
    /// Where it stands.
    standing: Standing,
    /// Seconds since 1970.
    now: RwSignal<u64>,
) -> impl IntoView {
    let Standing { job, waiting, answer } = standing;
    let press = Press::new();
    let contract = app.config().contracts.jobs;
    let act = move |deed: Deed, data: Vec<u8>| {
        press.run(async move {
            let sent = transaction::send(app, deed, Call::new(contract, data)).await;
            sent.map(drop).map_err(TxError::told)
        });
    };
    let done = move |_| {
        asking::forget(model.address);
        asked.set(None);
    };
    let (id, worker) = (job.id, job.worker);
    let stage = match job.state {
        JobState::Open => Some(0),
        JobState::Claimed => Some(1),
        JobState::Committed | JobState::Revealed | JobState::Settled if answer.is_none() => Some(2),
        JobState::Committed | JobState::Revealed | JobState::Settled => Some(3),
        _ => None,
    };
    let cancel = move |_| {
        let deed = Deed { doing: "Taking it back", done: "You have your price back." };
        act(deed, jobs::cancel_call(id));
    };
    let end = move |_| {
        let deed = Deed {
            doing: "Ending",
            done: "It is drawn to another worker; the first one’s stake is yours.",
        };
        act(deed, jobs::lapse_call(id));
    };
    let lease = u64::from(model.detail.with_untracked(|d| d.rules.infer_lease));
    let left = move || (job.claimed_at + lease + 1).saturating_sub(now.get());
    let body = match (job.state, answer) {
        (JobState::Open, _) => view! {
            <p data-testid="asked-waiting">
                {match waiting {
                    0 => "No worker waits for questions to this model right now, so anybody may take it.".to_owned(),
                    _ => format!(
                        "{} for questions to this model. Chance decides whose it is; every {GRACE} seconds it falls to one more.",
                        if waiting == 1 { "One worker waits".to_owned() } else { format!("{waiting} workers wait") },
                    ),
                }}
            </p>
            <button class="button" data-testid="asked-cancel" disabled=move || press.busy.get() on:click=cancel>"Take the price back"</button>
        }
        .into_any(),
        (JobState::Claimed, _) => view! {
            <p><AddressTag address=worker/>
                {move || match left() {
                    0 => " took it and did not answer in time.".to_owned(),
                    left => format!(" has taken it, and answers within {}.", format::duration(left as f64)),
                }}
            </p>
            <Show when=move || left() == 0>
                <button class="button" data-testid="asked-end" disabled=move || press.busy.get() on:click=end>"Draw another worker"</button>
            </Show>
        }
        .into_any(),
        (JobState::Rejected | JobState::Expired, _) => view! {
            <p class="callout warn" role="status" data-testid="asked-failed">
                {icons::info()}
                <span>
                    {match job.state {
                        JobState::Rejected => "A jury found that the answer was wrong. You have your price back.",
                        _ => "The question ended without an answer. You have your price back.",
                    }}
                </span>
            </p>
        }
        .into_any(),
        (_, None) => view! { <p class="muted">"The answer is sealed on the chain; its file is on its way…"</p> }.into_any(),
        (_, Some(Err(reason))) => view! {
            <p class="callout bad" role="alert">{icons::alert()} <span>{reason}</span></p>
        }
        .into_any(),
        (_, Some(Ok(row))) => {
            let answer = spec.with_value(|spec| Answer::of(spec, row));
            view! {
                <AnswerView answer/>
                <p class="muted small-print">
                    "The answer’s file has the hash that was sealed on the chain; anybody can do the work again and doubt it. Answered by "<AddressTag address=worker/>
                </p>
            }
            .into_any()
        }
    };
    let over = matches!(
        job.state,
        JobState::Committed
            | JobState::Revealed
            | JobState::Settled
            | JobState::Rejected
            | JobState::Expired
    );
    view! {
        <div class="asked" data-testid="asked" data-state=format!("{:?}", job.state)>
            {stage.filter(|stage| *stage < STAGES.len()).map(|stage| view! { <Stages names=STAGES now=Some(stage)/> })}
            {body}
            {move || press.problem.get().map(|problem| view! { <p class="callout bad" role="alert">{problem}</p> })}
            <div class="actions">
                {over.then(|| view! { <button class="button" data-testid="asked-done" on:click=done>"Ask something else"</button> })}
                <A href=format!("/job/{id}") attr:class="button quiet">
                    {if over { format!("Job {id}: check it yourself") } else { format!("Job {id}") }}
                </A>
            </div>
        </div>
    }
}
