//! The second step: a network that fits the data.

use delea_model_runtime::{manifest::TrainingConfig, spec::ModelSpec};
use leptos::prelude::*;

use super::{
    Draft,
    templates::{Template, recipe, templates},
};
use crate::{
    components::{
        field::{TextArea, TextField},
        layers::LayerTable,
    },
    format,
    jobs::trainer::sentence,
};

/// The networks, what the chosen one is made of, and its recipe.
#[component]
pub(super) fn NetworkStep(
    /// What was decided so far.
    draft: Draft,
) -> impl IntoView {
    let Some(data) = draft.data.get_untracked() else { return ().into_any() };
    let (input, task) = (data.input(), data.task());
    let found = templates(&input, &task);
    let start = recipe(data.train());
    let rate = RwSignal::new(start.learning_rate.to_string());
    let batch = RwSignal::new(start.batch_size.to_string());
    let steps = RwSignal::new(start.steps.to_string());
    let json = RwSignal::new(String::new());
    let picked = RwSignal::new(None::<&'static str>);
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
    let spec = Memo::new(move |_| {
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
        let whole = match (spec.get(), config.get(), memory.get()) {
            (Ok(spec), Ok(config), Some(Ok(_))) => Some((spec, config)),
            _ => None,
        };
        draft.network.set(whole);
    });
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
    let shown =
        move || spec.get().ok().map(|spec| view! { <LayerTable spec=Signal::stored(spec)/> });
    view! {
        <ul class="options">{cards.collect_view()}</ul>
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
