//! The Use tab: an input, a price, an answer.

use std::sync::Arc;

use delea_model_runtime::{
    content::Digest,
    manifest::Manifest,
    message::{Bytes, Event, Request, Tier},
    spec::{Body, ModelSpec, Shape, Task},
};
use js_sys::Math;
use leptos::prelude::*;
use leptos_router::components::A;
use wasm_bindgen_futures::spawn_local;

use super::{
    ModelView,
    use_input::{NumberInput, PictureInput, PromptInput, Samples, TextInput},
    use_result::{Answer, AnswerView},
    use_worker::AskedPanel,
};
use crate::{
    app::{App, use_app},
    components::{
        field::Radio,
        icons,
        states::{Failure, Skeleton},
    },
    jobs::{asking, trainer::sentence},
    load::Load,
    store::{blobs, preview},
};

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
    writing: Writing,
}

/// How a text is written on. Copy.
#[derive(Clone, Copy)]
pub(super) struct Writing {
    /// How many letters.
    pub(super) letters: RwSignal<f64>,
    /// The temperature of the softmax: how often it takes a less likely letter.
    pub(super) boldness: RwSignal<f64>,
}

/// Who computes an answer.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Where {
    /// This tab.
    Here,
    /// A worker of the market.
    Elsewhere,
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
        let _ = app.pool.ready(&app.config(), &spec.get_value(), Tier::Cpu).await;
        let parameters = model.detail.with_untracked(|d| d.summary.parameters);
        let _ = blobs::file(&app.config(), parameters, "the parameters").await;
    });
    let price = Memo::new(move |_| model.detail.with(|d| d.summary.price));
    let balance = Memo::new(move |_| model.tokens());
    let poor = move || balance.get().is_some_and(|balance| balance < price.get());
    let verb = match manifest.spec.task {
        Task::Classification { .. } => "Recognise",
        Task::Regression { .. } => "Predict",
        Task::NextToken { .. } => "Write on",
        Task::Reconstruction => "Draw it again",
        Task::Painting { .. } => "Paint",
    };
    let painter = match &manifest.spec.body {
        Body::Painter(painter) => Some((**painter).clone()),
        _ => None,
    };
    let paints = painter.is_some();
    // A text is written letter by letter, each from the one before it: no single question.
    let elsewhere = !matches!(manifest.spec.task, Task::NextToken { .. });
    let asked = RwSignal::new(asking::asked(model.address));
    let by = RwSignal::new(match asked.with_untracked(Option::is_some) {
        true => Where::Elsewhere,
        false => Where::Here,
    });
    let writing = Writing { letters: RwSignal::new(200.0), boldness: RwSignal::new(0.7) };
    let tokens = match &manifest.spec.task {
        Task::NextToken { tokens } => Some(tokens.clone()),
        _ => None,
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
            let done = match by.get_untracked() {
                Where::Here => match asking::pay(app, model.address, hash_of(&values)).await {
                    Ok(parameters) => {
                        let spec = spec.get_value();
                        let job = Paid { input: values, parameters, spec, writing };
                        paid.set_value(Some(job.clone()));
                        finish(app, job, answer, problem, unanswered).await;
                        Ok(())
                    }
                    Err(error) => Err(error),
                },
                Where::Elsewhere => ask(app, model, &spec.get_value(), values.to_vec())
                    .await
                    .map(|question| asked.set(Some(question))),
            };
            if let Err(error) = done {
                problem.set(error);
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
                {if let Some(painter) = painter {
                    view! { <PromptInput painter input/> }.into_any()
                } else if picture {
                    view! { <PictureInput model manifest=Arc::clone(&manifest) input/> }.into_any()
                } else if let Some(tokens) = tokens {
                    view! { <TextInput tokens writing input/> }.into_any()
                } else {
                    view! { <NumberInput manifest=Arc::clone(&manifest) input/> }.into_any()
                }}
            </section>
            <section class="panel answer-panel" aria-label="Answer">
                {elsewhere.then(|| view! {
                    <fieldset class="choices" disabled=move || busy.get()>
                        <legend class="visually-hidden">"Who computes the answer"</legend>
                        <Radio group="by" id="by-tab" label="In this tab" words="At once; nobody sees what you ask." value=Where::Here chosen=by/>
                        <Radio group="by" id="by-worker" label="Run it for me" words="A worker computes it, for phones and slow machines; what you ask is public." value=Where::Elsewhere chosen=by/>
                    </fieldset>
                })}
                <button
                    class="button primary huge"
                    data-testid="infer-pay"
                    disabled=move || busy.get() || input.with(Option::is_none) || poor() || (by.get() == Where::Elsewhere && asked.with(Option::is_some))
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
                {move || asked.with(Option::is_some).then(|| view! { <AskedPanel model spec asked/> })}
                <div aria-live="polite">
                    {move || match answer.get() {
                        Some(answer) => view! { <AnswerView answer/> }.into_any(),
                        None if asked.with(Option::is_some) => ().into_any(),
                        None if input.with(Option::is_none) => view! {
                            <p class="answer-empty muted">{match paints {
                                true => "Say what you want to see; the picture appears here.",
                                false => "Draw, choose a picture or press a sample; the answer appears here.",
                            }}</p>
                        }.into_any(),
                        None => ().into_any(),
                    }}
                </div>
            </section>
            {(!paints).then(|| view! {
                <section class="panel use-samples">
                    <Samples model input/>
                </section>
            })}
        </div>
    }
}

/// What the chain is told of an input that stays in this tab.
fn hash_of(input: &[f32]) -> Digest {
    let bytes: Vec<u8> = input.iter().flat_map(|value| value.to_le_bytes()).collect();
    Digest::of(&bytes)
}

/// Has a worker of the market answer. Errors are sentences, none if the visitor was told already.
async fn ask(
    app: App,
    model: ModelView,
    spec: &ModelSpec,
    inputs: Vec<f32>,
) -> Result<asking::Asked, Option<String>> {
    let detail = asking::newest(app, model.address).await?;
    let version = (detail.summary.head, detail.summary.price);
    asking::ask(app, model.address, version, spec, inputs).await
}

/// Runs the model on what was paid for.
async fn finish(
    app: App,
    job: Paid,
    answer: RwSignal<Option<Answer>>,
    problem: RwSignal<Option<String>>,
    unanswered: RwSignal<Option<()>>,
) {
    match run(app, &job, answer).await {
        Ok(whole) => {
            unanswered.set(None);
            answer.set(Some(whole));
        }
        Err(error) => {
            unanswered.set(Some(()));
            problem.set(Some(sentence(&error)));
        }
    }
}

async fn run(app: App, job: &Paid, answer: RwSignal<Option<Answer>>) -> Result<Answer, String> {
    let parameters = blobs::file(&app.config(), job.parameters, "the parameters")
        .await
        .map_err(|e| e.to_string())?;
    if let (Task::NextToken { tokens }, Shape::Tokens { length, .. }) =
        (&job.spec.task, &job.spec.input)
    {
        return write(app, job, (tokens, *length), parameters, answer).await;
    }
    let row = infer(app, &job.spec, parameters, job.input.to_vec()).await?;
    Ok(Answer::of(&job.spec, row))
}

/// Writes a text on, letter by letter, showing each as it comes.
async fn write(
    app: App,
    job: &Paid,
    (tokens, length): (&[String], usize),
    mut parameters: Bytes,
    answer: RwSignal<Option<Answer>>,
) -> Result<Answer, String> {
    let prompt = preview::text(tokens, &job.input);
    let boldness = job.writing.boldness.get_untracked();
    let mut numbers = job.input.to_vec();
    let mut written = String::new();
    for _ in 0..job.writing.letters.get_untracked() as usize {
        let seen = numbers.len().min(length);
        let mut window = numbers[numbers.len() - seen..].to_vec();
        window.resize(length, 0.0);
        // The worker keeps them after the first letter.
        let row = infer(app, &job.spec, std::mem::take(&mut parameters), window).await?;
        let place = (seen - 1) * tokens.len();
        let shares =
            row.get(place..place + tokens.len()).ok_or("the model’s answer is too short")?;
        let next = draw(shares, boldness, Math::random());
        numbers.push(next as f32);
        written.push_str(&tokens[next]);
        let so_far = Answer::Text { prompt: prompt.clone(), written: written.clone() };
        if answer.try_set(Some(so_far)).is_some() {
            return Err("the page was left".to_owned());
        }
    }
    Ok(Answer::Text { prompt, written })
}

/// One of several choices by their probabilities, sharpened or flattened by a temperature; `chance` is in [0, 1).
fn draw(shares: &[f32], temperature: f64, chance: f64) -> usize {
    let weights: Vec<f64> =
        shares.iter().map(|share| f64::from(*share).powf(1.0 / temperature)).collect();
    let mut left = chance * weights.iter().sum::<f64>();
    for (place, weight) in weights.iter().enumerate() {
        left -= weight;
        if left < 0.0 {
            return place;
        }
    }
    weights.len().saturating_sub(1)
}

async fn infer(
    app: App,
    spec: &ModelSpec,
    parameters: Bytes,
    inputs: Vec<f32>,
) -> Result<Vec<f32>, String> {
    let request =
        Request::Infer { spec: spec.clone(), parameters: parameters.into(), inputs: inputs.into() };
    let ready = app.pool.ready(&app.config(), spec, Tier::Cpu).await;
    let (client, _) = ready.map_err(|e| e.to_string())?;
    match client.ask(request).await.map_err(|e| e.to_string())? {
        Event::Outputs { rows } => {
            let row = rows.into_iter().next().ok_or("the model gave no answer")?;
            Ok(row.into_vec())
        }
        _ => Err("the worker gave an unexpected answer".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::draw;

    #[test]
    fn letters_are_drawn_by_their_shares() {
        let shares = [0.125, 0.625, 0.25];
        let places = |temperature| {
            let mut counts = [0; 3];
            (0..1000).for_each(|i| counts[draw(&shares, temperature, f64::from(i) / 1000.0)] += 1);
            counts
        };
        assert_eq!(places(1.0), [125, 625, 250]);
        assert!(places(0.01)[1] >= 999);
        assert!(places(10.0)[0] > 250);
        assert_eq!(draw(&[], 1.0, 0.5), 0);
    }
}
