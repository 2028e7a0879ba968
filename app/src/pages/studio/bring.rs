//! What a visitor brings: adapters and networks from files and links.

use leptos::prelude::*;
use wasm_bindgen_futures::spawn_local;
use web_sys::File;

use crate::{
    app::use_app,
    components::{
        field::{DropFiles, TextField},
        icons,
        matches::Matches,
    },
    jobs::{
        check::say,
        given::{self, Given},
    },
};

/// Where files and links are given.
#[component]
pub(super) fn Bring() -> impl IntoView {
    let app = use_app();
    let studio = app.studio;
    let (reading, problem) = (RwSignal::new(false), RwSignal::new(None::<String>));
    let given = RwSignal::new(None::<Given>);
    let link = RwSignal::new(String::new());
    let end = move |end: Result<Given, String>| {
        match end {
            Ok(read) => drop(given.try_set(Some(read))),
            Err(reason) => drop(problem.try_set(Some(reason))),
        }
        reading.try_set(false);
    };
    let begin = move || {
        reading.set(true);
        problem.set(None);
        given.set(None);
    };
    let take = move |files: Vec<File>| {
        if !files.is_empty() && !reading.get_untracked() {
            begin();
            spawn_local(async move {
                end(match given::named(files) {
                    Ok(files) => given::read(app, files).await,
                    Err(error) => Err(say(error)),
                });
            });
        }
    };
    let fetch = move |_| {
        let address = link.get_untracked().trim().to_owned();
        if !address.is_empty() && !reading.get_untracked() {
            begin();
            spawn_local(async move {
                end(match given::fetched(&address).await {
                    Ok(files) => given::read(app, files).await,
                    Err(reason) => Err(reason),
                });
            });
        }
    };
    view! {
        {move || studio.base_name.get().map(|name| view! {
            <p class="callout" data-testid="other-base">
                {icons::info()}
                <span>"You paint with " <strong>{name}</strong> ". "
                    <button class="button small" type="button" on:click=move |_| studio.change_base(None)>"Back to the emoji painter"</button>
                </span>
            </p>
        })}
        <details class="more" data-testid="bring">
            <summary>"Adapters from files and links"</summary>
            <DropFiles
                title="Drop a LoRA or choose one"
                words="safetensors, PyTorch (.pt) or Burn (.bpk); adapter_config.json with it, if there is one. Or a whole network of this kind."
                accept=".safetensors,.pt,.pth,.bpk,.json"
                testid="adapter-file"
                problem="adapter-problem"
                take
            />
            <div class="inline-form">
                <TextField id="adapter-link" label="Or its address" value=link inputmode="url" placeholder="https://…/lora.safetensors"/>
                <button class="button" type="button" disabled=move || reading.get() on:click=fetch>"Fetch"</button>
            </div>
            <p id="adapter-problem" role="alert">
                {move || problem.get().map(|problem| view! { <span class="field-error">{problem}</span> })}
                {move || reading.get().then(|| view! { <span class="busy">{icons::spinner()} " Reading…"</span> })}
            </p>
            {move || given.get().map(|given| view! { <Read given/> })}
        </details>
    }
}

/// What was read.
#[component]
fn Read(
    /// What.
    given: Given,
) -> impl IntoView {
    let Given { name, origin, notes, matches, fits } = given;
    let (class, icon) = match fits {
        true => ("callout good", icons::check().into_any()),
        false => ("callout bad", icons::alert().into_any()),
    };
    let fitting = matches.iter().filter(|row| row.fits).count();
    let words = format!("{name} is {origin}: {fitting} of {} layers fit.", matches.len());
    view! {
        <div class=class data-testid="adapter-read">
            {icon}
            <div>
                <p>{words}</p>
                {(!notes.is_empty()).then(|| view! {
                    <ul class="notes">{notes.into_iter().map(|note| view! { <li>{note}</li> }).collect_view()}</ul>
                })}
            </div>
        </div>
        <details class="more">
            <summary>"Which layer went where"</summary>
            <Matches matches/>
        </details>
    }
}
