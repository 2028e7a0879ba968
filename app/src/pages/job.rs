//! One job: what it is, how far, what is claimed, who doubts it, and every transaction.

use alloy_primitives::{Address, B256};
use delea_contracts_abi::JobState;
use leptos::prelude::*;
use leptos_router::{components::A, hooks::use_params_map};

use super::job_check::Check;
use crate::{
    app::{App, use_app, use_now},
    chain::{
        bonds,
        contracts::{self, Detail},
        history,
        jobs::{self, Case, Job, Outcome, Step},
        transaction::{self, Call, Deed, TxError},
    },
    components::{
        address::{AddressTag, CopyButton},
        case::CasePanel,
        later::{Fetched, wasm_split},
        states::{Empty, Failure, Skeleton, set_title},
    },
    format,
    jobs::check::Claim,
    load::{Load, use_load},
    press::Press,
};

/// The states of a job that goes well, as people call them.
const WAY: [(JobState, &str); 5] = [
    (JobState::Open, "Open"),
    (JobState::Claimed, "Taken"),
    (JobState::Committed, "Sealed"),
    (JobState::Revealed, "Shown"),
    (JobState::Settled, "Paid"),
];

/// All that the page shows.
#[derive(Debug, Clone, PartialEq)]
struct Shown {
    job: Job,
    detail: Detail,
    steps: Vec<Step>,
    times: Vec<u64>,
    case: Option<Case>,
}

/// The page's code, fetched apart.
#[wasm_split(pages, fallible)]
pub(crate) fn page() -> Fetched {
    Ok(|| view! { <JobPage/> }.into_any())
}

/// The page.
#[component]
fn JobPage() -> impl IntoView {
    let params = use_params_map();
    let id = Memo::new(move |_| params.with(|p| p.get("id")).and_then(|id| id.parse::<u64>().ok()));
    move || match id.get() {
        Some(id) => view! { <Loaded id/> }.into_any(),
        None => view! { <Missing/> }.into_any(),
    }
}

#[component]
fn Missing() -> impl IntoView {
    set_title("No such job");
    view! {
        <Empty title="There is no such job">
            <A href="/" attr:class="button primary">"See all models"</A>
        </Empty>
    }
}

#[component]
fn Loaded(
    /// The job's number.
    id: u64,
) -> impl IntoView {
    let app = use_app();
    set_title(&format!("Job {id}"));
    let shown = use_load(move || Some(app.revision()), move |_| load(app, id));
    move || match shown.get() {
        Load::Waiting => view! { <Skeleton lines=6/> }.into_any(),
        Load::Failed(reason) => view! {
            <Failure title="The job could not be read" reason>
                <button class="button" on:click=move |_| app.refresh()>"Try again"</button>
            </Failure>
        }
        .into_any(),
        Load::Ready(None) => view! { <Missing/> }.into_any(),
        Load::Ready(Some(shown)) => view! { <Whole shown/> }.into_any(),
    }
}

async fn load(app: App, id: u64) -> Result<Option<Shown>, contracts::ReadError> {
    let (config, rpc) = (app.config(), app.rpc());
    let Some(job) = jobs::job(&rpc, config.contracts.jobs, id).await? else { return Ok(None) };
    let detail = contracts::detail(&rpc, config.contracts.factory, job.model).await?;
    let steps = history::steps(&rpc, config.contracts.jobs, id, config.from_block).await?;
    let mut times = Vec::with_capacity(steps.len());
    for step in &steps {
        times.push(rpc.block(step.block).await?.1);
    }
    let case = match job.case {
        0 => None,
        case => Some(jobs::case(&rpc, config.contracts.jury, case).await?),
    };
    Ok(Some(Shown { job, detail, steps, times, case }))
}

#[component]
fn Whole(
    /// What was read.
    shown: Shown,
) -> impl IntoView {
    let Shown { job, detail, steps, times, case } = shown;
    let name = detail.summary.name.clone();
    let claimed = steps.iter().rev().find_map(|step| step.outcome);
    let revealed = steps.iter().rev().find_map(|step| step.revealed);
    let what = match job.training {
        true => format!("Training of {}", detail.summary.name),
        false => format!("Use of {}", detail.summary.name),
    };
    let bond = detail.stake(job.bond);
    let version = detail.versions.iter().find(|version| version.job == job.id).map(|v| v.id);
    let units = match job.training {
        true => format::plural(u64::from(job.units), "step"),
        false => format::plural(u64::from(job.units), "use"),
    };
    let history = format!("/model/{}/history", job.model);
    let check = claimed.map(|outcome| {
        let claim = Claim { job: job.clone(), detail: detail.clone(), outcome, revealed };
        view! { <Check claim/> }
    });
    view! {
        <header class="job-head">
            <p class="muted"><A href=format!("/model/{}", job.model)>{name}</A>{format!(" · job {}", job.id)}</p>
            <h1>{what}</h1>
        </header>
        <Way state=job.state/>
        <div class="columns">
            <div class="column-main">
                <Doubt job=job.clone() detail outcome=claimed/>
                {case.map(|case| view! { <CasePanel id=job.case case/> })}
                {check}
                <Transactions steps times/>
            </div>
            <aside class="column-side">
                <section class="panel">
                    <h2>"What it is"</h2>
                    <dl class="list" data-testid="job-facts">
                        <dt>"Work"</dt>
                        <dd>{format!("{units} from version {}", job.base)}</dd>
                        <dt>"Worker"</dt>
                        <dd>{match job.worker == Address::ZERO {
                            true => "nobody yet".into_any(),
                            false => view! { <AddressTag address=job.worker/> }.into_any(),
                        }}</dd>
                        {(job.requester != job.worker).then(|| view! {
                            <dt>"Asked for by"</dt>
                            <dd><AddressTag address=job.requester/></dd>
                        })}
                        <dt>"At stake"</dt>
                        <dd>{bond}</dd>
                        <dt>"Proven by"</dt>
                        <dd>{if job.by_result { "its result on examples kept aside" } else { "doing it again, bit for bit" }}</dd>
                        {claimed.map(|claimed| view! {
                            <dt>{if job.training { "Result" } else { "Answer" }}</dt>
                            <dd><Hash hash=B256::from(claimed.output.0) what="result’s hash"/></dd>
                        })}
                        {claimed.filter(|_| job.training).map(|claimed| view! {
                            <dt>"Held-out score claimed"</dt>
                            <dd>{format::ppm(claimed.accuracy_ppm)}</dd>
                            <dt>"Checkpoints"</dt>
                            <dd><Hash hash=B256::from(claimed.checkpoint_root.0) what="checkpoints’ root"/></dd>
                        })}
                        {version.map(|version| view! {
                            <dt>"Became"</dt>
                            <dd><A href=history>{format!("version {version}")}</A></dd>
                        })}
                    </dl>
                </section>
            </aside>
        </div>
    }
}

/// A hash, shortened, with a button that copies the whole.
#[component]
fn Hash(
    /// The hash.
    hash: B256,
    /// What it is, for the button's label.
    what: &'static str,
) -> impl IntoView {
    let whole = hash.to_string();
    view! {
        <span class="address"><code>{format::short_hash(&whole)}</code><CopyButton text=whole what/></span>
    }
}

/// How far the job is.
#[component]
fn Way(
    /// Its state.
    state: JobState,
) -> impl IntoView {
    let at = WAY.iter().position(|(step, _)| *step == state);
    let end = match state {
        JobState::Rejected => Some("Refuted"),
        JobState::Expired => Some("Ended without a result"),
        _ => None,
    };
    let items = WAY.iter().enumerate().map(|(i, (_, name))| {
        let class = match at {
            Some(at) if i < at || state == JobState::Settled => "done",
            Some(at) if i == at => "now",
            _ => "later",
        };
        view! { <li class=class aria-current=(class == "now").then_some("step")>{*name}</li> }
    });
    match end {
        Some(end) => view! { <p class="callout warn" data-testid="job-state" data-state=end>{end}</p> }.into_any(),
        None => view! {
            <ol class="way" data-testid="job-state" data-state=at.map(|at| WAY[at].1)>{items.collect_view()}</ol>
        }
        .into_any(),
    }
}

/// What anybody may do while the result is on view, and what ends what was left behind.
#[component]
fn Doubt(
    /// The job.
    job: Job,
    /// Its model.
    detail: Detail,
    /// What its worker committed to.
    outcome: Option<Outcome>,
) -> impl IntoView {
    let app = use_app();
    let (window, stake) = (detail.rules.challenge_window, detail.stake(job.bond));
    let detail = StoredValue::new(detail);
    let contract = app.config().contracts.jobs;
    let press = Press::new();
    let Press { busy, problem } = press;
    let act = move |deed: Deed, call: Call| {
        press.run(async move {
            transaction::send(app, deed, call).await.map(drop).map_err(TxError::told)
        });
    };
    let now = use_now();
    // The window includes its last second.
    let until = job.on_view_since + u64::from(window) + 1;
    let left = move || until.saturating_sub(now.get());
    let id = job.id;
    let (bond, challenged) = (job.bond, job.challenger != Address::ZERO);
    let doubt = move |_| {
        let (detail, call) = (detail.get_value(), Call::new(contract, jobs::challenge_call(id)));
        press.run(async move {
            let deed = Deed { doing: "Doubting", done: "A jury will decide." };
            let sent = bonds::send_staked(app, &detail, bond, deed, call).await;
            sent.map(drop).map_err(TxError::told)
        });
    };
    let settle = move |_| {
        let Some(outcome) = outcome else { return };
        let call = Call::new(contract, jobs::settle_call(id, outcome));
        act(Deed { doing: "Settling", done: "The job is settled." }, call);
    };
    let end = move |_| {
        let deed = Deed { doing: "Ending", done: "The job is ended." };
        act(deed, Call::new(contract, jobs::lapse_call(id)));
    };
    let body = match job.state {
        JobState::Revealed if challenged => view! {
            <p>"Somebody doubts this result. A jury of auditors does the work again and decides."</p>
            <button class="button" data-testid="job-settle" disabled=move || busy.get() on:click=settle>"Settle by the verdict"</button>
        }
        .into_any(),
        JobState::Revealed => view! {
            <p data-testid="doubt-left">
                {move || match left() {
                    0 => "Nobody doubted this result in time: it can be paid.".to_owned(),
                    left => format!("The result is on view. Anybody can doubt it for another {}; then it is paid.", format::duration(left as f64)),
                }}
            </p>
            <div class="actions">
                <Show when=move || left() == 0>
                    <button class="button primary" data-testid="job-settle" disabled=move || busy.get() on:click=settle>"Pay it now"</button>
                </Show>
                <Show when=move || { left() > 0 }>
                    <button class="button" data-testid="job-doubt" disabled=move || busy.get() on:click=doubt>
                        {format!("Doubt it, with {stake} at stake")}
                    </button>
                </Show>
            </div>
        }
        .into_any(),
        JobState::Claimed | JobState::Committed => view! {
            <p>"The worker has not shown a result yet. If its time is over, the job can be ended, and its bond goes to who waited."</p>
            <button class="button quiet" data-testid="job-end" disabled=move || busy.get() on:click=end>"End it"</button>
        }
        .into_any(),
        JobState::Open => view! { <p>"This job waits for a worker. Chance decides whose turn it is; it falls to one more every few seconds."</p> }.into_any(),
        JobState::Settled => view! { <p>"The result was checked or left undoubted, and the worker was paid from the model’s pool."</p> }.into_any(),
        JobState::Rejected => view! { <p>"A jury did the work again and found something else. The worker lost what was at stake."</p> }.into_any(),
        _ => view! { <p>"Nothing was paid, and what was at stake went back, unless a deadline was missed."</p> }.into_any(),
    };
    view! {
        <section class="panel">
            <h2>"Where it stands"</h2>
            {body}
            {move || problem.get().map(|problem| view! { <p class="callout bad" role="alert">{problem}</p> })}
        </section>
    }
}

/// Every transaction of the job.
#[component]
fn Transactions(
    /// What happened, oldest first.
    steps: Vec<Step>,
    /// When, in seconds since 1970.
    times: Vec<u64>,
) -> impl IntoView {
    let app = use_app();
    let now = app.now();
    let rows = steps.into_iter().zip(times).map(|(step, time)| {
        let hash = step.transaction.to_string();
        let link = match app.config().transaction_page(&hash) {
            Some(page) => view! { <a href=page target="_blank" rel="noreferrer">{format::short_hash(&hash)}</a> }.into_any(),
            None => view! { <code>{format::short_hash(&hash)}</code> }.into_any(),
        };
        view! {
            <tr data-testid="job-step">
                <td data-label="What">{step.what}</td>
                <td data-label="Who">{step.who.map(|who| view! { <AddressTag address=who/> })}</td>
                <td data-label="When">{format::ago(time, now)}</td>
                <td data-label="Transaction"><span class="address">{link}<CopyButton text=hash what="transaction number"/></span></td>
            </tr>
        }
    });
    view! {
        <section class="panel">
            <h2>"What happened"</h2>
            <div class="table-scroll" tabindex="0" role="region" aria-label="What happened">
                <table class="table cards-below">
                    <thead>
                        <tr><th scope="col">"What"</th><th scope="col">"Who"</th><th scope="col">"When"</th><th scope="col">"Transaction"</th></tr>
                    </thead>
                    <tbody>{rows.collect_view()}</tbody>
                </table>
            </div>
        </section>
    }
}
