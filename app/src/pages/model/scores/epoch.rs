//! One epoch: its workers line by line beside the contract's, its weights, and what each is paid.

use alloy_primitives::{Address, U256};
use delea_ledger::{
    EpochReport, JobLine, Row,
    message::{Event, Question},
};
use delea_scoring::Sums;
use futures_util::future::try_join_all;
use leptos::prelude::*;
use leptos_router::components::A;
use serde_json::json;
use wasm_bindgen_futures::spawn_local;

use super::{
    super::ModelView, act::Weights, place, points, reading::Reading, share, worker::WorkerPanel,
};
use crate::{
    app::{App, use_app},
    browser,
    chain::{
        jobs::{self, Case},
        scores::{self, Epoch, Held},
    },
    components::{
        address::AddressTag,
        icons,
        more::More,
        states::{Empty, Failure, Skeleton},
    },
    format,
    jobs::{check::say, logbook::unexpected},
    load::{Load, use_load},
};

/// Workers shown and compared at first, and more at a time.
const PAGE: usize = 25;

/// What is known of an epoch, from the log and from the contract.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Known {
    /// What the log gives.
    pub(super) report: EpochReport,
    /// What the contract holds.
    pub(super) held: Epoch,
    /// The case about its weights.
    pub(super) case: Option<Case>,
    /// What the contract holds of the workers on view, and of this account.
    workers: Vec<Held>,
    /// This account's line.
    pub(super) mine: Option<(Row, Held)>,
}

impl Known {
    /// Whether the sums are the contract's.
    fn sums_agree(&self) -> bool {
        let head = &self.report.head;
        self.held.total == U256::from(head.total)
            && self.held.inferences == head.units
            && self.held.paid == U256::from(head.paid)
    }

    /// Tokens for all workers: what was paid out, or would be now.
    pub(super) fn emission(&self, model: ModelView) -> U256 {
        if self.held.is_final() {
            return self.held.emission;
        }
        let head = &self.report.head;
        let sums = Sums { total: head.total, inferences: head.units, paid: head.paid };
        model.detail.with(|d| {
            sums.emission_down(d.summary.pool, d.inference_unit, U256::from(d.alpha))
                .unwrap_or_default()
        })
    }

    /// Tokens for a worker.
    pub(super) fn part(&self, row: &Row, model: ModelView) -> U256 {
        self.held.part_down(self.emission(model), row.train + row.infer, row.weight)
    }
}

/// Whether a line is the contract's.
fn agrees(row: &Row, held: &Held) -> bool {
    U256::from(row.train) == held.train
        && U256::from(row.infer) == held.infer
        && row.trainings == held.trainings
        && row.inferences == held.inferences
}

async fn load(
    app: App,
    model: ModelView,
    reading: Reading,
    epoch: u64,
    (shown, me): (usize, Option<Address>),
) -> Result<Option<Known>, String> {
    let report = match reading.ask(Question::Epoch(epoch)).await? {
        Event::Epoch(report) => report,
        _ => return Err(unexpected()),
    };
    let Some(report) = report else { return Ok(None) };
    let (rpc, contracts) = (app.rpc(), app.config().contracts);
    let held = scores::epoch(&rpc, contracts.scores, model.address, epoch).await.map_err(say)?;
    let case = match held.case {
        0 => None,
        case => Some(jobs::case(&rpc, contracts.jury, case).await.map_err(say)?),
    };
    let one = |row: &Row| {
        let (rpc, worker) = (rpc.clone(), row.worker);
        async move { scores::worker(&rpc, contracts.scores, model.address, epoch, worker).await }
    };
    let workers = try_join_all(report.rows.iter().take(shown).map(one)).await.map_err(say)?;
    let mine = match report.rows.iter().find(|row| Some(row.worker) == me) {
        Some(row) => Some((row.clone(), one(row).await.map_err(say)?)),
        None => None,
    };
    Ok(Some(Known { report, held, case, workers, mine }))
}

/// The panel.
#[component]
pub(super) fn EpochPanel(
    /// The model.
    model: ModelView,
    /// The log.
    reading: Reading,
    /// The epoch.
    number: u64,
    /// Entries of the log: with more of them, the epoch may be another.
    entries: u64,
    /// The worker whose jobs are on view.
    chosen: Memo<Option<Address>>,
) -> impl IntoView {
    let app = use_app();
    let shown = RwSignal::new(PAGE);
    let known = use_load(
        move || Some((app.revision(), shown.get(), app.wallets.account.get().map(|a| a.address))),
        move |(_, shown, me)| load(app, model, reading, number, (shown, me)),
    );
    let body = move || {
        match known.get() {
        Load::Waiting => view! { <section class="panel"><Skeleton lines=5/></section> }.into_any(),
        Load::Failed(reason) => {
            view! { <Failure title="The epoch could not be read" reason/> }.into_any()
        }
        Load::Ready(None) => view! {
            <Empty title="Nobody worked in this epoch">
                <A href=format!("/model/{}/scores", model.address) attr:class="button">"See the newest"</A>
            </Empty>
        }
        .into_any(),
        Load::Ready(Some(known)) => view! {
            <Workers model reading number known=known.clone() shown/>
            <Weights model number known/>
        }
        .into_any(),
    }
    };
    let worker = move || {
        let worker = chosen.get()?;
        Some(view! { <WorkerPanel model reading at=(number, entries) worker/> })
    };
    view! { {worker} {body} }
}

/// The workers, line by line.
#[component]
fn Workers(
    /// The model.
    model: ModelView,
    /// The log.
    reading: Reading,
    /// The epoch.
    number: u64,
    /// What is known.
    known: Known,
    /// Workers on view.
    shown: RwSignal<usize>,
) -> impl IntoView {
    let all = known.report.rows.len();
    let compared = known.workers.len();
    let equal = known.report.rows.iter().zip(&known.workers).all(|(row, held)| agrees(row, held));
    let sums = known.sums_agree();
    let holds = equal && sums;
    let words = match (holds, compared == all) {
        (true, true) => format!("All {} are what the contract holds, and so are their sums.", format::plural(all as u64, "line")),
        (true, false) => format!("The sums and the {compared} lines on view are what the contract holds."),
        (false, _) => "This log gives other figures than the contract holds. Do not rely on either before another node was asked.".to_owned(),
    };
    let row = |(row, held): (&Row, &Held)| {
        let (same, score) = (agrees(row, held), points(row.train + row.infer));
        let jobs = match (row.trainings, row.inferences) {
            (t, 0) => format::plural(u64::from(t), "training"),
            (0, i) => format::plural(u64::from(i), "inference"),
            (t, i) => format!("{t} + {i}"),
        };
        view! {
            <tr data-testid="weight-row" data-worker=row.worker.to_string() data-equal=same.to_string() class:bad=!same>
                <td data-label="Worker"><AddressTag address=row.worker/></td>
                <td data-label="Jobs" class="number">{jobs}</td>
                <td data-label="Score" class="number">
                    <A href=place(model.address, number, Some(row.worker)) scroll=false attr:title="How it follows">{score}</A>
                </td>
                <td data-label="Win rate" class="number">{share(row.rate)}</td>
                <td data-label="Weight" class="number">{share(row.weight)}</td>
                <td data-label="Tokens" class="number">{model.amount(known.part(row, model))}</td>
                <td data-label="Contract">{if same { "equal" } else { "other" }}</td>
            </tr>
        }
    };
    let lines = known.report.rows.iter().take(compared).zip(&known.workers);
    let rows = lines.map(row).collect::<Vec<_>>();
    let csv = move |_| {
        spawn_local(async move {
            if let Ok(Event::Text(text)) = reading.ask(Question::Csv(number)).await {
                browser::download(&format!("scores-{number}.csv"), text.as_bytes());
            }
        });
    };
    let report = StoredValue::new(known.report.clone());
    let save = move |_| {
        spawn_local(async move {
            if let Ok(Event::Jobs(jobs)) =
                reading.ask(Question::Jobs { epoch: number, worker: None }).await
            {
                let text = report.with_value(|report| as_json(report, &jobs));
                browser::download(&format!("scores-{number}.json"), text.as_bytes());
            }
        });
    };
    view! {
        <section class="panel" data-testid="epoch-panel" data-epoch=number>
            <h2>{format!("Epoch {}", format::count(number))}</h2>
            <p class="muted">
                {format!("Blocks {} to {}. A win rate is the share of the other workers whose score is lower, ties counting half; the weight is its softmax.", format::count(scores::begins_at(number)), format::count(scores::begins_at(number + 1) - 1))}
            </p>
            <p class=if holds { "callout good" } else { "callout bad" } role="status" data-testid="lines-equal" data-equal=holds.to_string()>
                {if holds { icons::check().into_any() } else { icons::alert().into_any() }} <span>{words}</span>
            </p>
            <div class="table-scroll" tabindex="0" role="region" aria-label="Workers">
                <table class="table cards-below">
                    <thead>
                        <tr>
                            <th scope="col">"Worker"</th>
                            <th scope="col" class="number">"Jobs"</th>
                            <th scope="col" class="number">"Score"</th>
                            <th scope="col" class="number">"Win rate"</th>
                            <th scope="col" class="number">"Weight"</th>
                            <th scope="col" class="number">"Tokens"</th>
                            <th scope="col">"Contract"</th>
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            </div>
            <div class="actions">
                <More shown all step=PAGE/>
                <button class="button quiet" data-testid="export-csv" on:click=csv>"Save the jobs as CSV"</button>
                <button class="button quiet" data-testid="export-json" on:click=save>"Save all as JSON"</button>
            </div>
        </section>
    }
}

/// An epoch for other programs. Numbers beyond what JSON's readers hold exactly are texts.
fn as_json(report: &EpochReport, jobs: &[JobLine]) -> String {
    let head = &report.head;
    let value = json!({
        "epoch": head.epoch, "root": report.root, "totalWad": head.total.to_string(),
        "inferences": head.units, "paid": head.paid.to_string(),
        "workers": report.rows.iter().map(|row| json!({
            "worker": row.worker, "trainings": row.trainings, "inferences": row.inferences,
            "trainWad": row.train.to_string(), "inferWad": row.infer.to_string(),
            "winRateWad": row.rate.to_string(), "weightWad": row.weight.to_string(), "proof": row.proof,
        })).collect::<Vec<_>>(),
        "jobs": jobs.iter().map(|job| json!({
            "number": job.number, "job": job.job, "kind": if job.training { "train" } else { "infer" },
            "units": job.units, "amount": job.amount.to_string(), "latency": job.latency,
            "timeout": job.timeout, "block": job.block, "scoreWad": job.score.to_string(),
        })).collect::<Vec<_>>(),
    });
    serde_json::to_string_pretty(&value).unwrap_or_default()
}
