//! The first step: a file of one's own, or a data set that another model uses.

use std::sync::Arc;

use delea_model_runtime::{
    manifest::{DatasetReference, Manifest},
    message::{Bytes, Event, ImportRequest, Request, is_text},
    spec::Task,
    tensors::check_size,
};
use futures_util::future::join_all;
use leptos::prelude::*;
use wasm_bindgen_futures::spawn_local;
use web_sys::File;

use super::{Chosen, Draft};
use crate::{
    app::{App, use_app},
    components::{
        bars::{Bar, Bars},
        field::{DropFiles, Radio, Slider, TextField},
        icons,
        layers::shape,
        sample::Example,
        states::Skeleton,
    },
    format,
    jobs::trainer::sentence,
    load::{Load, use_load},
    store::{documents, preview::Preview},
};

/// Samples shown.
const SAMPLES: usize = 16;
/// Classes whose balance is shown.
const CLASSES: usize = 12;

/// Own file or published data set, and what is in it.
#[component]
pub(super) fn DataStep(
    /// What was decided so far.
    draft: Draft,
) -> impl IntoView {
    let own = RwSignal::new(true);
    view! {
        <fieldset class="choices inline">
            <legend class="visually-hidden">"Where the data comes from"</legend>
            <Radio group="data-source" id="data-own" label="My own file" value=true chosen=own/>
            <Radio group="data-source" id="data-published" label="Data of another model" value=false chosen=own/>
        </fieldset>
        {move || match own.get() {
            true => view! { <OwnFile draft/> }.into_any(),
            false => view! { <Published draft/> }.into_any(),
        }}
        {move || draft.data.get().map(|chosen| view! { <Shown chosen/> })}
    }
}

/// A file of the visitor's own.
#[component]
fn OwnFile(
    /// What was decided so far.
    draft: Draft,
) -> impl IntoView {
    let app = use_app();
    let busy = RwSignal::new(false);
    let problem = RwSignal::new(None::<String>);
    let files = RwSignal::new_local(Vec::<File>::new());
    let name = RwSignal::new(String::new());
    let licence = RwSignal::new("CC0-1.0".to_owned());
    let maker = RwSignal::new(String::new());
    let held_out = RwSignal::new(20.0);
    let length = RwSignal::new(64.0);
    let predict = RwSignal::new(true);
    let is_text =
        move || files.with(|files| files.first().is_some_and(|file| is_text(&file.name())));
    let read = move || {
        let chosen = files.get_untracked();
        if chosen.is_empty() {
            return;
        }
        let asked = Asked {
            name: filled(&name.get_untracked(), "Untitled data"),
            licence: filled(&licence.get_untracked(), "unknown"),
            attribution: filled(&maker.get_untracked(), "unknown"),
            held_out: held_out.get_untracked() as u8,
            reconstruct: !predict.get_untracked() && !is_text(),
            length: length.get_untracked() as usize,
        };
        busy.set(true);
        problem.set(None);
        draft.data.set(None);
        draft.network.set(None);
        spawn_local(async move {
            match import(app, chosen, asked).await {
                Ok(chosen) => draft.data.set(Some(chosen)),
                Err(error) => problem.set(Some(sentence(&error))),
            }
            busy.set(false);
        });
    };
    let take = move |taken: Vec<File>| {
        let Some(first) = taken.first() else { return };
        name.set(title(&first.name()));
        files.set(taken);
        read();
    };
    view! {
        <DropFiles
            title="Drop a file here or choose one"
            words="A table (CSV; the column named label, or the last, is the answer), a ZIP of picture folders, an IDX pair, or a text. It stays in your tab until you create the model."
            accept=".csv,.gz,.zip,.idx,.idx3-ubyte,.idx1-ubyte,.txt,.md"
            testid="data-file"
            problem="data-problem"
            take
        />
        <p id="data-problem" class="field-error" role="alert" data-testid="data-error">{move || problem.get()}</p>
        {move || busy.get().then(|| view! { <p class="muted" role="status">{icons::spinner()} " Reading the file…"</p> })}
        <Show when=move || files.with(|f| !f.is_empty())>
            <div class="form-grid">
                <TextField id="data-name" label="Name of the data" value=name/>
                <TextField id="data-maker" label="Made by" value=maker/>
                <TextField id="data-licence" label="Licence" value=licence help="A short name such as CC0-1.0 or CC-BY-4.0. Everyone can download the data."/>
                <Slider
                    id="data-held-out"
                    label="Held out to measure with"
                    value=held_out
                    min=5.0
                    max=50.0
                    step=5.0
                    words=Signal::derive(move || format!("{} %", held_out.get()))
                />
            </div>
            {move || match is_text() {
                true => view! {
                    <Slider
                        id="data-length"
                        label="Letters it looks back at"
                        value=length
                        min=16.0
                        max=256.0
                        step=16.0
                        words=Signal::derive(move || format!("{}", length.get()))
                    />
                }.into_any(),
                false => view! {
                    <fieldset class="choices">
                        <legend>"What a model should learn"</legend>
                        <Radio group="data-goal" id="data-predict" label="To name or predict the answer of an example" value=true chosen=predict/>
                        <Radio group="data-goal" id="data-reconstruct" label="To draw the example again from memory (autoencoder)" value=false chosen=predict/>
                    </fieldset>
                }.into_any(),
            }}
            <button class="button" data-testid="data-read-again" disabled=move || busy.get() on:click=move |_| read()>
                "Read again with these"
            </button>
        </Show>
    }
}

struct Asked {
    name: String,
    licence: String,
    attribution: String,
    held_out: u8,
    reconstruct: bool,
    length: usize,
}

fn filled(text: &str, default: &str) -> String {
    match text.trim() {
        "" => default.to_owned(),
        text => text.to_owned(),
    }
}

/// A file name as a title: `digits-8x8.csv.gz` to `digits 8x8`.
fn title(file: &str) -> String {
    let stem = file.split('.').next().unwrap_or(file);
    stem.replace(['-', '_'], " ")
}

/// Which of two files holds the labels of an IDX pair: by name, as MNIST's files have it.
fn is_labels(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.contains("label") || name.contains("idx1")
}

async fn import(app: App, mut files: Vec<File>, asked: Asked) -> Result<Chosen, String> {
    if files.len() > 2 {
        return Err("choose one file, or the two files of an IDX pair".to_owned());
    }
    files.sort_by_key(|file| is_labels(&file.name()));
    for file in &files {
        check_size(&file.name(), file.size() as u64).map_err(|e| e.to_string())?;
    }
    let first = files.first().ok_or("choose a file")?;
    let bytes = |file: &File| Bytes::of_file(file.clone().into(), None);
    let request = ImportRequest {
        file_name: first.name(),
        file: bytes(first),
        labels: files.get(1).map(bytes),
        name: asked.name,
        licence: asked.licence,
        attribution: asked.attribution,
        shape: None,
        held_out_percent: asked.held_out,
        reconstruct: asked.reconstruct,
        length: asked.length,
    };
    let worker = app.pool.importer().await.map_err(|e| e.to_string())?;
    let answer = worker.ask(Request::Import(Box::new(request))).await.map_err(|e| e.to_string())?;
    let Event::Imported(imported) = answer else {
        return Err("the worker gave an unexpected answer".to_owned());
    };
    let file = imported.dataset.into_vec();
    let preview = Preview::read(&file).map_err(|e| e.to_string())?;
    Ok(Chosen {
        reference: DatasetReference {
            digest: imported.digest,
            name: imported.summary.name,
            licence: imported.summary.licence,
            attribution: imported.summary.attribution,
        },
        preview: Arc::new(preview),
        file: Some(Arc::new(file)),
    })
}

/// Data sets of the models on the chain.
#[component]
fn Published(
    /// What was decided so far.
    draft: Draft,
) -> impl IntoView {
    let app = use_app();
    let busy = RwSignal::new(false);
    let problem = RwSignal::new(None::<String>);
    let known = use_load(
        move || {
            app.models.with(|m| {
                m.ready().map(|models| models.iter().map(|m| m.manifest).collect::<Vec<_>>())
            })
        },
        move |digests| async move {
            let config = app.config();
            let all = digests.into_iter().map(|digest| documents::manifest(&config, digest));
            let found: Vec<Arc<Manifest>> = join_all(all).await.into_iter().flatten().collect();
            let mut references: Vec<DatasetReference> = Vec::new();
            for manifest in found {
                if !references.iter().any(|r| r.digest == manifest.dataset.digest) {
                    references.push(manifest.dataset.clone());
                }
            }
            Ok::<_, String>(references)
        },
    );
    let choose = move |reference: DatasetReference| {
        busy.set(true);
        problem.set(None);
        spawn_local(async move {
            match documents::preview(&app.config(), reference.digest).await {
                Ok(preview) => {
                    draft.network.set(None);
                    draft.data.set(Some(Chosen { reference, preview, file: None }));
                }
                Err(error) => problem.set(Some(sentence(&error.to_string()))),
            }
            busy.set(false);
        });
    };
    let list = move || {
        match known.get() {
        Load::Waiting => view! { <Skeleton lines=2/> }.into_any(),
        Load::Failed(reason) => view! { <p class="field-error">{sentence(&reason)}</p> }.into_any(),
        Load::Ready(list) if list.is_empty() => {
            view! { <p class="muted">"No model has published data yet. Bring a file of your own."</p> }.into_any()
        }
        Load::Ready(list) => {
            let items = list.into_iter().map(|reference| {
                let mine = reference.clone();
                let digest = reference.digest;
                let chosen = move || draft.data.with(|d| d.as_ref().is_some_and(|d| d.digest() == digest));
                view! {
                    <li>
                        <button
                            class="option"
                            data-testid="published-data"
                            aria-pressed=move || chosen().to_string()
                            disabled=move || busy.get()
                            on:click=move |_| choose(mine.clone())
                        >
                            <strong>{reference.name.clone()}</strong>
                            <span class="muted">{format!("by {} · {}", reference.attribution, reference.licence)}</span>
                        </button>
                    </li>
                }
            });
            view! { <ul class="options">{items.collect_view()}</ul> }.into_any()
        }
    }
    };
    view! {
        {list}
        {move || busy.get().then(|| view! { <p class="muted" role="status">{icons::spinner()} " Fetching the data…"</p> })}
        {move || problem.get().map(|problem| view! { <p class="field-error" role="alert">{problem}</p> })}
    }
}

/// What is in the chosen data set.
#[component]
fn Shown(
    /// The data set.
    chosen: Chosen,
) -> impl IntoView {
    let preview = Arc::clone(&chosen.preview);
    let input = chosen.input();
    let shown = preview.samples.iter().take(SAMPLES).cloned().map(|sample| view! {
        <li class="example"><Example input=sample.input shape=input.clone() target=sample.target picture=sample.picture/></li>
    });
    let samples = shown.collect_view();
    let (words, bars) = match chosen.task() {
        Task::Classification { classes } => {
            let most = preview.balance.iter().copied().max().unwrap_or(1).max(1);
            let bars =
                classes.iter().zip(&preview.balance).take(CLASSES).map(|(name, count)| Bar {
                    name: name.clone(),
                    share: f64::from(*count) / f64::from(most),
                    value: format::count(u64::from(*count)),
                });
            (
                format!(
                    "{} to tell apart",
                    format::plural(classes.len() as u64, "class").replace("classs", "classes")
                ),
                bars.collect(),
            )
        }
        Task::Regression { outputs } => {
            (format!("{} to predict", format::plural(outputs.len() as u64, "number")), Vec::new())
        }
        Task::NextToken { tokens } => {
            (format!("{} to foretell", format::plural(tokens.len() as u64, "letter")), Vec::new())
        }
        Task::Reconstruction => ("to be drawn again from memory".to_owned(), Vec::new()),
        Task::Painting { side, .. } => {
            (format!("to be painted, {side} × {side} pixels each"), Vec::new())
        }
    };
    view! {
        <div class="chosen" data-testid="data-preview">
            <p class="callout good">
                {icons::check()}
                <span>
                    <strong>{chosen.reference.name.clone()}</strong>
                    {format!(
                        ": {}, each {}; {words}. {} to learn from, {} held out.",
                        format::plural(preview.examples as u64, "example"),
                        shape(&input),
                        format::count(u64::from(chosen.train())),
                        format::count(preview.held_out as u64),
                    )}
                </span>
            </p>
            <ul class="examples" aria-label="Examples">{samples}</ul>
            {(!bars.is_empty()).then(|| view! { <Bars bars label="Examples of each class" testid="balance-bar"/> })}
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_become_titles() {
        assert_eq!(title("digits-8x8.csv.gz"), "digits 8x8");
        assert!(is_labels("train-labels-idx1-ubyte.gz"));
        assert!(!is_labels("train-images-idx3-ubyte.gz"));
    }
}
