//! The Work page: what this tab does for others, within which limits, and what it earns.

mod choose;
mod earnings;

use leptos::prelude::*;
use leptos_router::components::A;

use crate::{
    app::{use_app, use_now},
    components::{
        icons,
        later::{Fetched, wasm_split},
        states::{Empty, set_title},
    },
    format,
    jobs::market::{Doing, Open},
    wallet::Connecting,
};

/// The page's code, fetched apart.
#[wasm_split(pages, fallible)]
pub(crate) fn page() -> Fetched {
    Ok(|| view! { <WorkPage/> }.into_any())
}

/// The page.
#[component]
fn WorkPage() -> impl IntoView {
    let app = use_app();
    set_title("Work for others");
    Effect::new(move |_| {
        app.revision();
        wasm_bindgen_futures::spawn_local(app.load_models());
    });
    let connected = Memo::new(move |_| app.wallets.account.with(Option::is_some));
    let body = move || match connected.get() {
        true => view! {
            <Now/>
            <choose::Choose/>
            <Queue/>
            <Own/>
            <earnings::Earnings/>
            <Notes/>
        }
        .into_any(),
        false => view! {
            <Empty title="Connect a wallet to work for others">
                <p class="muted">"It puts up the bonds and receives the tokens."</p>
                <button class="button primary" on:click=move |_| {
                    app.wallets.connecting.set(Connecting::Idle);
                    app.wallets.dialog.set(true);
                }>"Connect wallet"</button>
            </Empty>
        }
        .into_any(),
    };
    view! {
        <h1>"Work for others"</h1>
        <p class="lead muted">
            "People without a fast machine have their questions answered, and models trained, by tabs like this one. You put up a bond, take jobs when it is your turn, and earn the models’ tokens. Everything you answer can be checked, to the bit."
        </p>
        {body}
    }
}

/// What the tab is doing.
#[component]
fn Now() -> impl IntoView {
    let app = use_app();
    let state = app.market.state;
    let doing = Memo::new(move |_| state.with(|state| state.doing.clone()));
    let words = move || match doing.get() {
        Doing::Off => "Not working.".to_owned(),
        Doing::Signing(what) => format!("{what}. If your wallet asks, confirm there."),
        Doing::Waiting => {
            "Waiting for a job. You can use other pages, or leave this tab in the background."
                .to_owned()
        }
        Doing::Working(job) => format!("Working on job {job}."),
        Doing::Resting(why) => format!("Resting: {why}."),
    };
    let name = move || match doing.get() {
        Doing::Off => "off",
        Doing::Signing(_) => "signing",
        Doing::Waiting => "waiting",
        Doing::Working(_) => "working",
        Doing::Resting(_) => "resting",
    };
    view! {
        <Show when=move || doing.get() != Doing::Off || state.with(|state| state.problem.is_some())>
            <section class="panel" data-testid="work-now" data-doing=name>
                <p class="busy" role="status">
                    {move || (!matches!(doing.get(), Doing::Off | Doing::Resting(_))).then(icons::spinner)} <span>{words}</span>
                </p>
                {move || state.with(|state| state.problem.clone()).map(|problem| view! {
                    <p class="callout warn" role="alert" data-testid="work-problem">{icons::alert()} <span>{problem} {move || (doing.get() != Doing::Off).then_some(" It is tried again.")}</span></p>
                })}
            </section>
        </Show>
    }
}

/// Jobs that wait for a worker.
#[component]
fn Queue() -> impl IntoView {
    let app = use_app();
    let now = use_now();
    let open = Memo::new(move |_| app.market.state.with(|state| state.open.clone()));
    let on = move || app.market.chosen.with(|chosen| chosen.on);
    let row = move |Open { job, turn }: Open| {
        let what = match job.training {
            true => format!("Training, {}", format::plural(u64::from(job.units), "step")),
            false => format!("Inference, {}", format::plural(u64::from(job.units), "example")),
        };
        let when = move || match turn {
            None => "drawn by the next block".to_owned(),
            Some(turn) if turn <= now.get() => "yours now".to_owned(),
            Some(turn) => format!("yours in {}", format::duration((turn - now.get()) as f64)),
        };
        view! {
            <tr data-testid="open-job">
                <td data-label="Job"><A href=format!("/job/{}", job.id)>{format!("Job {}", job.id)}</A></td>
                <td data-label="What">{what}</td>
                <td data-label="Waits">{move || format::ago(job.opened_at, now.get())}</td>
                <td data-label="Turn">{when}</td>
            </tr>
        }
    };
    view! {
        <Show when=on>
            <section class="panel">
                <h2>"Jobs that wait"</h2>
                {move || match open.with(Vec::is_empty) {
                    true => view! { <p class="muted" data-testid="queue-empty">"None right now. Chance decides whose turn a new one is; each place in line may take it twelve seconds after the one before."</p> }.into_any(),
                    false => view! {
                        <div class="table-scroll" tabindex="0" role="region" aria-label="Jobs that wait">
                            <table class="table cards-below">
                                <thead><tr><th scope="col">"Job"</th><th scope="col">"What"</th><th scope="col">"Asked"</th><th scope="col">"Your turn"</th></tr></thead>
                                <tbody>{open.get().into_iter().map(row).collect_view()}</tbody>
                            </table>
                        </div>
                    }.into_any(),
                }}
            </section>
        </Show>
    }
}

/// Jobs of this account that are not over.
#[component]
fn Own() -> impl IntoView {
    let app = use_app();
    let own = Memo::new(move |_| app.market.state.with(|state| state.own.clone()));
    view! {
        <Show when=move || !own.with(Vec::is_empty)>
            <section class="panel">
                <h2>"Your jobs under way"</h2>
                <ul class="kept-list">
                    {move || own.get().into_iter().map(|job| {
                        use delea_contracts_abi::JobState;
                        let words = match job.state {
                            JobState::Claimed => "being done",
                            JobState::Committed => "sealed; it is shown with the next block",
                            JobState::Revealed if job.case != 0 => "doubted: a jury decides",
                            JobState::Revealed => "shown; paid when nobody doubts it in time",
                            _ => "",
                        };
                        view! {
                            <li class="kept" data-testid="own-job">
                                <div>
                                    <A href=format!("/job/{}", job.id)>{format!("Job {}", job.id)}</A>
                                    <span class="muted">{format!(" {}, {words}", if job.training { "training" } else { "inference" })}</span>
                                </div>
                            </li>
                        }
                    }).collect_view()}
                </ul>
            </section>
        </Show>
    }
}

/// What happened, for whoever was away.
#[component]
fn Notes() -> impl IntoView {
    let app = use_app();
    let now = use_now();
    let notes = Memo::new(move |_| app.market.state.with(|state| state.notes.clone()));
    view! {
        <Show when=move || !notes.with(Vec::is_empty)>
            <section class="panel">
                <h2>"What happened"</h2>
                <ul class="kept-list" data-testid="work-notes">
                    {move || notes.get().into_iter().map(|note| view! {
                        <li class="kept">
                            <div>
                                <A href=format!("/job/{}", note.job)>{format!("Job {}", note.job)}</A>
                                " " {note.words}
                            </div>
                            <span class="muted">{format::ago(note.time, now.get())}</span>
                        </li>
                    }).collect_view()}
                </ul>
            </section>
        </Show>
    }
}
