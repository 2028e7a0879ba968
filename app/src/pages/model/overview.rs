//! What a model does, what it is made of, what it learns from.

use leptos::prelude::*;
use leptos_router::components::A;

use super::ModelView;
use crate::{
    components::{
        address::AddressTag,
        bars::{Bar, Bars},
        icons,
        layers::{LayerTable, shape},
        sample::Example,
        states::{Failure, Skeleton},
    },
    format,
    load::Load,
};

/// Samples shown.
const SAMPLES: usize = 20;

/// The tab.
#[component]
pub(super) fn Overview(
    /// The model.
    model: ModelView,
) -> impl IntoView {
    let address = model.address;
    let main = move || match model.manifest.get() {
        Load::Waiting => view! { <Skeleton lines=5/> }.into_any(),
        Load::Failed(reason) => view! {
            <Failure title="The model’s description is missing" reason>
                <p class="muted">"Its token still works; training and use need the description."</p>
            </Failure>
        }
        .into_any(),
        Load::Ready(manifest) => {
            let memory = manifest.spec.training_bytes(manifest.training.batch_size).unwrap_or(0);
            let spec = Signal::stored(manifest.spec.clone());
            let adapts = manifest.spec.base().is_some();
            view! {
                <section class="panel">
                    <p class="lead">{manifest.description.clone()}</p>
                    <div class="actions">
                        <A href=format!("/model/{address}/train") attr:class="button primary large">
                            "Train it" {icons::arrow()}
                        </A>
                        <A href=format!("/model/{address}/use") attr:class="button large">"Use it"</A>
                        {adapts.then(|| view! {
                            <A href=format!("/studio?wear={address}:1") attr:class="button large" attr:data-testid="open-in-studio">"Open in the studio"</A>
                        })}
                    </div>
                    {adapts.then(|| view! {
                        <p class="muted">"An adapter for the studio: it changes what a painter paints, and can be worn together with others."</p>
                    })}
                </section>
                <section class="panel">
                    <h2>"How it is built"</h2>
                    <p class="muted">
                        {format!(
                            "Each step learns from {} at once; a training does {} by default and takes about {} of memory.",
                            format::plural(manifest.training.batch_size as u64, "example"),
                            format::plural(u64::from(manifest.training.steps), "step"),
                            format::bytes(memory),
                        )}
                    </p>
                    <LayerTable spec/>
                </section>
                <section class="panel">
                    <h2>"What it learns from"</h2>
                    <p>
                        <strong>{manifest.dataset.name.clone()}</strong>
                        <span class="muted">
                            {format!(" by {} · licence {}", manifest.dataset.attribution, manifest.dataset.licence)}
                        </span>
                    </p>
                    <Data model/>
                </section>
            }
            .into_any()
        }
    };
    let summary = Memo::new(move |_| model.detail.with(|d| d.summary.clone()));
    view! {
        <div class="columns">
            <div class="column-main">{main}</div>
            <aside class="column-side">
                <section class="panel">
                    <h2>"Facts"</h2>
                    <dl class="list">
                        <dt>"Model and token"</dt><dd><AddressTag address/></dd>
                        <dt>"Created by"</dt><dd>{move || view! { <AddressTag address=summary.with(|s| s.creator)/> }}</dd>
                        <dt>"Versions"</dt><dd>{move || summary.with(|s| format::count(u64::from(s.versions)))}</dd>
                        <dt>"Jobs"</dt><dd>{move || summary.with(|s| format::count(s.jobs))}</dd>
                        <dt>"Left to earn"</dt><dd>{move || summary.with(|s| model.amount(s.pool))}</dd>
                    </dl>
                </section>
            </aside>
        </div>
    }
}

/// Examples and their balance.
#[component]
fn Data(
    /// The model.
    model: ModelView,
) -> impl IntoView {
    move || match model.preview.get() {
        Load::Waiting => view! { <Skeleton lines=2/> }.into_any(),
        Load::Failed(reason) => {
            view! { <Failure title="The data set is missing" reason/> }.into_any()
        }
        Load::Ready(preview) => {
            let input = preview.header.input.clone();
            let samples = preview.samples.iter().take(SAMPLES).cloned().map(|sample| view! {
                <li class="example"><Example input=sample.input shape=input.clone() target=sample.target picture=sample.picture/></li>
            });
            let samples = samples.collect_view();
            let most = preview.balance.iter().copied().max().unwrap_or(0).max(1);
            let bars: Vec<Bar> = match &preview.header.task {
                delea_model_runtime::spec::Task::Classification { classes } => classes
                    .iter()
                    .zip(&preview.balance)
                    .map(|(name, count)| Bar {
                        name: name.clone(),
                        share: f64::from(*count) / f64::from(most),
                        value: format::count(u64::from(*count)),
                    })
                    .collect(),
                _ => Vec::new(),
            };
            view! {
                <p class="muted">
                    {format!(
                        "{}, each {}; {} of them are held out to measure with.",
                        format::plural(preview.examples as u64, "example"),
                        shape(&input),
                        format::count(preview.held_out as u64),
                    )}
                </p>
                <ul class="examples" aria-label="Examples">{samples}</ul>
                {(!bars.is_empty()).then(|| view! {
                    <details class="more">
                        <summary>"Examples of each class"</summary>
                        <Bars bars label="Examples of each class" testid="balance-bar"/>
                    </details>
                })}
            }
            .into_any()
        }
    }
}
