//! The inputs of the Use tab: a sheet to draw on, pictures, numbers, samples.

use std::sync::Arc;

use delea_model_runtime::{
    manifest::Manifest,
    spec::Shape,
    studio::{Ask, NO_WORD, Painter},
};
use leptos::prelude::*;
use wasm_bindgen_futures::spawn_local;

use super::{ModelView, use_model::Writing};
use crate::{
    components::{
        draw::DrawCanvas,
        field::{Slider, TextArea, dropped, listed, picked},
        icons,
        sample::{Example, Picture},
    },
    format,
    image::{Frame, Ink},
    input::{Pictures, numbers},
    jobs::{studio, trainer::sentence},
    store::preview,
};

/// Samples offered.
const SAMPLES: usize = 20;

/// Drawing and pictures.
#[component]
pub(super) fn PictureInput(
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
    let take = move |files: Vec<web_sys::File>| {
        let Some(file) = files.into_iter().next() else { return };
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
        take(listed(event.clipboard_data().and_then(|data| data.files())));
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
                over.set(false);
                take(dropped(&event));
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
                        on:change=move |event| take(picked(&event))
                    />
                </label>
            </div>
        </div>
        <p class="muted small-print">"You can also drop or paste a picture."</p>
        {move || problem.get().map(|problem| view! { <p class="field-error" role="alert">{problem}</p> })}
    }
    .into_any()
}

/// The beginning of a text.
#[component]
pub(super) fn TextInput(
    /// The model's tokens, which are letters.
    tokens: Vec<String>,
    /// How it is written on.
    writing: Writing,
    /// Set to the numbers of the letters, once there are some.
    input: RwSignal<Option<Arc<Vec<f32>>>>,
) -> impl IntoView {
    let text = RwSignal::new(String::new());
    let tokens = StoredValue::new(tokens);
    let number = move |letter: char| {
        let mut word = [0; 4];
        let word = letter.encode_utf8(&mut word);
        tokens.with_value(|tokens| tokens.iter().position(|token| token == word))
    };
    let unknown = move || {
        let mut all: Vec<char> = text.get().chars().filter(|c| number(*c).is_none()).collect();
        all.sort_unstable();
        all.dedup();
        all
    };
    Effect::new(move |before: Option<()>| {
        let numbers: Vec<f32> =
            text.get().chars().filter_map(number).map(|number| number as f32).collect();
        if before.is_some() {
            let same = input.with_untracked(|input| input.as_ref().is_some_and(|i| **i == numbers));
            if !same {
                input.set((!numbers.is_empty()).then(|| Arc::new(numbers)));
            }
        }
    });
    // A sample that was pressed shows its text here.
    Effect::new(move |_| {
        if let Some(values) = input.get() {
            let shown: Vec<f32> = text
                .with_untracked(|text| text.chars().filter_map(number).map(|n| n as f32).collect());
            if shown != *values {
                text.set(tokens.with_value(|tokens| preview::text(tokens, &values)));
            }
        }
    });
    let help = Signal::derive(move || match &unknown()[..] {
        [] => "Begin a text; the model writes on from there.".to_owned(),
        letters => format!(
            "The model has never seen {}; they are left out.",
            letters.iter().map(|c| format!("“{c}”")).collect::<Vec<_>>().join(", ")
        ),
    });
    let Writing { letters, boldness } = writing;
    view! {
        <TextArea id="prompt" label="Begin a text" value=text rows=5 help=help/>
        <div class="form-grid">
            <Slider id="letters" label="Letters to write" value=letters min=20.0 max=500.0 step=20.0 words=Signal::derive(move || format!("{}", letters.get()))/>
            <Slider
                id="boldness"
                label="Boldness"
                value=boldness
                min=0.1
                max=1.5
                step=0.1
                words=Signal::derive(move || format!("{:.1}", boldness.get()))
                help="Low: the likeliest letters only. High: surprises (the softmax’s temperature)."
            />
        </div>
    }
}

/// What a painter is asked.
#[component]
pub(super) fn PromptInput(
    /// The painter.
    painter: Painter,
    /// Set to what is asked, once it is something.
    input: RwSignal<Option<Arc<Vec<f32>>>>,
) -> impl IntoView {
    let hint = painter.words.all().last().filter(|_| painter.adapter.is_some()).cloned();
    let painter = StoredValue::new(painter);
    // What it was taught is what it is used for.
    let prompt = RwSignal::new(hint.unwrap_or_default());
    let seed = RwSignal::new(studio::seed());
    let (steps, guidance, scale) = (RwSignal::new(20.0), RwSignal::new(3.0), RwSignal::new(1.0));
    let encoded = Memo::new(move |_| {
        painter.with_value(|painter| painter.words.encode(&prompt.get(), painter.sizes.length))
    });
    Effect::new(move |_| {
        let (words, _) = encoded.get();
        let known = words.iter().any(|word| *word != NO_WORD);
        input.set(known.then(|| {
            let mut row = Vec::new();
            Ask {
                words,
                seed: seed.get(),
                steps: steps.get() as u32,
                guidance: guidance.get() as f32,
                scale: scale.get() as f32,
            }
            .push(&mut row);
            Arc::new(row)
        }));
    });
    let help = Signal::derive(move || match encoded.with(|(_, ignored)| ignored.clone()) {
        ignored if ignored.is_empty() => "Things, colours, moods.".to_owned(),
        ignored => format!(
            "It does not know {}, or has no room for it.",
            ignored.iter().map(|word| format!("“{word}”")).collect::<Vec<_>>().join(", ")
        ),
    });
    let adapts = painter.with_value(|painter| painter.adapter.is_some());
    view! {
        <TextArea id="prompt" label="What do you want to see?" value=prompt rows=2 help=help/>
        <div class="form-grid">
            <Slider id="steps" label="Steps" value=steps min=4.0 max=50.0 step=1.0 words=Signal::derive(move || format!("{}", steps.get()))/>
            <Slider id="guidance" label="Guidance" value=guidance min=1.0 max=8.0 step=0.5 words=Signal::derive(move || format!("{:.1}", guidance.get()))/>
            {adapts.then(|| view! {
                <Slider id="scale" label="Strength of what it was taught" value=scale min=0.0 max=1.5 step=0.1 words=Signal::derive(move || format::percent(scale.get()))/>
            })}
            <button class="button" type="button" on:click=move |_| seed.set(studio::seed())>
                {move || format!("Seed {}: take another", seed.get())}
            </button>
        </div>
    }
}

/// Numbers.
#[component]
pub(super) fn NumberInput(
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
pub(super) fn Samples(
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
                        <Example input=sample.input shape=shape.clone() target=sample.target picture=sample.picture/>
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
