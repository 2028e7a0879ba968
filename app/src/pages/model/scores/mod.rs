//! The Scores tab: the job log read and scored in this tab, compared with the contract, and what each worker is paid.

mod act;
mod epoch;
mod reading;
mod worker;

use alloy_primitives::Address;
use delea_ledger::{EpochHead, message::Overview};
use delea_scoring::{EPOCH_BLOCKS, WAD, epoch_of};
use futures_util::future::try_join_all;
use leptos::prelude::*;
use leptos_router::{components::A, hooks::use_query_map};

use super::ModelView;
use crate::{
    app::use_app,
    chain::scores::{self, Epoch, Status},
    components::{
        more::More,
        plot::{Plot, Series},
        states::Empty,
    },
    format,
    load::use_load,
};
use reading::{Reading, Source};

/// Epochs shown at first, and more at a time.
const PAGE: usize = 20;

/// A score with four decimals.
fn points(score: u128) -> String {
    format!("{:.4}", score as f64 / WAD as f64)
}

/// A share as percent.
fn share(part: u128) -> String {
    format::percent(part as f64 / WAD as f64)
}

/// The address of an epoch, and of one worker in it.
fn place(model: Address, epoch: u64, worker: Option<Address>) -> String {
    match worker {
        Some(worker) => format!("/model/{model}/scores?epoch={epoch}&worker={worker}"),
        None => format!("/model/{model}/scores?epoch={epoch}"),
    }
}

/// An epoch's state in words.
fn status_words(epoch: u64, held: &Epoch, now: u64) -> &'static str {
    match held.status {
        _ if epoch >= now => "goes on",
        Status::Open => "waits for weights",
        Status::Posted if held.doubted => "before a jury",
        Status::Posted => "weights posted",
        Status::Weighted => "divided by weights",
        Status::Shared => "divided by scores",
    }
}

/// The tab.
#[component]
pub(super) fn Scores(
    /// The model.
    model: ModelView,
) -> impl IntoView {
    let reading = Reading::start(use_app(), model.address);
    let query = use_query_map();
    let chosen = Memo::new(move |_| query.with(|q| q.get("epoch")?.parse::<u64>().ok()));
    let worker = Memo::new(move |_| query.with(|q| q.get("worker")?.parse::<Address>().ok()));
    let body = move || {
        let overview = reading.overview.get()?;
        let Some(last) = overview.epochs.last().map(|head| head.epoch) else {
            return Some(view! { <Nobody model/> }.into_any());
        };
        Some(view! { <Epochs model overview last chosen/> }.into_any())
    };
    let epoch = Memo::new(move |_| {
        let overview = reading.overview.get()?;
        let number = chosen.get().or(overview.epochs.last().map(|head| head.epoch))?;
        Some((number, overview.entries))
    });
    view! {
        <section class="panel">
            <h2>"Who did the work, and what it is worth"</h2>
            <p class="muted">
                "Each job scores its kind’s weight (training 0.7, inference 0.3) times the share of the time that was left. Every "
                {EPOCH_BLOCKS}
                " blocks, workers are ranked by their scores, and what inferences paid is divided by rank. Nothing here is taken on trust: this tab reads every settled job from the chain and computes all of it again."
            </p>
            <Source reading/>
        </section>
        {body}
        {move || epoch.get().map(|(number, entries)| view! {
            <epoch::EpochPanel model reading number entries chosen=worker/>
        })}
    }
}

/// Nobody has worked for others yet.
#[component]
fn Nobody(
    /// The model.
    model: ModelView,
) -> impl IntoView {
    view! {
        <Empty title="No job has been scored yet">
            <p class="muted">"Trainings that were handed in as jobs and questions that workers answered are scored here."</p>
            <A href=format!("/model/{}/train", model.address) attr:class="button primary">"Train it"</A>
        </Empty>
    }
}

/// All epochs.
#[component]
fn Epochs(
    /// The model.
    model: ModelView,
    /// What was read.
    overview: Overview,
    /// The newest epoch in which anybody worked.
    last: u64,
    /// The one whose details are on view.
    chosen: Memo<Option<u64>>,
) -> impl IntoView {
    let app = use_app();
    let line = |part: fn(&EpochHead) -> u128| {
        let points =
            overview.epochs.iter().map(|head| (head.epoch as f64, part(head) as f64 / WAD as f64));
        points.collect::<Vec<_>>()
    };
    let series = vec![
        Series::new("trainings", line(|head| head.train)),
        Series::new("inferences", line(|head| head.total - head.train)),
    ];
    let words = format!(
        "{} were scored in {}.",
        format::plural(
            overview.epochs.iter().map(|head| u64::from(head.trainings + head.inferences)).sum(),
            "job"
        ),
        format::plural(overview.epochs.len() as u64, "epoch"),
    );
    let shown = RwSignal::new(PAGE);
    let all = overview.epochs.len();
    let entries = overview.entries;
    let heads = StoredValue::new(overview.epochs);
    let held = use_load(
        move || Some((app.revision(), shown.get(), entries)),
        move |(_, shown, _)| async move {
            let (rpc, contract) = (app.rpc(), app.config().contracts.scores);
            let numbers: Vec<u64> = heads.with_value(|heads| {
                heads.iter().rev().take(shown).map(|head| head.epoch).collect()
            });
            let one = |number| scores::epoch(&rpc, contract, model.address, number);
            try_join_all(numbers.into_iter().map(one)).await
        },
    );
    let rows = move || {
        let now = epoch_of(app.block.get());
        let at = chosen.get().unwrap_or(last);
        heads.with_value(|heads| {
            let row = |(i, head): (usize, &EpochHead)| {
                let state = held.with(|held| {
                    let held = held.ready()?.get(i)?.clone();
                    Some((status_words(head.epoch, &held, now), held))
                });
                let paid = state.as_ref().map(|(_, held)| match held.is_final() {
                    true => model.amount(held.emission),
                    false => "—".to_owned(),
                });
                view! {
                    <tr data-testid="epoch" data-epoch=head.epoch aria-current=(head.epoch == at).then_some("true")>
                        <td data-label="Epoch">
                            <A href=place(model.address, head.epoch, None) scroll=false>{format!("Epoch {}", format::count(head.epoch))}</A>
                        </td>
                        <td data-label="Workers" class="number">{format::count(u64::from(head.workers))}</td>
                        <td data-label="Trainings" class="number">{format::count(u64::from(head.trainings))}</td>
                        <td data-label="Inferences" class="number">{format::count(u64::from(head.inferences))}</td>
                        <td data-label="Scores" class="number">{points(head.total)}</td>
                        <td data-label="Paid" class="number">{paid}</td>
                        <td data-label="State">{state.map(|(words, _)| words)}</td>
                    </tr>
                }
            };
            heads.iter().rev().take(shown.get()).enumerate().map(row).collect_view()
        })
    };
    let plot = (all > 1).then(|| {
        let summary = words.clone();
        view! {
            <Plot title="Scores of each epoch" series=Signal::stored(series) x_label="epoch" summary=Signal::stored(summary) testid="epoch-plot"/>
        }
    });
    view! {
        <section class="panel">
            <h2>"Epochs"</h2>
            {plot}
            <p class="small-print muted">{words}</p>
            <div class="table-scroll" tabindex="0" role="region" aria-label="Epochs">
                <table class="table cards-below" data-testid="epochs">
                    <thead>
                        <tr>
                            <th scope="col">"Epoch"</th>
                            <th scope="col" class="number">"Workers"</th>
                            <th scope="col" class="number">"Trainings"</th>
                            <th scope="col" class="number">"Inferences"</th>
                            <th scope="col" class="number">"Scores"</th>
                            <th scope="col" class="number">"Paid"</th>
                            <th scope="col">"State"</th>
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            </div>
            <More shown all step=PAGE/>
        </section>
    }
}
