//! The Train tab: set up, watch, publish.

use leptos::prelude::*;
use leptos_router::components::A;
use wasm_bindgen_futures::spawn_local;

use super::{ModelView, publish::Publish, training::Running};
use crate::{
    app::use_app,
    browser,
    chain::{contracts::Detail, quotes},
    components::{
        field::{Radio, Slider},
        icons,
        plot::{Plot, Series},
        states::{Failure, Skeleton},
    },
    format,
    jobs::{
        hand_in, keep,
        machine::{Choice, Job, Phase},
    },
    load::Load,
};

/// The slider's ends around the default number of steps.
const FEWEST: u32 = 10;
const MOST: u32 = 5;

/// What the tab shows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Show {
    Setup,
    Busy,
    Running,
    Finished,
    Failed,
}

/// The tab.
#[component]
pub(super) fn Train(
    /// The model.
    model: ModelView,
) -> impl IntoView {
    let app = use_app();
    let state = app.trainer.state;
    // Its reward was seen when the tab was left; coming back is for the next one.
    if state.with_untracked(|s| s.published) {
        app.trainer.dismiss();
    }
    // A training that was finished on an earlier visit waits here to be published.
    if state.with_untracked(|s| s.phase == Phase::Idle)
        && let Some(finished) = keep::finished_for(model.address)
    {
        app.trainer.show_finished(finished);
    }
    let show = Memo::new(move |_| {
        state.with(|s| {
            let ours = s.job.as_ref().is_some_and(|job| job.model == model.address);
            match s.phase {
                Phase::Idle => Show::Setup,
                phase if !ours && phase.is_open() => Show::Busy,
                _ if !ours => Show::Setup,
                Phase::Finished => Show::Finished,
                Phase::Failed => Show::Failed,
                Phase::Starting | Phase::Training | Phase::Paused => Show::Running,
            }
        })
    });
    let phase = Memo::new(move |_| {
        if matches!(show.get(), Show::Setup | Show::Busy) {
            Phase::Idle
        } else {
            state.with(|s| s.phase)
        }
    });
    let step = Memo::new(move |_| state.with(|s| s.step));
    view! {
        <div
            data-testid="training-status"
            data-phase=move || phase.get().name()
            data-step=move || step.get().to_string()
        >
            <p class="visually-hidden" role="status">{move || spoken(phase.get())}</p>
            {move || match show.get() {
                Show::Setup => view! { <Setup model/> }.into_any(),
                Show::Busy => view! { <Busy/> }.into_any(),
                Show::Running => view! { <Running model/> }.into_any(),
                Show::Finished => view! { <Publish model/> }.into_any(),
                Show::Failed => view! { <Stopped/> }.into_any(),
            }}
        </div>
    }
}

fn spoken(phase: Phase) -> &'static str {
    match phase {
        Phase::Idle => "",
        Phase::Starting => "Training starts.",
        Phase::Training => "Training.",
        Phase::Paused => "Training paused.",
        Phase::Finished => "Training finished.",
        Phase::Failed => "Training stopped by an error.",
    }
}

/// Another model is being trained.
#[component]
fn Busy() -> impl IntoView {
    let state = use_app().trainer.state;
    let job = state.with_untracked(|s| s.job.clone());
    let (name, link) =
        job.map(|j| (j.name, format!("/model/{}/train", j.model))).unwrap_or_default();
    view! {
        <div class="state">
            <h2>{format!("{name} is training in this tab")}</h2>
            <p class="muted">"One training runs at a time, so that each gets the whole device. Finish or cancel it first."</p>
            <A href=link attr:class="button primary">"Go to that training"</A>
        </div>
    }
}

/// The training failed.
#[component]
fn Stopped() -> impl IntoView {
    let app = use_app();
    let (job, reason) =
        app.trainer.state.with_untracked(|s| (s.job.clone(), s.error.clone().unwrap_or_default()));
    let again = move |_| {
        if let Some(job) = job.clone() {
            app.trainer.start(job, None);
        }
    };
    view! {
        <Failure title="The training stopped" reason>
            <button class="button primary" data-testid="retry-training" on:click=again>
                "Go on from the last checkpoint"
            </button>
            <button class="button" on:click=move |_| app.trainer.cancel()>"Give it up"</button>
        </Failure>
    }
}

/// Before the training.
#[component]
fn Setup(
    /// The model.
    model: ModelView,
) -> impl IntoView {
    move || match model.manifest.get() {
        Load::Waiting => view! { <Skeleton lines=4/> }.into_any(),
        Load::Failed(reason) => {
            view! { <Failure title="The model’s description is missing" reason/> }.into_any()
        }
        Load::Ready(manifest) => {
            view! { <Start model default=manifest.training.steps/> }.into_any()
        }
    }
}

/// The start button and what can be chosen.
#[component]
fn Start(
    /// The model.
    model: ModelView,
    /// Steps that the model's maker proposes.
    default: u32,
) -> impl IntoView {
    let app = use_app();
    let least = (default / FEWEST).max(1);
    let most = default.saturating_mul(MOST).max(least + 1);
    let steps = RwSignal::new(f64::from(default));
    let choice = RwSignal::new(Choice::Automatic);
    let chosen = move || steps.get().max(1.0) as u32;
    let announce = RwSignal::new(false);
    let busy = RwSignal::new(false);
    let problem = RwSignal::new(None::<String>);
    let paid = move |detail: &Detail, steps: u32| match announce.get() {
        true => steps,
        false => hand_in::paid_steps(detail, steps),
    };
    let reward = Memo::new(move |_| model.detail.with(|d| quotes::reward(d, paid(d, chosen()))));
    let untrained = move || model.detail.with(|d| d.summary.trainings() == 0);
    let start = move |_| {
        let (name, symbol, base) = model
            .detail
            .with_untracked(|d| (d.summary.name.clone(), d.summary.symbol.clone(), d.summary.head));
        let seed = browser::seed();
        let job = Job {
            key: format!("{:#x}-v{base}-{seed}", model.address),
            model: model.address,
            name,
            symbol,
            base,
            steps: chosen(),
            seed,
            choice: choice.get_untracked(),
            paused: false,
            announced: None,
        };
        if !announce.get_untracked() {
            return app.trainer.start(job, None);
        }
        busy.set(true);
        problem.set(None);
        spawn_local(async move {
            match hand_in::announce(app, model.address, job.steps).await {
                Ok((announced, seed)) => {
                    let key = format!("{:#x}-v{base}-{seed}", model.address);
                    // Only the exact tier gives the same bits everywhere.
                    let choice = Choice::Cpu;
                    app.trainer
                        .start(Job { key, seed, choice, announced: Some(announced), ..job }, None);
                }
                Err(error) => problem.set(error),
            }
            busy.try_set(false);
        });
    };
    let curve = Signal::derive(move || {
        let points = model.detail.with(|d| quotes::reward_by_steps(d, most));
        vec![Series::new("reward", points)]
    });
    let words = Signal::derive(move || {
        format!(
            "An announced training of {} earns {}, one of {} earns {}.",
            format::plural(u64::from(default), "step"),
            model.amount(model.detail.with(|d| quotes::reward(d, default))),
            format::plural(u64::from(most), "step"),
            model.amount(model.detail.with(|d| quotes::reward(d, most))),
        )
    });
    view! {
      <div class="columns even">
        <section class="panel start-panel">
            <h2>"Teach this model in your tab"</h2>
            <p class="muted">
                {move || if untrained() {
                    "Nobody has trained it here yet. Your training is the first, and the first earn most."
                } else {
                    "You take the newest version, your computer trains it further, and you publish the result if you like. Nothing leaves your tab until then."
                }}
            </p>
            <button class="button primary huge" data-testid="start-training" disabled=move || busy.get() on:click=start>
                {move || busy.get().then(icons::spinner)}
                {move || if busy.get() { "Announcing…" } else { "Start training" }}
            </button>
            {move || problem.get().map(|problem| view! {
                <p class="callout bad" role="alert" data-testid="announce-error">{icons::alert()} <span>{problem}</span></p>
            })}
            <p class="start-reward">
                "Earns about "
                <strong data-testid="reward-expected">{move || model.amount(reward.get())}</strong>
                <span class="muted">" when you publish it"</span>
            </p>
            <Slider
                id="steps"
                label="How long"
                value=steps
                min=f64::from(least)
                max=f64::from(most)
                step=1.0
                words=Signal::derive(move || format::plural(u64::from(chosen()), "step"))
                help="More steps earn more. Many short trainings in a row earn no more than one long one."
            />
            <details class="more" data-testid="options">
                <summary>"Options"</summary>
                <label class="check">
                    <input type="checkbox" data-testid="announce" prop:checked=announce
                        on:change:target=move |event| announce.set(event.target().checked())/>
                    <span>
                        "Announce it first, on the CPU"
                        <span class="muted">
                            {move || model.detail.with(|d| format!(
                                " The chain then gives the seed, so anyone can do it again bit for bit, and every step is paid; otherwise {} at most. Takes your wallet and a bond.",
                                format::plural(u64::from(d.summary.reference_steps), "step")
                            ))}
                        </span>
                    </span>
                </label>
                <fieldset class="choices">
                    <legend>"Device"</legend>
                    <Radio group="device" id="device-automatic" label="Automatic" words="The fastest for this model" value=Choice::Automatic chosen=choice/>
                    <Radio group="device" id="device-cpu" label="CPU" words="Works everywhere; exact, so anyone can repeat it bit for bit" value=Choice::Cpu chosen=choice/>
                    <Radio group="device" id="device-gpu" label="GPU" words="Through WebGPU; falls back to the CPU" value=Choice::Gpu chosen=choice/>
                </fieldset>
            </details>
        </section>
        <section class="panel">
            <h2>"What it earns"</h2>
            <p class="muted">
                "A share of the tokens that are left in the pool. The longer you train, the more; and whoever comes first takes from a fuller pool."
            </p>
            <Plot
                title="Reward by length of the training"
                series=curve
                x_label="steps"
                summary=words
                testid="earning-plot"
            />
        </section>
      </div>
    }
}
