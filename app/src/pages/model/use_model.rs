//! The Use tab: an input, a price, an answer.

use std::sync::Arc;

use alloy_primitives::U256;
use delea_model_runtime::{
    content::Digest,
    manifest::Manifest,
    message::{Bytes, Event, Request, Tier},
    spec::{ModelSpec, Shape, Task},
};
use leptos::prelude::*;
use leptos_router::components::A;
use wasm_bindgen_futures::spawn_local;

use super::{
    ModelView,
    use_result::{Answer, AnswerView},
};
use crate::{
    app::{App, use_app},
    browser,
    chain::{
        contracts, quotes,
        transaction::{self, DEADLINE_S, Deed, TxError},
    },
    components::{
        draw::DrawCanvas,
        icons,
        sample::{Example, Picture},
        states::{Failure, Skeleton},
    },
    image::{Frame, Ink},
    input::{Pictures, numbers},
    jobs::trainer::sentence,
    load::Load,
    store::blobs,
};

/// Samples offered.
const SAMPLES: usize = 20;

/// The tab.
#[component]
pub(super) fn UseModel(
    /// The model.
    model: ModelView,
) -> impl IntoView {
    move || match model.manifest.get() {
        Load::Waiting => view! { <Skeleton lines=4/> }.into_any(),
        Load::Failed(reason) => {
            view! { <Failure title="The model’s description is missing" reason/> }.into_any()
        }
        Load::Ready(manifest) => view! { <Ask model manifest/> }.into_any(),
    }
}

/// What was paid for, to be answered even if the answer fails at first.
#[derive(Clone)]
struct Paid {
    input: Arc<Vec<f32>>,
    parameters: Digest,
    spec: ModelSpec,
    task: Task,
}

/// Input on one side, answer on the other.
#[component]
fn Ask(
    /// The model.
    model: ModelView,
    /// Its description.
    manifest: Arc<Manifest>,
) -> impl IntoView {
    let app = use_app();
    let spec = StoredValue::new(manifest.spec.clone());
    let picture = matches!(manifest.spec.input, Shape::Image { channels: 1 | 3, .. });
    let input = RwSignal::new(None::<Arc<Vec<f32>>>);
    let answer = RwSignal::new(None::<Answer>);
    let busy = RwSignal::new(false);
    let problem = RwSignal::new(None::<String>);
    let unanswered = RwSignal::new(None::<()>);
    let paid = StoredValue::new(None::<Paid>);
    // The worker and the parameters are on their way while the visitor still draws.
    spawn_local(async move {
        let _ = app.pool.get(Tier::Cpu).await;
        let parameters = model.detail.with_untracked(|d| d.summary.parameters);
        let _ = blobs::get(&app.config(), parameters, "the parameters").await;
    });
    let price = Memo::new(move |_| model.detail.with(|d| d.summary.price));
    let balance = Memo::new(move |_| model.tokens());
    let poor = move || balance.get().is_some_and(|balance| balance < price.get());
    let verb = match manifest.spec.task {
        Task::Classification { .. } => "Recognise",
        Task::Regression { .. } => "Predict",
    };
    // A changed input is another question: the old answer would look like its.
    Effect::new(move |before: Option<()>| {
        input.track();
        if before.is_some() && !busy.get_untracked() {
            answer.set(None);
            problem.set(None);
        }
    });
    let pay = move |_| {
        let Some(values) = input.get_untracked() else { return };
        busy.set(true);
        problem.set(None);
        answer.set(None);
        spawn_local(async move {
            match settle(app, model, &values).await {
                Ok(parameters) => {
                    let spec = spec.get_value();
                    let task = spec.task.clone();
                    let job = Paid { input: values, parameters, spec, task };
                    paid.set_value(Some(job.clone()));
                    finish(app, job, answer, problem, unanswered).await;
                }
                Err(error) => problem.set(error),
            }
            busy.set(false);
        });
    };
    let again = move |_| {
        let Some(job) = paid.get_value() else { return };
        busy.set(true);
        problem.set(None);
        spawn_local(async move {
            finish(app, job, answer, problem, unanswered).await;
            busy.set(false);
        });
    };
    let train = format!("/model/{}/train", model.address);
    view! {
        <div class="use">
            <section class="panel use-input">
                {if picture {
                    view! { <PictureInput model manifest=Arc::clone(&manifest) input/> }.into_any()
                } else {
                    view! { <NumberInput manifest=Arc::clone(&manifest) input/> }.into_any()
                }}
            </section>
            <section class="panel answer-panel" aria-label="Answer">
                <button
                    class="button primary huge"
                    data-testid="infer-pay"
                    disabled=move || busy.get() || input.with(Option::is_none) || poor()
                    on:click=pay
                >
                    {move || busy.get().then(icons::spinner)}
                    <span>
                        {verb}
                        " (pay "<span data-testid="price">{move || model.amount(price.get())}</span>")"
                    </span>
                </button>
                <p class="muted small-print">
                    {move || match balance.get() {
                        Some(balance) => format!("You have {}. What you pay goes back into the pool for trainers.", model.amount(balance)),
                        None => "You pay with the model’s own token; what you pay goes back into the pool for trainers.".to_owned(),
                    }}
                </p>
                <Show when=poor>
                    <p class="callout" data-testid="no-tokens">
                        {icons::info()}
                        <span>
                            {move || format!("You need {} for this. ", model.amount(price.get()))}
                            <A href=train.clone()>"Train once to earn some"</A>"."
                        </span>
                    </p>
                </Show>
                {move || problem.get().filter(|_| !poor()).map(|problem| view! {
                    <p class="callout bad" role="alert" data-testid="infer-error">{icons::alert()} <span>{problem}</span></p>
                })}
                {move || unanswered.get().map(|()| view! {
                    <button class="button" data-testid="answer-again" disabled=move || busy.get() on:click=again>
                        "Try again (you have paid)"
                    </button>
                })}
                <div aria-live="polite">
                    {move || match answer.get() {
                        Some(answer) => view! { <AnswerView answer/> }.into_any(),
                        None if input.with(Option::is_none) => view! {
                            <p class="answer-empty muted">"Draw, choose a picture or press a sample; the answer appears here."</p>
                        }.into_any(),
                        None => ().into_any(),
                    }}
                </div>
            </section>
            <section class="panel use-samples">
                <Samples model input/>
            </section>
        </div>
    }
}

/// Pays for one use; the parameters it was paid for. Errors are sentences, none if the visitor was
/// told already.
async fn settle(app: App, model: ModelView, input: &[f32]) -> Result<Digest, Option<String>> {
    let detail = contracts::detail(&app.rpc(), app.config().factory, model.address)
        .await
        .map_err(|e| Some(sentence(&e.to_string())))?;
    let bytes: Vec<u8> = input.iter().flat_map(|v| v.to_le_bytes()).collect();
    let max_price: U256 = quotes::most(detail.summary.price);
    let deadline = browser::now() + DEADLINE_S;
    let call = contracts::infer_call(detail.summary.head, Digest::of(&bytes), max_price, deadline);
    transaction::send(app, Deed { doing: "Paying", done: "Paid." }, model.address, call)
        .await
        .map_err(|error| match error {
            TxError::NotConnected => None,
            error => Some(sentence(&error.to_string())),
        })?;
    Ok(detail.summary.parameters)
}

/// Runs the model on what was paid for.
async fn finish(
    app: App,
    job: Paid,
    answer: RwSignal<Option<Answer>>,
    problem: RwSignal<Option<String>>,
    unanswered: RwSignal<Option<()>>,
) {
    match run(app, &job).await {
        Ok(row) => {
            unanswered.set(None);
            answer.set(Some(Answer { task: job.task, row }));
        }
        Err(error) => {
            unanswered.set(Some(()));
            problem.set(Some(sentence(&error)));
        }
    }
}

async fn run(app: App, job: &Paid) -> Result<Vec<f32>, String> {
    let parameters = blobs::get(&app.config(), job.parameters, "the parameters")
        .await
        .map_err(|e| e.to_string())?;
    let request = Request::Infer {
        spec: job.spec.clone(),
        parameters: Bytes::from(parameters),
        inputs: job.input.to_vec(),
    };
    match app.pool.ask_cpu(request).await.map_err(|e| e.to_string())? {
        Event::Outputs { rows } => {
            rows.into_iter().next().ok_or_else(|| "the model gave no answer".to_owned())
        }
        _ => Err("the worker gave an unexpected answer".to_owned()),
    }
}

/// Drawing and pictures.
#[component]
fn PictureInput(
    /// The model.
    model: ModelView,
    /// The model's description.
    manifest: Arc<Manifest>,
    /// Set to what was drawn or chosen.
    input: RwSignal<Option<Arc<Vec<f32>>>>,
) -> impl IntoView {
    let Shape::Image { channels, height, width } = manifest.spec.input else {
        return ().into_any();
    };
    // How large and bold the examples are; known once the data set is here.
    let frame = Memo::new(move |_| {
        model.preview.with(|preview| {
            let samples = &preview.ready()?.samples;
            Frame::of(samples.iter().map(|sample| sample.input.as_slice()), height, width)
        })
    });
    let drawing = RwSignal::new(None::<Ink>);
    Effect::new(move |_| {
        let pictures = Pictures { channels, height, width, frame: frame.get() };
        if let Some(values) = drawing.with(|ink| ink.as_ref().map(|ink| pictures.read_ink(ink))) {
            input.set(Some(Arc::new(values)));
        }
    });
    let clear = RwSignal::new(0u32);
    let problem = RwSignal::new(None::<String>);
    let over = RwSignal::new(false);
    let drawn = Callback::new(move |ink: Option<Ink>| {
        problem.set(None);
        if ink.is_none() {
            input.set(None);
        }
        drawing.set(ink);
    });
    let wipe = move |_| {
        clear.update(|n| *n = n.wrapping_add(1));
        drawing.set(None);
        input.set(None);
    };
    let take = move |file: Option<web_sys::File>| {
        let Some(file) = file else { return };
        spawn_local(async move {
            let pictures = Pictures { channels, height, width, frame: frame.get_untracked() };
            match pictures.read_file(&file).await {
                Ok(values) => {
                    problem.set(None);
                    drawing.set(None);
                    clear.update(|n| *n = n.wrapping_add(1));
                    input.set(Some(Arc::new(values)));
                }
                Err(error) => problem.set(Some(sentence(&error.to_string()))),
            }
        });
    };
    let paste = window_event_listener(leptos::ev::paste, move |event| {
        let files = event.clipboard_data().and_then(|data| data.files());
        take(files.and_then(|files| files.get(0)));
    });
    on_cleanup(move || paste.remove());
    let seen = Signal::derive(move || {
        input.get().unwrap_or_else(|| Arc::new(vec![0.0; channels * height * width]))
    });
    view! {
        <h2>"Draw here"</h2>
        <div
            class="draw-area"
            class:over=move || over.get()
            on:dragover=move |event| { event.prevent_default(); over.set(true); }
            on:dragleave=move |_| over.set(false)
            on:drop=move |event: leptos::ev::DragEvent| {
                event.prevent_default();
                over.set(false);
                take(event.data_transfer().and_then(|data| data.files()).and_then(|files| files.get(0)));
            }
        >
            <DrawCanvas on_change=drawn clear/>
            <div class="draw-side">
                <figure class="seen">
                    <Picture input=seen shape=(channels, height, width) label="What the model sees"/>
                    <figcaption class="muted">"What the model sees"</figcaption>
                </figure>
                <button class="button" data-testid="clear-canvas" on:click=wipe>"Clear"</button>
                <label class="button file-button">
                    {icons::upload()} "Picture"
                    <input
                        class="visually-hidden"
                        type="file"
                        accept="image/*"
                        data-testid="image-file"
                        on:change=move |event| {
                            let element = event_target::<web_sys::HtmlInputElement>(&event);
                            take(element.files().and_then(|files| files.get(0)));
                            element.set_value("");
                        }
                    />
                </label>
            </div>
        </div>
        <p class="muted small-print">"You can also drop or paste a picture."</p>
        {move || problem.get().map(|problem| view! { <p class="field-error" role="alert">{problem}</p> })}
    }
    .into_any()
}

/// Numbers.
#[component]
fn NumberInput(
    /// The model's description.
    manifest: Arc<Manifest>,
    /// Set to the numbers once all are there.
    input: RwSignal<Option<Arc<Vec<f32>>>>,
) -> impl IntoView {
    let width = manifest.spec.input.len();
    let text = RwSignal::new(String::new());
    let error = RwSignal::new(None::<String>);
    let changed = move |event| {
        text.set(event_target_value(&event));
        match numbers(&text.get_untracked(), width) {
            Ok(values) => {
                error.set(None);
                input.set(values.map(Arc::new));
            }
            Err(problem) => {
                error.set(Some(sentence(&problem.to_string())));
                input.set(None);
            }
        }
    };
    // A sample that was pressed shows its numbers here.
    Effect::new(move |_| {
        if let Some(values) = input.get() {
            let shown = text.with_untracked(|text| numbers(text, width).ok().flatten());
            if shown.as_ref() != Some(&*values) {
                text.set(values.iter().map(|v| v.to_string()).collect::<Vec<_>>().join(", "));
                error.set(None);
            }
        }
    });
    view! {
        <div class="field" class:field-bad=move || error.with(Option::is_some)>
            <label for="numbers"><h2>{format!("Enter {width} numbers")}</h2></label>
            <textarea
                id="numbers"
                data-testid="numbers"
                rows="4"
                inputmode="decimal"
                aria-describedby="numbers-help"
                prop:value=move || text.get()
                on:input=changed
            ></textarea>
            <p class="field-hint" id="numbers-help">
                {move || match error.get() {
                    Some(error) => view! { <span class="field-error">{error}</span> }.into_any(),
                    None => view! { <span>"In the order of the data set’s columns, with commas or spaces between them."</span> }.into_any(),
                }}
            </p>
        </div>
    }
}

/// Held-out examples to press.
#[component]
fn Samples(
    /// The model.
    model: ModelView,
    /// Set to the sample pressed.
    input: RwSignal<Option<Arc<Vec<f32>>>>,
) -> impl IntoView {
    move || {
        let preview = model.preview.with(|p| p.ready().cloned())?;
        let shape = preview.header.input.clone();
        let samples = preview.samples.iter().take(SAMPLES).cloned().map(|sample| {
            let values = Arc::new(sample.input.clone());
            let label = format!("Use the sample of {}", sample.target);
            let target = sample.target.clone();
            view! {
                <li>
                    <button
                        class="example"
                        data-testid="sample"
                        data-target=target
                        aria-label=label
                        on:click=move |_| input.set(Some(Arc::clone(&values)))
                    >
                        <Example input=sample.input shape=shape.clone() target=sample.target/>
                    </button>
                </li>
            }
        });
        let samples = samples.collect_view();
        Some(view! {
            <h2>"Or try one it never learnt from"</h2>
            <ul class="examples" aria-label="Samples">{samples}</ul>
        })
    }
}
