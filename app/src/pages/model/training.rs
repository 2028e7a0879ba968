//! A training while it runs: curves, speed, time left, and its controls.

use leptos::prelude::*;

use super::ModelView;
use crate::{
    app::use_app,
    chain::quotes,
    components::{
        icons,
        plot::{Plot, Series, Unit},
    },
    format,
    jobs::machine::{Phase, State},
};
use delea_model_runtime::message::Tier;

/// Progress, curves and buttons.
#[component]
pub(super) fn Running(
    /// The model.
    model: ModelView,
) -> impl IntoView {
    let app = use_app();
    let state = app.trainer.state;
    let phase = Memo::new(move |_| state.with(|s| s.phase));
    let steps = Memo::new(move |_| state.with(|s| s.job.as_ref().map_or(1, |job| job.steps)));
    let reward = Memo::new(move |_| model.detail.with(|d| quotes::reward(d, steps.get())));
    let percent = move || state.with(|s| f64::from(s.step) * 100.0 / f64::from(steps.get().max(1)));
    let headline = move || state.with(headline);
    view! {
        <section class="panel">
            <Notice/>
            <div class="run-head">
                <div>
                    <h2>{headline}</h2>
                    <Device/>
                </div>
                <div class="actions">
                    {move || match phase.get() {
                        Phase::Training => view! {
                            <button class="button" data-testid="pause-training" on:click=move |_| app.trainer.pause()>"Pause"</button>
                        }.into_any(),
                        Phase::Paused => view! {
                            <button class="button primary" data-testid="resume-training" on:click=move |_| app.trainer.resume()>"Resume"</button>
                        }.into_any(),
                        _ => ().into_any(),
                    }}
                    <button class="button" data-testid="cancel-training" on:click=move |_| app.trainer.cancel()>"Cancel"</button>
                </div>
            </div>
            <div
                class="progress"
                class:busy=move || phase.get() == Phase::Starting
                role="progressbar"
                aria-label="Training"
                aria-valuemin="0"
                aria-valuemax="100"
                aria-valuenow=move || format!("{:.0}", percent())
            >
                <span style:width=move || format!("{:.2}%", percent())></span>
            </div>
            <dl class="run-facts">
                <div>
                    <dt>"Step"</dt>
                    <dd>{move || state.with(|s| format!("{} of {}", format::count(u64::from(s.step)), format::count(u64::from(steps.get()))))}</dd>
                </div>
                <div>
                    <dt>{move || model.measure()}</dt>
                    <dd data-testid="accuracy-value">{move || state.with(|s| s.accuracy_ppm().map_or_else(|| "—".to_owned(), format::ppm))}</dd>
                </div>
                <div>
                    <dt>"Steps a second"</dt>
                    <dd data-testid="speed">{move || state.with(|s| if s.speed > 0.0 { format::number(f64::from(s.speed)) } else { "—".to_owned() })}</dd>
                </div>
                <div>
                    <dt>"Time left"</dt>
                    <dd>{move || state.with(|s| s.seconds_left().map_or_else(|| "—".to_owned(), format::duration))}</dd>
                </div>
                <div>
                    <dt>"Will earn"</dt>
                    <dd data-testid="reward-expected">{move || model.amount(reward.get())}</dd>
                </div>
            </dl>
            <Curves model/>
        </section>
        <p class="muted small-print">
            "You can look around meanwhile, or close the tab: the training goes on from its last checkpoint when you come back."
        </p>
    }
}

fn headline(state: &State) -> String {
    match state.phase {
        Phase::Starting if state.preparing.is_empty() => "Getting ready…".to_owned(),
        Phase::Starting => state.preparing.clone(),
        Phase::Paused => "Paused".to_owned(),
        _ => "Learning…".to_owned(),
    }
}

/// What the visitor should know about the device.
#[component]
pub(super) fn Notice() -> impl IntoView {
    let state = use_app().trainer.state;
    let notice = Memo::new(move |_| state.with(|s| s.notice.clone()));
    move || {
        notice.get().map(|notice| view! {
            <p class="callout" data-testid="device-notice" role="status">{icons::info()} <span>{notice}</span></p>
        })
    }
}

/// The device at work.
#[component]
pub(super) fn Device() -> impl IntoView {
    let state = use_app().trainer.state;
    let device = Memo::new(move |_| state.with(|s| s.device.clone().map(|d| (d, s.why.clone()))));
    move || {
        device.get().map(|(device, why)| {
            let tier = match device.tier {
                Tier::Cpu => "cpu",
                Tier::Gpu => "gpu",
            };
            view! {
                <p class="muted">
                    "On " <span data-testid="device-used" data-tier=tier>{device.name}</span>
                    {why.map(|why| format!(". {why}"))}
                </p>
            }
        })
    }
}

/// The two curves.
#[component]
pub(super) fn Curves(
    /// The model.
    model: ModelView,
) -> impl IntoView {
    let state = use_app().trainer.state;
    let end = Memo::new(move |_| state.with(|s| s.job.as_ref().map(|job| f64::from(job.steps))));
    let losses = Signal::derive(move || {
        let points =
            state.with(|s| s.losses.iter().map(|(x, y)| (f64::from(*x), f64::from(*y))).collect());
        Series::smoothed("loss", points)
    });
    let accuracy = Signal::derive(move || {
        let points = state.with(|s| {
            s.evaluations
                .iter()
                .map(|e| (f64::from(e.step), f64::from(e.accuracy_ppm) / 1e6))
                .collect()
        });
        vec![Series::new(model.measure(), points)]
    });
    let loss_words = Signal::derive(move || {
        state.with(|s| match (s.losses.first(), s.losses.last()) {
            (Some(first), Some(last)) => {
                format!("Loss went from {:.3} to {:.3} by step {}.", first.1, last.1, last.0)
            }
            _ => "No step has been done yet.".to_owned(),
        })
    });
    let accuracy_words = Signal::derive(move || {
        state.with(|s| match (s.evaluations.first(), s.evaluations.last()) {
            (Some(first), Some(last)) => format!(
                "{} on held-out examples went from {} to {}.",
                model.measure(),
                format::ppm(first.accuracy_ppm),
                format::ppm(last.accuracy_ppm)
            ),
            _ => "Nothing has been measured yet.".to_owned(),
        })
    });
    let x_end = Signal::derive(move || end.get());
    view! {
        <div class="plots">
            <Plot title="Loss: how wrong it is" series=losses x_label="step" x_end summary=loss_words testid="loss-plot"/>
            <Plot
                title=format!("{} on examples it never saw", model.measure())
                series=accuracy
                x_label="step"
                unit=Unit::Share
                x_end
                summary=accuracy_words
                testid="accuracy-plot"
            />
        </div>
    }
}
