//! The History tab: the job log and the versions.

use std::collections::HashMap;

use delea_model_runtime::content::Digest;
use leptos::prelude::*;
use leptos_router::components::A;
use wasm_bindgen_futures::spawn_local;

use super::ModelView;
use crate::{
    app::use_app,
    browser,
    chain::{
        contracts::{Job, Version},
        history,
        rpc::RpcError,
    },
    components::{
        address::{AddressTag, CopyButton},
        icons,
        plot::{Plot, Series, Unit},
        states::{Empty, Failure, Skeleton},
        toasts::Kind,
    },
    format,
    jobs::trainer::sentence,
    load::{Load, use_load},
    store::blobs,
};

/// Jobs shown at first, and more at each press.
const PAGE: usize = 25;

/// The log, and the times of its newest blocks.
#[derive(Debug, Clone, PartialEq)]
struct Log {
    jobs: Vec<Job>,
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
            let jobs = history::jobs(&rpc, model.address, None, app.config().from_block).await?;
            let mut times = HashMap::new();
            let mut blocks: Vec<u64> = jobs.iter().take(PAGE).map(|job| job.block).collect();
            blocks.dedup();
            for block in blocks {
                times.insert(block, rpc.block(&format!("{block:#x}")).await?.1);
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
            let now = browser::now();
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
                                <th scope="col" class="number">"Right answers"</th>
                                <th scope="col">"When"</th>
                                <th scope="col">"Transaction"</th>
                            </tr>
                        </thead>
                        <tbody>{rows}</tbody>
                    </table>
                </div>
                {(all > shown.get()).then(|| view! {
                    <button class="button" on:click=move |_| shown.update(|n| *n += PAGE)>
                        {format!("Show more of {}", format::count(all as u64))}
                    </button>
                })}
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
        <Versions model/>
    }
}

/// One job.
#[component]
fn Row(
    /// The model.
    model: ModelView,
    /// The job.
    job: Job,
    /// When, in words.
    time: Option<String>,
) -> impl IntoView {
    let app = use_app();
    let hash = job.transaction.to_string();
    let what = match job.training {
        true => format!(
            "Trained version {} from {} in {}",
            job.version,
            job.base,
            format::plural(u64::from(job.units), "step")
        ),
        false => format!("Used version {}", job.version),
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
            <td data-label="Right answers" class="number">{format::ppm(job.accuracy_ppm)}</td>
            <td data-label="When">{time.unwrap_or_else(|| format!("block {}", format::count(job.block)))}</td>
            <td data-label="Transaction"><span class="address">{link}<CopyButton text=hash what="transaction number"/></span></td>
        </tr>
    }
}

/// All versions, newest first, and how they got better.
#[component]
fn Versions(
    /// The model.
    model: ModelView,
) -> impl IntoView {
    let versions = Memo::new(move |_| model.detail.with(|d| d.versions.clone()));
    let head = Memo::new(move |_| model.detail.with(|d| d.summary.head));
    let series = Signal::derive(move || {
        let points = versions.with(|versions| {
            versions.iter().map(|v| (f64::from(v.id), f64::from(v.accuracy_ppm) / 1e6)).collect()
        });
        vec![Series::new("right answers", points)]
    });
    let words = Signal::derive(move || {
        versions.with(|versions| match versions.last() {
            Some(last) => format!(
                "{} versions; the newest answers {} right.",
                versions.len(),
                format::ppm(last.accuracy_ppm)
            ),
            None => String::new(),
        })
    });
    let list = move || {
        let head = head.get();
        let items = versions.get().into_iter().rev().map(|version| {
            view! {
                <VersionItem model head=version.id == head version/>
            }
        });
        items.collect_view()
    };
    view! {
        <section class="panel">
            <h2>"Versions"</h2>
            <Show when=move || versions.with(|v| v.len() > 2)>
                <Plot title="Right answers by version" series x_label="version" unit=Unit::Share summary=words testid="versions-plot"/>
            </Show>
            <ol class="versions" data-testid="versions" reversed=true>{list}</ol>
        </section>
    }
}

/// One version.
#[component]
fn VersionItem(
    /// The model.
    model: ModelView,
    /// The version.
    version: Version,
    /// Whether it is the newest.
    head: bool,
) -> impl IntoView {
    let app = use_app();
    let genesis = version.id == 0;
    let words = match genesis {
        true => "The first parameters, untrained".to_owned(),
        false => format!(
            "{} right, trained from version {}",
            format::ppm(version.accuracy_ppm),
            version.parent
        ),
    };
    let (id, digest) = (version.id, version.parameters);
    let download = move |_| spawn_local(save(app, model, id, digest));
    view! {
        <li class="version" class:head=head data-testid="version">
            <span class="version-number">{format!("v{id}")}</span>
            <div class="version-text">
                <span>{words} " " {head.then(|| view! { <span class="badge">"newest"</span> })}</span>
                <AddressTag address=version.author/>
            </div>
            <button class="button quiet" on:click=download aria-label=format!("Download the parameters of version {id}")>
                {icons::download()} <span class="wide-only">"Parameters"</span>
            </button>
        </li>
    }
}

async fn save(app: crate::app::App, model: ModelView, id: u32, digest: Digest) {
    let toast = app.toasts.push(Kind::Progress, format!("Fetching version {id}…"));
    match blobs::get(&app.config(), digest, "the parameter file").await {
        Ok(bytes) => {
            browser::download(&format!("{}-v{id}.safetensors", model.symbol()), &bytes);
            toast.update(Kind::Success, format!("Version {id} was saved."));
        }
        Err(error) => toast.update(Kind::Error, sentence(&error.to_string())),
    }
}
