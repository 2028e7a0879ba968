//! A finished training: what it brought, and publishing it for its reward.

use leptos::prelude::*;
use leptos_router::components::A;
use wasm_bindgen_futures::spawn_local;

use super::{
    ModelView,
    training::{Curves, Device, Notice},
};
use crate::{
    app::use_app,
    browser,
    chain::quotes,
    components::{icons, stages::Stages, toasts::Kind},
    format,
    jobs::{
        hand_in::{self, Progress, Published},
        keep,
        machine::{Finished, Job},
    },
    press::Press,
    store::blobs,
};

/// Result, and the way to its reward.
#[component]
pub(super) fn Publish(
    /// The model.
    model: ModelView,
) -> impl IntoView {
    let app = use_app();
    let published = RwSignal::new(None::<Published>);
    let Some(finished) = app.trainer.state.with_untracked(|s| s.finished.clone()) else {
        return ().into_any();
    };
    let has_curve = app.trainer.state.with_untracked(|s| !s.losses.is_empty());
    let (before, after) = (finished.before.accuracy_ppm, finished.after.accuracy_ppm);
    let better = after > before;
    let examples = u64::from(finished.after.examples);
    let finished = StoredValue::new(finished);
    view! {
        <section class="panel">
            <Notice/>
            <div class="run-head">
                <div>
                    <h2>{if better { "Your training worked" } else { "Your training is done" }}</h2>
                    <Device/>
                </div>
            </div>
            <div class="result">
                <div class="result-number">
                    <span class="muted">{format!("{} before", model.measure())}</span>
                    <strong>{format::ppm(before)}</strong>
                </div>
                <span class="result-arrow">{icons::arrow()}</span>
                <div class="result-number" class:good=better>
                    <span class="muted">"after"</span>
                    <strong data-testid="accuracy-value">{format::ppm(after)}</strong>
                </div>
                <p class="muted">{format!("measured on {} it never learnt from", format::plural(examples, "example"))}</p>
            </div>
            {(!better).then(|| view! {
                <p class="callout warn">
                    {icons::alert()}
                    <span>"This training did not improve the model. Publishing it would make the newest version no better; a longer training may."</span>
                </p>
            })}
            {move || match published.get() {
                Some(done) => view! { <Done model done/> }.into_any(),
                None => view! { <Offer model finished published/> }.into_any(),
            }}
            {has_curve.then(|| view! { <Curves model/> })}
        </section>
    }
    .into_any()
}

/// The reward was received.
#[component]
fn Done(
    /// The model.
    model: ModelView,
    /// What was received.
    done: Published,
) -> impl IntoView {
    let app = use_app();
    let base = format!("/model/{}", model.address);
    view! {
        <div class="reward" role="status">
            <p class="reward-line">
                "You earned "
                <strong data-testid="reward-received">{model.amount(done.reward)}</strong>
            </p>
            <p class="muted">
                {match done.version {
                    Some(version) => format!("Your training is version {version}."),
                    None => "Your training is part of this round; the next version is the average of all of them. History shows how far it is.".to_owned(),
                }}
                {done.balance.map(|balance| format!(" You now have {}.", model.amount(balance)))}
            </p>
            <div class="actions">
                <A href=format!("{base}/use") attr:class="button primary">"Use the model"</A>
                <A href=format!("/job/{}", done.job) attr:class="button">"See the job"</A>
                <button class="button" data-testid="train-again" on:click=move |_| app.trainer.dismiss()>"Train again"</button>
            </div>
        </div>
    }
}

/// The reward is offered, or the base is old.
#[component]
fn Offer(
    /// The model.
    model: ModelView,
    /// The training.
    finished: StoredValue<Finished>,
    /// Set once it was published.
    published: RwSignal<Option<Published>>,
) -> impl IntoView {
    let app = use_app();
    let press = Press::new();
    let Press { busy, problem } = press;
    let (base, steps) = finished.with_value(|f| (f.job.base, f.job.steps));
    let announced = finished.with_value(|f| f.job.announced.is_some());
    let submitted = RwSignal::new(finished.with_value(|f| f.submitted));
    let stage = RwSignal::new(None::<usize>);
    let left = RwSignal::new(None::<u64>);
    let blocked = RwSignal::new(false);
    let head = Memo::new(move |_| model.detail.with(|d| d.summary.head));
    let paid = Memo::new(move |_| match announced {
        true => steps,
        false => model.detail.with(|d| hand_in::paid_steps(d, steps)),
    });
    let reward = Memo::new(move |_| model.detail.with(|d| quotes::reward(d, paid.get())));
    let publish = move |_| {
        press.run(async move {
            let progress = Progress { stage, left, submitted, blocked };
            let done = hand_in::run(app, model.detail, finished, progress).await;
            stage.set(None);
            left.set(None);
            published.set(Some(done?));
            Ok(())
        });
    };
    let settle_others = move |_| {
        press.run(async move {
            hand_in::settle_others(app, model.detail).await?;
            blocked.set(false);
            Ok(())
        });
    };
    let download = move |_| {
        let finished = finished.get_value();
        spawn_local(async move {
            let name =
                format!("{}-trained-on-v{}.safetensors", finished.job.symbol, finished.job.base);
            let saved = match blobs::kept(finished.parameters).await {
                Some(bytes) => browser::download(&name, &bytes),
                None => false,
            };
            if !saved {
                app.toasts.push(Kind::Error, "The parameters are not in this browser any more.");
            }
        });
    };
    let train_on = move |_| {
        let old = finished.get_value();
        let seed = browser::seed();
        let base = head.get_untracked();
        keep::drop_finished(&old.job.key);
        let key = format!("{:#x}-v{base}-{seed}", model.address);
        app.trainer.start(Job { key, base, seed, announced: None, ..old.job }, None);
    };
    let discard = move |_| {
        finished.with_value(|f| keep::drop_finished(&f.job.key));
        app.trainer.dismiss();
    };
    let stale = move || head.get() != base && !busy.get() && submitted.get().is_none();
    view! {
        <Show
            when=stale
            fallback=move || view! {
                <div class="offer">
                    <button
                        class="button primary huge"
                        data-testid="publish-training"
                        disabled=move || busy.get()
                        on:click=publish
                    >
                        {move || busy.get().then(icons::spinner)}
                        {move || match (busy.get(), submitted.get()) {
                            (true, _) => "Publishing…",
                            (false, None) => "Publish and earn",
                            (false, Some(_)) if announced => "Publish and earn",
                            (false, Some(_)) => "Go on with publishing",
                        }}
                    </button>
                    <p class="start-reward">
                        "Earns " <strong data-testid="reward-expected">{move || model.amount(reward.get())}</strong>
                        <span class="muted">" from the pool"</span>
                    </p>
                    <p class="muted offer-terms">{move || terms(model, paid.get(), steps)}</p>
                    <Stages names=&hand_in::STAGES now=stage/>
                    {move || left.get().map(|left| view! {
                        <p class="muted" data-testid="window-left">
                            {format!("Others can check and doubt it for another {}.", format::duration(left as f64))}
                        </p>
                    })}
                    {move || submitted.get().map(|id| view! {
                        <A href=format!("/job/{id}") attr:data-testid="job-link">{format!("Job {id}")}</A>
                    })}
                </div>
            }
        >
            <div class="callout warn" data-testid="stale-base">
                {icons::alert()}
                <div>
                    <p>
                        {move || format!(
                            "While you trained on version {base}, version {} was published. Rewards go to trainings of the newest version, so this one cannot be published; your parameters stay yours.",
                            head.get()
                        )}
                    </p>
                    <button class="button primary" data-testid="train-on-head" on:click=train_on>
                        {move || format!("Train on version {}", head.get())}
                    </button>
                </div>
            </div>
        </Show>
        <Show when=move || blocked.get() && !stale()>
            <div class="callout warn" data-testid="round-closed">
                {icons::alert()}
                <div>
                    <p>"Somebody else’s training of this version was handed in first, and nobody has settled it yet. Yours is kept. Once it is settled, you can train on from it."</p>
                    <button class="button" data-testid="settle-others" disabled=move || busy.get() on:click=settle_others>
                        "Settle it"
                    </button>
                </div>
            </div>
        </Show>
        {move || problem.get().map(|problem| view! {
            <p class="callout bad" role="alert" data-testid="publish-error">{icons::alert()} <span>{problem}</span></p>
        })}
        <div class="actions quiet">
            <button class="button quiet" data-testid="download-parameters" on:click=download>
                {icons::download()} "Download parameters"
            </button>
            <button class="button quiet" data-testid="discard-training" disabled=move || busy.get() || (submitted.get().is_some() && !announced) on:click=discard>
                "Discard"
            </button>
        </div>
    }
}

/// What publishing takes besides the work, in a sentence.
fn terms(model: ModelView, paid: u32, steps: u32) -> String {
    let (bond, window) = model
        .detail
        .with(|d| (d.stake(d.rules.bond), format::duration(f64::from(d.rules.challenge_window))));
    let limit = match paid < steps {
        true => format!(
            " A training that was not announced beforehand is paid for {} at most.",
            format::plural(u64::from(paid), "step")
        ),
        false => String::new(),
    };
    format!(
        "You put {bond} at stake for {window}, while others can check your result, and get them back with the reward.{limit}"
    )
}
