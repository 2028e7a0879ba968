//! A finished training: what it brought, and publishing it for its reward.

use alloy_primitives::U256;
use delea_model_runtime::message::Request;
use leptos::prelude::*;
use leptos_router::components::A;
use wasm_bindgen_futures::spawn_local;

use super::{
    ModelView,
    training::{Curves, Device, Notice},
};
use crate::{
    app::{App, use_app},
    browser,
    chain::{
        contracts::{self, Submission},
        quotes,
        transaction::{self, DEADLINE_S, Deed, TxError},
    },
    components::{icons, toasts::Kind},
    format,
    jobs::{
        keep,
        machine::{Finished, Job},
        trainer::sentence,
    },
    store::blobs,
};

/// What publishing brought.
#[derive(Debug, Clone, PartialEq)]
struct Published {
    reward: U256,
    version: u32,
    balance: Option<U256>,
}

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
                    <span class="muted">"Right answers before"</span>
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
            {has_curve.then(|| view! { <Curves/> })}
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
                {format!("Your training is version {}.", done.version)}
                {done.balance.map(|balance| format!(" You now have {}.", model.amount(balance)))}
            </p>
            <div class="actions">
                <A href=format!("{base}/use") attr:class="button primary">"Use the model"</A>
                <A href=format!("{base}/history") attr:class="button">"See it in the history"</A>
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
    let busy = RwSignal::new(false);
    let problem = RwSignal::new(None::<String>);
    let (base, steps) = finished.with_value(|f| (f.job.base, f.job.steps));
    let head = Memo::new(move |_| model.detail.with(|d| d.summary.head));
    let reward = Memo::new(move |_| model.detail.with(|d| quotes::reward(d, steps)));
    let publish = move |_| {
        busy.set(true);
        problem.set(None);
        spawn_local(async move {
            match submit(app, model, finished.get_value()).await {
                Ok(done) => published.set(Some(done)),
                Err(error) => problem.set(error),
            }
            busy.set(false);
        });
    };
    let download = move |_| {
        let finished = finished.get_value();
        spawn_local(async move {
            let name =
                format!("{}-trained-on-v{}.safetensors", finished.job.symbol, finished.job.base);
            let saved = match blobs::cached(finished.parameters).await {
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
        app.trainer.start(Job { key, base, seed, ..old.job }, None);
    };
    let discard = move |_| {
        finished.with_value(|f| keep::drop_finished(&f.job.key));
        app.trainer.dismiss();
    };
    let stale = move || head.get() != base && !busy.get();
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
                        {move || if busy.get() { "Publishing…" } else { "Publish and earn" }}
                    </button>
                    <p class="start-reward">
                        "Earns " <strong data-testid="reward-expected">{move || model.amount(reward.get())}</strong>
                        <span class="muted">" from the pool"</span>
                    </p>
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
        {move || problem.get().map(|problem| view! {
            <p class="callout bad" role="alert" data-testid="publish-error">{icons::alert()} <span>{problem}</span></p>
        })}
        <div class="actions quiet">
            <button class="button quiet" data-testid="download-parameters" on:click=download>
                {icons::download()} "Download parameters"
            </button>
            <button class="button quiet" data-testid="discard-training" disabled=move || busy.get() on:click=discard>
                "Discard"
            </button>
        </div>
    }
}

/// Uploads the parameters and settles the training. Errors are sentences; none if the visitor was
/// told already.
async fn submit(
    app: App,
    model: ModelView,
    finished: Finished,
) -> Result<Published, Option<String>> {
    let config = app.config();
    let say = |error: String| Some(sentence(&error));
    let parameters = blobs::cached(finished.parameters).await.ok_or_else(|| {
        say("the parameters are not in this browser any more, so there is nothing to publish"
            .into())
    })?;
    let detail = contracts::detail(&app.rpc(), config.factory, model.address)
        .await
        .map_err(|e| say(e.to_string()))?;
    model.detail.set(detail.clone());
    if detail.summary.head != finished.job.base {
        // The page now offers what can be done about it.
        return Err(None);
    }
    let account = app.wallets.account_or_ask().await.ok_or(None)?;
    blobs::put(&config, &parameters, "the parameter file").await.map_err(|e| say(e.to_string()))?;
    let submission = Submission {
        base: finished.job.base,
        steps: finished.job.steps,
        parameters: finished.parameters,
        checkpoint_root: finished.checkpoint_root,
        accuracy_ppm: finished.after.accuracy_ppm,
        min_reward: quotes::least(quotes::reward(&detail, finished.job.steps)),
        deadline: browser::now() + DEADLINE_S,
    };
    let call = contracts::train_call(&submission);
    let receipt = transaction::send(
        app,
        Deed { doing: "Publishing", done: "Your training is published." },
        model.address,
        call,
    )
    .await
    .map_err(TxError::told)?;
    let job = contracts::Job::of(&receipt)
        .ok_or_else(|| say("the chain settled something else than a training".into()))?;
    keep::drop_finished(&finished.job.key);
    app.trainer.state.update(|state| state.published = true);
    let key = finished.job.key.clone();
    spawn_local(async move {
        // What is published needs no checkpoint.
        let _ = app.pool.ask_cpu(Request::DropCheckpoint { job: key }).await;
    });
    let balance = contracts::balance(&app.rpc(), model.address, account.address).await.ok();
    Ok(Published { reward: job.amount, version: job.version, balance })
}
