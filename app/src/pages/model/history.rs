//! The History tab: the job log; then the versions.

use std::collections::HashMap;

use leptos::prelude::*;
use leptos_router::components::A;

use super::{
    ModelView,
    rollback::{RollbackLog, RollbackNotice},
    round,
    versions::Versions,
};
use crate::{
    app::use_app,
    chain::{history, jobs::Settled, rpc::RpcError},
    components::{
        address::{AddressTag, CopyButton},
        more::More,
        states::{Empty, Failure, Skeleton},
    },
    format,
    load::{Load, use_load},
};

/// Jobs shown at first, and more at each press.
const PAGE: usize = 25;

/// The log, and the times of its newest blocks.
#[derive(Debug, Clone, PartialEq)]
struct Log {
    jobs: Vec<Settled>,
    times: HashMap<u64, u64>,
}

/// The tab.
#[component]
pub(super) fn History(
    /// The model.
    model: ModelView,
) -> impl IntoView {
    let app = use_app();
    let log = use_load(
        move || Some(model.detail.with(|d| d.summary.jobs)),
        move |_| async move {
            let rpc = app.rpc();
            let jobs = history::settled(&rpc, model.address, None, app.config().from_block).await?;
            let mut times = HashMap::new();
            let mut blocks: Vec<u64> = jobs.iter().take(PAGE).map(|job| job.block).collect();
            blocks.dedup();
            for block in blocks {
                times.insert(block, rpc.block(block).await?.1);
            }
            Ok::<_, RpcError>(Log { jobs, times })
        },
    );
    let shown = RwSignal::new(PAGE);
    let table = move || {
        match log.get() {
        Load::Waiting => view! { <Skeleton lines=5/> }.into_any(),
        Load::Failed(reason) => view! { <Failure title="The history could not be read" reason/> }.into_any(),
        Load::Ready(log) if log.jobs.is_empty() => view! {
            <Empty title="Nothing has happened yet">
                <A href=format!("/model/{}/train", model.address) attr:class="button primary">"Be the first to train it"</A>
            </Empty>
        }
        .into_any(),
        Load::Ready(log) => {
            let all = log.jobs.len();
            let now = app.now();
            let rows = log.jobs.into_iter().take(shown.get()).map(|job| {
                let time = log.times.get(&job.block).map(|then| format::ago(*then, now));
                view! { <Row model job time/> }
            });
            let rows = rows.collect_view();
            view! {
                <div class="table-scroll" tabindex="0" role="region" aria-label="Jobs">
                    <table class="table cards-below" data-testid="history">
                        <thead>
                            <tr>
                                <th scope="col">"What"</th>
                                <th scope="col">"Who"</th>
                                <th scope="col" class="number">"Amount"</th>
                                <th scope="col" class="number">{move || model.measure()}</th>
                                <th scope="col">"When"</th>
                                <th scope="col">"Transaction"</th>
                            </tr>
                        </thead>
                        <tbody>{rows}</tbody>
                    </table>
                </div>
                <More shown all step=PAGE/>
            }
            .into_any()
        }
    }
    };
    view! {
        <section class="panel">
            <h2>"Jobs"</h2>
            {table}
        </section>
        <round::RoundPanel model/>
        <RollbackNotice model/>
        <Versions model/>
        <RollbackLog model/>
    }
}

/// One job.
#[component]
fn Row(
    /// The model.
    model: ModelView,
    /// The job.
    job: Settled,
    /// When, in words.
    time: Option<String>,
) -> impl IntoView {
    let app = use_app();
    let hash = job.transaction.to_string();
    let made = model
        .detail
        .with(|d| d.versions.iter().find(|v| job.job != 0 && v.job == job.job).map(|v| v.id));
    let steps = format::plural(u64::from(job.units), "step");
    let what = match (job.training, made) {
        (true, Some(version)) => format!("Trained version {version} from {} in {steps}", job.base),
        (true, None) => format!("Trained version {} for {steps}", job.base),
        (false, _) => format!("Used version {}", job.base),
    };
    let what = match job.job {
        0 => what.into_any(),
        id => view! { <A href=format!("/job/{id}")>{what}</A> }.into_any(),
    };
    let sign = if job.training { "+" } else { "−" };
    let amount = format!("{sign}{}", model.amount(job.amount));
    let link = match app.config().transaction_page(&hash) {
        Some(page) => {
            view! { <a href=page target="_blank" rel="noreferrer">{format::short_hash(&hash)}</a> }
                .into_any()
        }
        None => view! { <code>{format::short_hash(&hash)}</code> }.into_any(),
    };
    view! {
        <tr data-testid="job-row" data-kind=if job.training { "train" } else { "infer" }>
            <td data-label="What">{what}</td>
            <td data-label="Who"><AddressTag address=job.worker/></td>
            <td data-label="Amount" class="number" class:gain=job.training>{amount}</td>
            <td data-label=move || model.measure() class="number">{format::ppm(job.accuracy_ppm)}</td>
            <td data-label="When">{time.unwrap_or_else(|| format!("block {}", format::count(job.block)))}</td>
            <td data-label="Transaction"><span class="address">{link}<CopyButton text=hash what="transaction number"/></span></td>
        </tr>
    }
}
