//! The picture on view: while it is painted, and afterwards what can be done with it.

use std::sync::Arc;

use leptos::prelude::*;
use wasm_bindgen_futures::spawn_local;

use super::log::Log;
use crate::{
    app::use_app,
    browser,
    components::{icons, painted::Painted, states::Meter, toasts::Kind},
    format,
    jobs::studio::{Piece, Recipe},
    png,
};

/// Pixels of a side of what is downloaded: eight for each.
const DOWNLOADED: u32 = 256;

/// The panel.
#[component]
pub(super) fn Result() -> impl IntoView {
    let app = use_app();
    let studio = app.studio;
    let painting = Memo::new(move |_| studio.painting.with(Option::is_some));
    let shown = Memo::new(move |_| studio.shown.get());
    let body = move || {
        match (painting.get(), shown.get()) {
        (true, _) => view! { <Now/> }.into_any(),
        (false, Some(piece)) => view! { <Done piece/> }.into_any(),
        (false, None) => view! {
            <div class="studio-empty">
                <p class="muted">"Your picture appears here. Press an example to see one in a few seconds."</p>
            </div>
        }
        .into_any(),
    }
    };
    view! {
        <section class="panel studio-result" aria-label="The picture">
            <div class="studio-picture" aria-live="polite">{body}</div>
            <Log/>
        </section>
    }
}

/// What is being painted.
#[component]
fn Now() -> impl IntoView {
    let studio = use_app().studio;
    let now = Memo::new(move |_| studio.painting.get().unwrap_or_default());
    let preview = Memo::new(move |_| now.with(|now| now.preview.clone()));
    let waiting = Memo::new(move |_| {
        studio
            .waiting
            .with(|all| all.iter().map(|recipe| recipe.prompt.clone()).collect::<Vec<_>>())
    });
    let pictures = move || now.with(|now| now.done + 1) + waiting.with(Vec::len) as u32;
    let share = Signal::derive(move || {
        now.with(|now| {
            let (step, steps) = now.steps;
            let part = f64::from(step) / f64::from(steps.max(1));
            (f64::from(now.done) + part) / f64::from(pictures())
        })
    });
    let words = move || {
        now.with(|now| match (now.preparing.is_empty(), pictures()) {
            (false, _) => now.preparing.clone(),
            (true, 1) => format!("Step {} of {}", now.steps.0, now.steps.1),
            (true, all) => {
                let (step, steps) = now.steps;
                format!("Picture {} of {all}, step {step} of {steps}", now.done + 1)
            }
        })
    };
    let next = move || {
        waiting.with(|waiting| {
            let mut words: Vec<String> =
                waiting.iter().take(3).map(|prompt| format!("“{}”", short(prompt))).collect();
            if waiting.len() > 3 {
                words.push(format!("{} more", waiting.len() - 3));
            }
            (!words.is_empty()).then(|| format!("Next: {}", words.join(", ")))
        })
    };
    view! {
        <div class="studio-frame" data-testid="studio-now">
            {move || match preview.get() {
                Some(picture) => view! { <Painted picture=Signal::stored(picture) label="What it is likely to become"/> }.into_any(),
                None => view! { <span class="studio-noise" aria-hidden="true"></span> }.into_any(),
            }}
        </div>
        <Meter share label="Painted"/>
        <p class="busy">{icons::spinner()} <span>{words}</span></p>
        {move || next().map(|next| view! { <p class="muted small-print" data-testid="studio-waiting">{next}</p> })}
    }
}

/// The beginning of a prompt.
fn short(prompt: &str) -> String {
    match prompt.char_indices().nth(24) {
        Some((end, _)) => format!("{}…", &prompt[..end]),
        None => prompt.to_owned(),
    }
}

/// A finished picture.
#[component]
fn Done(
    /// The picture.
    piece: Piece,
) -> impl IntoView {
    let app = use_app();
    let studio = app.studio;
    let picture = Arc::new(piece.picture());
    let Recipe { prompt, seed, steps, guidance, start, .. } = piece.recipe.clone();
    let took = format::duration(f64::from(piece.took_ms) / 1000.0);
    let mut facts = vec![
        ("Seed", seed.to_string()),
        ("Steps", steps.to_string()),
        ("Guidance", format!("{guidance:.1}")),
        ("Took", took),
        ("On", if piece.exact { "CPU".to_owned() } else { "GPU".to_owned() }),
    ];
    if let Some(start) = start {
        facts.push(("Painted anew", format::percent(start.strength.into())));
    }
    let whole = StoredValue::new(piece.clone());
    let download = {
        let picture = Arc::clone(&picture);
        move |_| {
            let file = whole.with_value(|piece| png::of(&picture, DOWNLOADED, &piece.recipe));
            let name = whole.with_value(|piece| file_name(&piece.recipe));
            if !file.is_some_and(|file| browser::download(&name, &file)) {
                app.toasts.push(Kind::Error, "The browser did not take the file.");
            }
        }
    };
    let link = move |_| {
        let url = whole.with_value(|piece| link_to(&piece.recipe));
        spawn_local(async move {
            match browser::copy(&url).await {
                true => app
                    .toasts
                    .push(Kind::Success, "The link is copied: whoever opens it paints the same."),
                false => {
                    app.toasts.push(Kind::Error, format!("The browser did not copy it: {url}"))
                }
            };
        });
    };
    view! {
        <div class="studio-frame" data-testid="studio-done" data-digest=piece.digest.to_string()>
            <Painted picture=Signal::stored(picture) label=prompt.clone()/>
        </div>
        <p class="studio-caption">{prompt}</p>
        <dl class="facts compact">
            {facts.into_iter().map(|(name, value)| view! { <div><dt>{name}</dt><dd>{value}</dd></div> }).collect_view()}
        </dl>
        <div class="actions">
            <button class="button" data-testid="studio-download" on:click=download>{icons::download()} <span>"Download"</span></button>
            <button class="button" data-testid="studio-link" on:click=link>{icons::copy()} <span>"Copy link"</span></button>
            <button class="button" data-testid="studio-take" on:click=move |_| studio.taken.set(Some(whole.with_value(|piece| piece.recipe.clone())))>"Use its settings"</button>
            <button class="button" data-testid="studio-from" on:click=move |_| studio.start.set(Some(whole.with_value(|piece| piece.pixels.clone())))>"Paint over it"</button>
        </div>
    }
}

fn file_name(recipe: &Recipe) -> String {
    let words = delea_model_runtime::studio::split(&recipe.prompt).take(6).collect::<Vec<_>>();
    format!("{}-{}.png", words.join("-"), recipe.seed)
}

/// The page's address with a recipe, as far as one holds it: a picture to begin with and adapters that are not on the chain are
/// left out.
fn link_to(recipe: &Recipe) -> String {
    let Recipe { prompt, seed, steps, guidance, worn, .. } = recipe;
    let prompt = String::from(js_sys::encode_uri_component(prompt));
    let worn: Vec<_> = worn
        .iter()
        .filter_map(|worn| Some(format!("{}:{}", worn.wearable.model?, worn.scale)))
        .collect();
    let wear = if worn.is_empty() { String::new() } else { format!("&wear={}", worn.join(",")) };
    browser::absolute(&format!(
        "/studio?prompt={prompt}&seed={seed}&steps={steps}&guidance={guidance}{wear}"
    ))
}
