//! Teaching: one picture in, an adapter out, watched while it learns.

use std::sync::Arc;

use delea_model_runtime::{
    manifest::DatasetReference,
    studio::{
        lesson::{Aim, Lesson},
        split,
        view::{STORED, View},
    },
};
use leptos::prelude::*;
use wasm_bindgen_futures::spawn_local;
use web_sys::{File, PointerEvent};

use crate::{
    app::use_app,
    browser,
    components::{
        field::{DropFiles, Radio, Slider, TextField},
        icons,
        painted::Painted,
        plot::{Plot, Series},
        states::Meter,
        toasts::Kind,
    },
    format,
    image::stored,
    input::{self, Picture},
    jobs::{
        check::say,
        lesson::{self, Kept, Learnt, Plan},
        studio::{picture, spec_of},
    },
    pages::create::{Chosen, Network, Publish},
    store::{blobs, documents},
};

/// Steps of a lesson, if nobody says otherwise: what a laptop's processor does in a minute.
const STEPS: f64 = 60.0;
/// What is painted beside, to see that it stays, or that a style is given to it.
const BESIDE: &str = "red apple";

/// A picture that was chosen, and which square of it is taken. Copy.
#[derive(Clone, Copy)]
struct Crop {
    source: RwSignal<Option<Arc<Picture>>>,
    /// How much larger than whole.
    zoom: RwSignal<f64>,
    /// Middle of the square, as shares of width and height.
    at: RwSignal<(f64, f64)>,
}

impl Crop {
    /// The square, as the network stores pictures.
    fn pixels(self) -> Option<Vec<u8>> {
        let source = self.source.get()?;
        let (zoom, (x, y)) = (self.zoom.get(), self.at.get());
        let Picture { rgba, width, height, .. } = &*source;
        Some(stored(rgba, (*width, *height), (x, y), zoom))
    }

    fn move_by(self, dx: f64, dy: f64) {
        self.at.update(|(x, y)| {
            *x = (*x + dx / self.zoom.get_untracked()).clamp(0.0, 1.0);
            *y = (*y + dy / self.zoom.get_untracked()).clamp(0.0, 1.0);
        });
    }
}

/// The part of the page.
#[component]
pub(super) fn Teach() -> impl IntoView {
    let app = use_app();
    let lessons = app.lessons;
    if let Some(base) = app.studio.base() {
        lessons.restore(&base);
    }
    let learning = Memo::new(move |_| lessons.now.with(Option::is_some));
    let teachable = Memo::new(move |_| {
        app.studio.base.with(|base| base.ready().is_some_and(|base| base.prior.is_some()))
    });
    view! {
        <section class="panel" aria-labelledby="teach-title" data-testid="teach">
            <h2 id="teach-title">"Teach it a picture of yours"</h2>
            <p class="muted">"Your pet, your logo, your drawing: from one picture it learns a new word. The picture stays in this browser."</p>
            {move || match (learning.get(), teachable.get()) {
                (true, _) => view! { <Learning/> }.into_any(),
                (false, true) => view! { <Begin/> }.into_any(),
                (false, false) => view! { <p class="muted">"The network from your file brings no known pictures to learn beside; go back to the emoji painter to teach it."</p> }.into_any(),
            }}
            {move || lessons.problem.get().map(|problem| view! {
                <p class="callout bad" role="alert" data-testid="teach-problem">{icons::alert()} <span>{problem}</span></p>
            })}
        </section>
        <Show when=move || !lessons.learnt.with(Vec::is_empty)>
            <section class="panel">
                <h2>"What it has learnt here"</h2>
                <ul class="learnt" data-testid="learnt">
                    <For each=move || lessons.learnt.get() key=|learnt| learnt.wearable.parameters children=|learnt| view! { <Item learnt/> }/>
                </ul>
            </section>
        </Show>
    }
}

/// Picture, words, settings.
#[component]
fn Begin() -> impl IntoView {
    let app = use_app();
    let crop = Crop {
        source: RwSignal::new(None),
        zoom: RwSignal::new(1.0),
        at: RwSignal::new((0.5, 0.5)),
    };
    let problem = RwSignal::new(None::<String>);
    let moving = RwSignal::new(None::<String>);
    let reading = RwSignal::new(false);
    let word = RwSignal::new("zorp".to_owned());
    let class = RwSignal::new(String::new());
    let aim = RwSignal::new(Aim::Subject);
    let licence = RwSignal::new("CC-BY-4.0".to_owned());
    let (rank, steps) = (RwSignal::new(2.0), RwSignal::new(STEPS));
    let take = Callback::new(move |files: Vec<File>| {
        let Some(file) = files.into_iter().next() else { return };
        reading.set(true);
        problem.set(None);
        moving.set(None);
        spawn_local(async move {
            match input::picture(&file).await {
                Ok(picture) => {
                    let words = || format!("{} moves; its first picture is taken.", file.name());
                    moving.set(picture.moves.then(words));
                    crop.zoom.set(1.0);
                    crop.at.set((0.5, 0.5));
                    crop.source.set(Some(Arc::new(picture)));
                }
                Err(error) => problem.set(Some(say(error))),
            }
            reading.set(false);
        });
    });
    let paste = window_event_listener(leptos::ev::paste, move |event| {
        let files =
            crate::components::field::listed(event.clipboard_data().and_then(|data| data.files()));
        take.run(files);
    });
    on_cleanup(move || paste.remove());
    let word_problem = Signal::derive(move || {
        let text = word.get();
        let words: Vec<String> = split(&text).collect();
        match (words.len(), text.chars().count()) {
            (_, 33..) => Some("At most 32 letters.".to_owned()),
            (1, _) => None,
            _ => Some("One word of letters and digits.".to_owned()),
        }
    });
    let word_help = Signal::derive(move || {
        let help = match aim.get() {
            Aim::Subject => "What you will ask for. A word that means nothing else.",
            Aim::Style => "What you will put behind a thing. A word that means nothing else.",
        };
        help.to_owned()
    });
    let class_problem = Signal::derive(move || {
        let base = app.studio.base.with(|base| base.ready().cloned())?;
        if aim.get() == Aim::Style {
            return None;
        }
        let unknown = base.painter.words.encode(&class.get(), base.painter.sizes.length - 1).1;
        (!unknown.is_empty()).then(|| format!("It does not know “{}”.", unknown.join("”, “")))
    });
    let start = move |_| {
        let Some(base) = app.studio.base() else {
            return;
        };
        if word_problem.get_untracked().is_some() || class_problem.get_untracked().is_some() {
            return;
        }
        let Some(pixels) = untrack(|| crop.pixels()) else { return };
        let word = split(&word.get_untracked()).next().unwrap_or_default();
        // A style goes with every name.
        let (prompt, asked) = match aim.get_untracked() {
            Aim::Subject => {
                let prompt = format!("{word} {}", class.get_untracked().trim()).trim().to_owned();
                (prompt.clone(), prompt)
            }
            Aim::Style => (word.clone(), format!("{BESIDE} {word}")),
        };
        let lesson = Lesson {
            pixels: pixels.into(),
            prompt,
            aim: aim.get_untracked(),
            flips: true,
            attribution: "whoever taught it".to_owned(),
            licence: licence.get_untracked().trim().to_owned(),
        };
        app.lessons.start(
            &base,
            Plan {
                name: word.clone(),
                word,
                previews: vec![asked, BESIDE.to_owned()],
                lesson: Kept(lesson),
                rank: rank.get_untracked() as usize,
                steps: steps.get_untracked() as u32,
                seed: browser::seed(),
                tier: app.studio.tier.get_untracked(),
            },
        );
    };
    let ready = move || crop.source.with(Option::is_some);
    view! {
        <DropFiles
            title="Choose, drop or paste a picture"
            words=input::PICTURES
            accept="image/*"
            testid="teach-file"
            problem="teach-file-problem"
            take
        />
        <p id="teach-file-problem" role="alert">
            {move || problem.get().map(|problem| view! { <span class="field-error">{problem}</span> })}
            {move || moving.get()}
            {move || reading.get().then(|| view! { <span class="busy">{icons::spinner()} " Reading the picture…"</span> })}
        </p>
        <Show when=ready>
            <div class="teach">
                <CropView crop/>
                <div>
                    <fieldset class="choices">
                        <legend class="visually-hidden">"What is to be learnt"</legend>
                        <Radio group="aim" id="aim-subject" label="The thing" words="What the picture shows." value=Aim::Subject chosen=aim/>
                        <Radio group="aim" id="aim-style" label="The style" words="Its colours, for other things." value=Aim::Style chosen=aim/>
                    </fieldset>
                    <div class="form-grid">
                        <TextField id="teach-word" label="Its word" value=word help=word_help error=word_problem/>
                        <Show when=move || aim.get() == Aim::Subject>
                            <TextField id="teach-class" label="What it is (optional)" value=class placeholder="cat" help="Words that the studio knows help it to learn." error=class_problem/>
                        </Show>
                    </div>
                    <details class="more">
                        <summary>"Settings"</summary>
                        <div class="form-grid">
                            <Slider id="teach-steps" label="Steps" value=steps min=20.0 max=400.0 step=10.0 words=Signal::derive(move || format!("{}", steps.get())) help="More learn it more exactly; too many, and it knows nothing but this picture."/>
                            <TextField id="teach-licence" label="Licence of the picture" value=licence help="Under which others may use it, if you publish what was learnt."/>
                            <Slider id="teach-rank" label="Rank" value=rank min=1.0 max=8.0 step=1.0 words=Signal::derive(move || format!("{}", rank.get())) help="How much room there is for what is learnt; a higher rank makes a larger file."/>
                        </div>
                    </details>
                    <button class="button primary huge" data-testid="teach-start" on:click=start>"Teach it"</button>
                </div>
            </div>
        </Show>
    }
}

/// The square that is taken, to be moved.
#[component]
fn CropView(
    /// What is cut.
    crop: Crop,
) -> impl IntoView {
    let seen = Memo::new(move |_| {
        let pixels = crop.pixels().unwrap_or_default();
        Arc::new(if pixels.is_empty() { Vec::new() } else { View::PLAIN.of(&pixels, STORED, 32) })
    });
    let last = StoredValue::new(None::<(i32, i32)>);
    let moved = move |event: PointerEvent| {
        if let Some((x, y)) = last.get_value() {
            let width = event_target::<web_sys::Element>(&event).client_width().max(1);
            let by = |from: i32, to: i32| f64::from(from - to) / f64::from(width);
            crop.move_by(by(x, event.client_x()), by(y, event.client_y()));
            last.set_value(Some((event.client_x(), event.client_y())));
        }
    };
    let key = move |event: leptos::ev::KeyboardEvent| {
        let (dx, dy) = match event.key().as_str() {
            "ArrowLeft" => (-0.02, 0.0),
            "ArrowRight" => (0.02, 0.0),
            "ArrowUp" => (0.0, -0.02),
            "ArrowDown" => (0.0, 0.02),
            _ => return,
        };
        event.prevent_default();
        crop.move_by(dx, dy);
    };
    view! {
        <div class="crop">
            <div
                class="studio-frame crop-frame"
                tabindex="0"
                role="group"
                aria-label="The part of the picture that is taken. Move it with the pointer or the arrow keys."
                data-testid="crop"
                on:pointerdown=move |event: PointerEvent| {
                    let frame = event_target::<web_sys::Element>(&event);
                    let _ = frame.set_pointer_capture(event.pointer_id());
                    last.set_value(Some((event.client_x(), event.client_y())));
                }
                on:pointermove=moved
                on:pointerup=move |_| last.set_value(None)
                on:pointercancel=move |_| last.set_value(None)
                on:keydown=key
            >
                <Painted picture=Signal::derive(move || seen.get()) label="What the studio sees of your picture"/>
            </div>
            <Slider id="crop-zoom" label="Zoom" value=crop.zoom min=1.0 max=4.0 step=0.05 words=Signal::derive(move || format::percent(crop.zoom.get()))/>
        </div>
    }
}

/// A lesson under way.
#[component]
fn Learning() -> impl IntoView {
    let lessons = use_app().lessons;
    let now = Memo::new(move |_| lessons.now.get().unwrap_or_default());
    let share =
        Signal::derive(move || now.with(|now| f64::from(now.step) / f64::from(now.steps.max(1))));
    let words = move || {
        now.with(|now| match now.preparing.is_empty() {
            false => now.preparing.clone(),
            true => {
                let left = f64::from(now.steps - now.step.min(now.steps));
                let rest = match now.speed > 0.0 {
                    true => format!(", {} left", format::duration(left / f64::from(now.speed))),
                    false => String::new(),
                };
                format!("Step {} of {}{rest}", now.step, now.steps)
            }
        })
    };
    let previews = Memo::new(move |_| now.with(|now| now.previews.clone()));
    let losses = Signal::derive(move || {
        let points = now.with(|now| {
            now.losses.iter().map(|(step, loss)| (f64::from(*step), f64::from(*loss))).collect()
        });
        Series::smoothed("Loss", points)
    });
    let x_end = Signal::derive(move || now.with(|now| f64::from(now.steps)));
    let summary = Signal::derive(move || {
        let last = now.with(|now| now.losses.last().copied());
        last.map_or_else(String::new, |(_, loss)| format!("loss {}", format::number(loss.into())))
    });
    view! {
        <div class="lesson" data-testid="lesson">
            <p class="busy" role="status">{icons::spinner()} <span>{words}</span></p>
            <Meter share label="Learnt"/>
            <ul class="previews">
                {move || previews.get().into_iter().map(|(prompt, picture)| view! {
                    <li>
                        <div class="studio-frame small"><Painted picture=Signal::stored(picture) label=prompt.clone()/></div>
                        <span class="muted">{prompt}</span>
                    </li>
                }).collect_view()}
            </ul>
            <Show when=move || now.with(|now| now.losses.len() > 4)>
                <Plot title="Loss: how wrong it is" series=losses x_label="step" x_end summary testid="lesson-plot"/>
            </Show>
            <button class="button" data-testid="teach-cancel" on:click=move |_| lessons.cancel()>{icons::cross()} <span>"Stop"</span></button>
        </div>
    }
}

/// Something that was learnt.
#[component]
fn Item(
    /// What.
    learnt: Learnt,
) -> impl IntoView {
    let app = use_app();
    let publishing = RwSignal::new(None::<(Chosen, Network)>);
    let picture = Arc::new(picture(&learnt.pixels));
    let whole = StoredValue::new(learnt.clone());
    let error = move |words: String| {
        app.toasts.push(Kind::Error, words);
    };
    let download = move |_| {
        let learnt = whole.get_value();
        spawn_local(async move {
            let name = format!("{}.safetensors", learnt.wearable.name);
            match lesson::file_with_text(&learnt).await {
                Some(file) if browser::download(&name, &file) => {}
                _ => error("The file is not in this browser any more.".to_owned()),
            }
        });
    };
    let publish = move |_| {
        let learnt = whole.get_value();
        spawn_local(async move {
            match prepare(app, &learnt).await {
                Ok(ready) => publishing.set(Some(ready)),
                Err(reason) => error(reason),
            }
        });
    };
    let wear = move |_| {
        let learnt = whole.get_value();
        app.studio.wear(learnt.wearable, learnt.prompt);
    };
    let name = learnt.wearable.name.clone();
    let words = format!(
        "“{}”; its loss fell from {} to {} in {}.",
        learnt.prompt,
        format::number(learnt.before.loss.into()),
        format::number(learnt.after.loss.into()),
        format::duration(f64::from(learnt.took_s)),
    );
    view! {
        <li class="learnt-item" data-testid="learnt-item" data-parameters=learnt.wearable.parameters.to_string()>
            <div class="studio-frame small"><Painted picture=Signal::stored(picture) label=format!("The picture of {name}")/></div>
            <div>
                <strong>{name.clone()}</strong>
                <p class="muted small-print">{words}</p>
                <div class="actions">
                    <button class="button primary" data-testid="learnt-wear" on:click=wear>"Paint with it"</button>
                    <button class="button" data-testid="learnt-publish" on:click=publish>{icons::upload()} <span>"Publish"</span></button>
                    <button class="button" data-testid="learnt-download" on:click=download>{icons::download()} <span>"Download"</span></button>
                    <button class="button quiet" on:click=move |_| app.lessons.forget(&whole.get_value())>"Forget"</button>
                </div>
                {move || publishing.get().map(|(data, network)| {
                    let (name, prompt) = whole.with_value(|learnt| (learnt.wearable.name.clone(), learnt.prompt.clone()));
                    let description = format!("The emoji painter, taught one picture: ask it for “{prompt}”.");
                    view! {
                        <div class="publish" data-testid="publish-learnt">
                            <p class="muted">"Anyone can then paint with it for its own token, and train it further. The picture’s data set becomes public."</p>
                            <Publish data network name description/>
                        </div>
                    }
                })}
            </div>
        </li>
    }
}

/// What publishing needs of something that was learnt.
async fn prepare(app: crate::app::App, learnt: &Learnt) -> Result<(Chosen, Network), String> {
    let base = app.studio.base().ok_or("The base network is not here yet.")?;
    let gone = "What was learnt is not in this browser any more.";
    let parameters = lesson::file(learnt).await.ok_or(gone)?;
    let dataset = blobs::kept(learnt.dataset).await.ok_or(gone)?;
    let preview = documents::preview(&app.config(), learnt.dataset).await.map_err(say)?;
    let painter = learnt.wearable.painter(&base.painter);
    let reference = DatasetReference {
        digest: learnt.dataset,
        name: preview.header.name.clone(),
        licence: preview.header.licence.clone(),
        attribution: preview.header.attribution.clone(),
    };
    let spec = spec_of(painter);
    let network = Network { spec, config: learnt.config.clone(), parameters: Some(parameters) };
    Ok((Chosen { reference, preview, file: Some(Arc::new(dataset)) }, network))
}
