//! One worker in one epoch: every job, and how its score follows.

use alloy_primitives::{Address, U256};
use delea_ledger::{
    JobLine,
    message::{Event, Question},
};
use leptos::prelude::*;
use leptos_router::components::A;

use super::{super::ModelView, place, points, reading::Reading};
use crate::{
    components::{
        address::AddressTag,
        more::More,
        states::{Failure, Skeleton},
    },
    format,
    jobs::logbook::unexpected,
    load::{Load, use_load},
};

/// Jobs shown at first, and more at a time.
const PAGE: usize = 50;

/// How a score follows, in figures.
fn why(job: &JobLine) -> String {
    let weight = if job.training { "0.7" } else { "0.3" };
    let (latency, timeout) = (job.latency, job.timeout);
    match u64::from(latency) * 100 > u64::from(timeout) * 90 {
        true => format!("{latency} s is more than 90 % of {timeout} s: 0"),
        false => format!("{weight} × (1 − {latency} s ÷ {timeout} s)"),
    }
}

/// The panel.
#[component]
pub(super) fn WorkerPanel(
    /// The model.
    model: ModelView,
    /// The log.
    reading: Reading,
    /// The epoch, and how long the log was.
    at: (u64, u64),
    /// Who.
    worker: Address,
) -> impl IntoView {
    let (epoch, entries) = at;
    let jobs = use_load(
        move || Some(entries),
        move |_| async move {
            match reading.ask(Question::Jobs { epoch, worker: Some(worker) }).await? {
                Event::Jobs(jobs) => Ok(jobs),
                _ => Err(unexpected()),
            }
        },
    );
    let shown = RwSignal::new(PAGE);
    let body = move || match jobs.get() {
        Load::Waiting => view! { <Skeleton lines=3/> }.into_any(),
        Load::Failed(reason) => {
            view! { <Failure title="The jobs could not be read" reason/> }.into_any()
        }
        Load::Ready(jobs) => {
            let all = jobs.len();
            let total = jobs.iter().map(|job| job.score).sum::<u128>();
            let rows = jobs.into_iter().take(shown.get()).map(|job| {
                let what = match job.training {
                    true => format!("Training, {}", format::plural(u64::from(job.units), "step")),
                    false => format!("Inference, {}", format::plural(u64::from(job.units), "example")),
                };
                view! {
                    <tr data-testid="scored-job">
                        <td data-label="Job"><A href=format!("/job/{}", job.job)>{format!("Job {}", job.job)}</A></td>
                        <td data-label="What">{what}</td>
                        <td data-label="Block" class="number">{format::count(job.block)}</td>
                        <td data-label="Paid" class="number">{model.amount(U256::from(job.amount))}</td>
                        <td data-label="Why">{why(&job)}</td>
                        <td data-label="Score" class="number">{points(job.score)}</td>
                    </tr>
                }
            });
            view! {
                <div class="table-scroll" tabindex="0" role="region" aria-label="Jobs of the worker">
                    <table class="table cards-below">
                        <thead>
                            <tr>
                                <th scope="col">"Job"</th>
                                <th scope="col">"What"</th>
                                <th scope="col" class="number">"Block"</th>
                                <th scope="col" class="number">"Paid"</th>
                                <th scope="col">"Why"</th>
                                <th scope="col" class="number">"Score"</th>
                            </tr>
                        </thead>
                        <tbody>{rows.collect_view()}</tbody>
                        <tfoot>
                            <tr>
                                <td colspan="5">{format!("Sum of {}", format::plural(all as u64, "job"))}</td>
                                <td class="number" data-testid="worker-total">{points(total)}</td>
                            </tr>
                        </tfoot>
                    </table>
                </div>
                <More shown all step=PAGE/>
            }
            .into_any()
        }
    };
    view! {
        <section class="panel" data-testid="worker-panel">
            <h2>{format!("One worker in epoch {}", format::count(epoch))}</h2>
            <p><AddressTag address=worker/></p>
            {body}
            <A href=place(model.address, epoch, None) scroll=false attr:class="button quiet">"Back to all workers"</A>
        </section>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_is_told_in_figures() {
        let job = |training, latency| JobLine {
            number: 1,
            job: 1,
            training,
            units: 1,
            amount: 0,
            latency,
            timeout: 100,
            block: 0,
            score: 0,
        };
        assert_eq!(why(&job(true, 10)), "0.7 × (1 − 10 s ÷ 100 s)");
        assert_eq!(why(&job(false, 90)), "0.3 × (1 − 90 s ÷ 100 s)");
        assert!(why(&job(false, 91)).ends_with(": 0"));
    }
}
