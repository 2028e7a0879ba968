//! A network of one's own, from a file: read in a worker, tried on the data, and shown before anything is paid.

use delea_model_runtime::{
    message::{Bytes, Event, Inspection, Match, ModelFiles, ModelRead, Request},
    spec::{Body, ModelSpec, Task},
};
use leptos::prelude::*;
use leptos::reactive::owner::LocalStorage;
use wasm_bindgen_futures::spawn_local;
use web_sys::File;

use super::Chosen;
use crate::{
    app::{App, use_app},
    components::{field::DropFiles, icons, matches::Matches},
    format,
    jobs::{client::Client, given, trainer::sentence},
    store::blobs,
};

/// A model that was read and tried.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Upload {
    /// The model.
    pub(super) spec: ModelSpec,
    /// Its parameter file.
    pub(super) parameters: Bytes,
    /// What was read, for the visitor.
    told: Told,
}

#[derive(Debug, Clone, PartialEq)]
struct Told {
    origin: String,
    notes: Vec<String>,
    matches: Vec<Match>,
    inspection: Inspection,
}

/// What is being done.
#[derive(Debug, Clone, PartialEq)]
enum Stage {
    Idle,
    Reading,
    Trying,
    Failed(String),
    /// Parameters that do not fit, beside those that are needed.
    Unfit(Vec<Match>),
}

/// The file, what is done with it, and what came of it.
#[component]
pub(super) fn UploadModel(
    /// The data that the model is to learn from.
    data: Chosen,
    /// Networks that parameters without a graph may belong to.
    #[prop(into)]
    specs: Signal<Vec<ModelSpec>>,
    /// The model, once there is one.
    upload: RwSignal<Option<Upload>>,
) -> impl IntoView {
    let app = use_app();
    let stage = RwSignal::new(Stage::Idle);
    let files = StoredValue::new_local(Vec::<File>::new());
    let worker = StoredValue::new_local(None::<Client>);
    let data = StoredValue::new(data);
    let stop = move || {
        if let Some(Some(client)) = worker.try_update_value(Option::take) {
            client.kill("it was stopped");
        }
    };
    on_cleanup(stop);
    let read = move || {
        let chosen = files.get_value();
        if chosen.is_empty() {
            return;
        }
        upload.set(None);
        stage.set(Stage::Reading);
        let specs = specs.get_untracked();
        spawn_local(async move {
            let end = match attempt(app, chosen, specs, data.get_value(), stage, worker).await {
                Ok(Ok(done)) => {
                    upload.try_set(Some(done));
                    Stage::Idle
                }
                Ok(Err(matches)) => Stage::Unfit(matches),
                Err(reason) => Stage::Failed(sentence(&reason)),
            };
            worker.try_set_value(None);
            stage.try_set(end);
        });
    };
    let take = move |taken: Vec<File>| {
        if !taken.is_empty() {
            // The files that a model still lacks may come after it.
            let names: Vec<_> = taken.iter().map(File::name).collect();
            let begins =
                upload.with_untracked(Option::is_some) || names.iter().any(|name| is_model(name));
            files.update_value(|all| {
                if begins {
                    all.clear();
                }
                all.retain(|file| !names.contains(&file.name()));
                all.extend(taken);
            });
            read();
        }
    };
    let busy = move || matches!(stage.get(), Stage::Reading | Stage::Trying);
    view! {
        <DropFiles
            title="Drop a model here or choose one"
            words="ONNX (.onnx, with its data files), PyTorch (.pt, .pth), safetensors, Burn (.bpk), or a zip of spec.json and parameters.safetensors. It is read in your tab; no code in it is run."
            accept=".onnx,.data,.bin,.safetensors,.pt,.pth,.bpk,.zip"
            testid="model-file"
            problem="model-problem"
            take
        />
        <Show when=busy>
            <p class="muted" role="status" data-testid="model-busy">
                {icons::spinner()}
                {move || if stage.get() == Stage::Trying { " Trying it on your data…" } else { " Reading the model…" }}
                <button class="button small" on:click=move |_| stop()>"Stop"</button>
            </p>
        </Show>
        <div id="model-problem" role="alert">
            {move || match stage.get() {
                Stage::Failed(reason) => view! { <p class="field-error" data-testid="model-error">{reason}</p> }.into_any(),
                Stage::Unfit(matches) => view! { <Unfit matches/> }.into_any(),
                _ => ().into_any(),
            }}
        </div>
        {move || upload.get().map(|upload| view! { <Shown upload task=data.with_value(Chosen::task)/> })}
        <Show when=move || !busy() && files.with_value(|files| !files.is_empty())>
            <button class="button" data-testid="model-read-again" on:click=move |_| read()>"Read it again"</button>
        </Show>
    }
}

/// Whether a file is a model by itself, rather than a part of one.
fn is_model(name: &str) -> bool {
    let name = name.to_lowercase();
    [".onnx", ".pt", ".pth", ".safetensors", ".bpk", ".zip"].iter().any(|end| name.ends_with(end))
}

type Found = Result<Upload, Vec<Match>>;

/// Reads files and tries what they hold.
async fn attempt(
    app: App,
    files: Vec<File>,
    specs: Vec<ModelSpec>,
    data: Chosen,
    stage: RwSignal<Stage>,
    worker: StoredValue<Option<Client>, LocalStorage>,
) -> Result<Found, String> {
    let say = |error: delea_model_runtime::RuntimeError| error.to_string();
    let named = given::named(files).map_err(say)?;
    let client = app.pool.importer().await.map_err(say)?;
    worker.try_set_value(Some(client.clone()));
    let request = ModelFiles { files: named, input: data.input(), task: data.task(), specs };
    let answer = client.ask(Request::ReadModel(Box::new(request))).await.map_err(say)?;
    let Event::ModelRead(read) = answer else {
        return Err("the worker gave an unexpected answer".to_owned());
    };
    // Its memory goes before another worker needs some.
    worker.try_set_value(None);
    drop(client);
    let ModelRead { mut spec, parameters, notes, origin, matches } = *read;
    let Some(parameters) = parameters else { return Ok(Err(matches)) };
    stage.try_set(Stage::Trying);
    let config = app.config();
    let dataset = match &data.file {
        Some(file) => file.to_vec(),
        None => {
            let file = blobs::get(&config, data.digest(), "the data set").await;
            file.map_err(|error| error.to_string())?
        }
    };
    let client = Client::spawn(&config.workers.of(&spec).cpu).await.map_err(say)?;
    worker.try_set_value(Some(client.clone()));
    let request = Request::Inspect {
        spec: spec.clone(),
        parameters: parameters.clone(),
        dataset: dataset.into(),
    };
    let Event::Inspected(inspection) = client.ask(request).await.map_err(say)? else {
        return Err("the worker gave an unexpected answer".to_owned());
    };
    if let Body::Graph(graph) = &mut spec.body {
        graph.note_shapes(&inspection.shapes);
    }
    let told = Told { origin, notes, matches, inspection: *inspection };
    Ok(Ok(Upload { spec, parameters, told }))
}

/// What was read, and how good it is.
#[component]
fn Shown(
    /// The model.
    upload: Upload,
    /// What it is to do.
    task: Task,
) -> impl IntoView {
    let Upload { spec, parameters, told } = upload;
    let (count, trained) = match &spec.body {
        Body::Graph(graph) => {
            (format::plural(graph.nodes.len() as u64, "operator"), graph.trained_count())
        }
        Body::Painter(painter) => (
            format::plural(painter.sizes.depth as u64, "block"),
            spec.parameter_count().unwrap_or_default(),
        ),
        Body::Layers(layers) => (
            format::plural(layers.len() as u64, "layer"),
            spec.parameter_count().unwrap_or_default(),
        ),
    };
    let all = spec.parameter_count().unwrap_or_default();
    let Told { origin, notes, matches, inspection } = told;
    let measured = match task {
        Task::Classification { .. } => {
            let right = f64::from(inspection.evaluation.accuracy_ppm) / 1e6;
            format!("gets {} of the held-out examples right", format::percent(right))
        }
        Task::NextToken { .. } => {
            let right = f64::from(inspection.evaluation.accuracy_ppm) / 1e6;
            format!("foretells {} of the held-out text", format::percent(right))
        }
        Task::Regression { .. } | Task::Reconstruction | Task::Painting { .. } => {
            let loss = format::number(f64::from(inspection.evaluation.loss));
            format!("has a mean squared error of {loss} on the held-out examples")
        }
    };
    view! {
        <div class="callout good" data-testid="model-read">
            {icons::check()}
            <div>
                <p>
                    <strong>{origin}</strong>
                    {format!(": {count}, {}, {}. ", format::plural(all, "parameter"), format::bytes(parameters.len() as u64))}
                    {match all == trained {
                        true => "Training changes all of them.".to_owned(),
                        false => format!("Training changes {} of them.", format::count(trained)),
                    }}
                </p>
                <p data-testid="model-measured">{format!("As it is, it {measured}.")}</p>
                {(!notes.is_empty()).then(|| view! {
                    <ul class="notes" data-testid="model-notes">{notes.into_iter().map(|note| view! { <li>{note}</li> }).collect_view()}</ul>
                })}
            </div>
        </div>
        {(!matches.is_empty()).then(|| view! {
            <details class="more">
                <summary>"Which parameter went where"</summary>
                <Matches matches/>
            </details>
        })}
    }
}

/// Parameters that do not fit.
#[component]
fn Unfit(
    /// One row a parameter.
    matches: Vec<Match>,
) -> impl IntoView {
    let wrong = matches.iter().filter(|row| !row.fits).count();
    view! {
        <p class="field-error" data-testid="model-error">
            {format!(
                "{} of {} parameters do not fit the network. Write the network that they belong to under “Advanced”, then read the file again; or bring the model as ONNX, which has its network in it.",
                wrong, matches.len()
            )}
        </p>
        <Matches matches/>
    }
}
