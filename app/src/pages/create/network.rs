//! The second step: a network that fits the data.

use delea_model_runtime::{
    manifest::TrainingConfig,
    spec::{Body, ModelSpec},
};
use leptos::prelude::*;

use super::{
    Draft, Network,
    templates::{Template, recipe, templates},
    upload::{Upload, UploadModel},
};
use crate::{
    components::{
        field::{TextArea, TextField},
        icons,
        layers::LayerTable,
    },
    format,
    jobs::trainer::sentence,
};

/// The choice of a model of one's own, among the templates.
const UPLOAD: &str = "upload";

/// The networks, what the chosen one is made of, and its recipe.
#[component]
pub(super) fn NetworkStep(
    /// What was decided so far.
    draft: Draft,
) -> impl IntoView {
    let Some(data) = draft.data.get_untracked() else { return ().into_any() };
    let (input, task) = (data.input(), data.task());
    let chosen = StoredValue::new(data.clone());
    let found = templates(&input, &task);
    let start = recipe(data.train());
    let rate = RwSignal::new(start.learning_rate.to_string());
    let batch = RwSignal::new(start.batch_size.to_string());
    let steps = RwSignal::new(start.steps.to_string());
    let json = RwSignal::new(String::new());
    let picked = RwSignal::new(None::<&'static str>);
    let upload = RwSignal::new(None::<Upload>);
    if draft.reference.with_untracked(|r| r.trim().is_empty()) {
        draft.reference.set(start.steps.to_string());
    }
    let take = move |template: &Template| {
        picked.set(Some(template.id));
        json.set(serde_json::to_string_pretty(&template.spec).unwrap_or_default());
    };
    if let Some(first) = found.first() {
        take(first);
    }
    let fits = StoredValue::new((input, task));
    let own = move || picked.get() == Some(UPLOAD);
    // A network that came with its parameters can be looked at as JSON too, if that is not all too long.
    Effect::new(move |_| {
        if let Some(Upload { spec: spec @ ModelSpec { body: Body::Layers(_), .. }, .. }) =
            upload.get()
        {
            json.set(serde_json::to_string_pretty(&spec).unwrap_or_default());
        }
    });
    let spec = Memo::new(move |_| {
        if let (true, Some(Upload { spec: spec @ ModelSpec { body: Body::Graph(_), .. }, .. })) =
            (own(), upload.get())
        {
            return Ok(spec);
        }
        let spec = ModelSpec::from_json(&json.get()).map_err(|e| sentence(&e.to_string()))?;
        fits.with_value(|(input, task)| match spec.input == *input && spec.task == *task {
            true => Ok(spec.clone()),
            false => Err("The input and the task must stay those of the data.".to_owned()),
        })
    });
    let config = Memo::new(move |_| {
        let read = |text: RwSignal<String>, name: &str| {
            let text = text.get();
            text.trim().parse::<f64>().map_err(|_| format!("The {name} is not a number."))
        };
        let config = TrainingConfig {
            learning_rate: read(rate, "learning rate")? as f32,
            batch_size: read(batch, "batch size")? as usize,
            steps: read(steps, "number of steps")? as u32,
            optimizer: recipe(1).optimizer,
        };
        config.validate().map_err(|e| sentence(&e.to_string()))?;
        Ok::<_, String>(config)
    });
    let memory = Memo::new(move |_| match (spec.get(), config.get()) {
        (Ok(spec), Ok(config)) => {
            let batch = config.batch_size;
            Some(
                spec.check_memory(batch)
                    .and_then(|()| spec.training_bytes(batch))
                    .map_err(|e| sentence(&e.to_string())),
            )
        }
        _ => None,
    });
    Effect::new(move |_| {
        let brought = upload.get().filter(|_| own());
        let whole = match (spec.get(), config.get(), memory.get()) {
            (Ok(spec), Ok(config), Some(Ok(_))) => {
                let parameters = brought.filter(|upload| upload.spec == spec);
                let parameters = parameters.map(|upload| upload.parameters.clone());
                // What was brought is not given up for what a template would begin with.
                (!own() || parameters.is_some()).then_some(Network { spec, config, parameters })
            }
            _ => None,
        };
        draft.network.set(whole);
    });
    let proposed = StoredValue::new(found.iter().map(|t| t.spec.clone()).collect::<Vec<_>>());
    let cards = found.into_iter().map(|template| {
        let id = template.id;
        let count = template.spec.parameter_count().unwrap_or(0);
        let (name, words) = (template.name, template.words);
        view! {
            <li>
                <button
                    class="option"
                    data-testid=format!("template-{id}")
                    aria-pressed=move || (picked.get() == Some(id)).to_string()
                    on:click=move |_| take(&template)
                >
                    <strong>{name}</strong>
                    <span class="muted">{words}</span>
                    <span class="badge">{format::plural(count, "parameter")}</span>
                </button>
            </li>
        }
    });
    let shown = move || {
        let ready = !own() || upload.with(Option::is_some);
        spec.get()
            .ok()
            .filter(|_| ready)
            .map(|spec| view! { <LayerTable spec=Signal::stored(spec)/> })
    };
    // Parameters may belong to the network that was written, else to one of those proposed.
    let specs = Signal::derive(move || {
        let written = spec.get().ok().filter(|spec| matches!(spec.body, Body::Layers(_)));
        let mut all: Vec<ModelSpec> = written.into_iter().collect();
        proposed.with_value(|proposed| all.extend(proposed.iter().cloned()));
        all
    });
    let edited = move || {
        own() && upload.with(|u| u.as_ref().is_some_and(|u| spec.get().is_ok_and(|s| s != u.spec)))
    };
    view! {
        <ul class="options">
            {cards.collect_view()}
            <li>
                <button
                    class="option"
                    data-testid="template-upload"
                    aria-pressed=move || own().to_string()
                    on:click=move |_| picked.set(Some(UPLOAD))
                >
                    <strong>"A model of your own"</strong>
                    <span class="muted">"Bring a trained model from PyTorch, Keras, scikit-learn or elsewhere; it goes on learning here."</span>
                    <span class="badge">"ONNX, safetensors, .pt"</span>
                </button>
            </li>
        </ul>
        <Show when=own>
            <UploadModel data=chosen.get_value() specs upload/>
        </Show>
        {move || edited().then(|| view! {
            <p class="callout warn" role="status">
                {icons::info()} <span>"You changed the network: read the file again to see whether its parameters fit."</span>
            </p>
        })}
        {shown}
        {move || memory.get().map(|memory| match memory {
            Ok(size) => view! { <p class="muted">{format!("Training it takes about {} of memory.", format::bytes(size))}</p> }.into_any(),
            Err(error) => view! { <p class="field-error" role="alert">{error}</p> }.into_any(),
        })}
        <details class="more" data-testid="advanced">
            <summary>"Advanced: recipe and layers"</summary>
            <div class="form-grid">
                <TextField id="learning-rate" label="Learning rate" value=rate inputmode="decimal"/>
                <TextField id="batch-size" label="Examples a step" value=batch inputmode="numeric"/>
                <TextField id="default-steps" label="Steps of a training by default" value=steps inputmode="numeric"/>
            </div>
            {move || config.get().err().map(|error| view! { <p class="field-error" role="alert">{error}</p> })}
            <TextArea
                id="spec-json"
                label="The network as JSON"
                value=json
                rows=14
                code=true
                help="Layers in order; each is checked against the shape it gets."
                error=Signal::derive(move || spec.get().err())
            />
        </details>
    }
    .into_any()
}
