//! A network as a table that reads from top to bottom, in words.

use delea_model_runtime::spec::{ModelSpec, Shape};
use leptos::prelude::*;

use crate::{format, jobs::trainer::sentence};

/// A layer's type in words a newcomer can follow.
fn kind(name: &str) -> &'static str {
    match name {
        "dense" => "Fully connected",
        "conv2d" => "Convolution",
        "max_pool2d" => "Keep the largest of each patch",
        "avg_pool2d" => "Average each patch",
        "global_avg_pool" => "Average over all positions",
        "flatten" => "Flatten to a list",
        "activation" => "Activation",
        "batch_norm" => "Normalise over the batch",
        "layer_norm" => "Normalise each vector",
        "group_norm" => "Normalise channel groups",
        "dropout" => "Dropout (in training only)",
        "embedding" => "Words to vectors",
        "transformer_block" => "Transformer block",
        "residual" => "Add the block's input",
        _ => "Layer",
    }
}

/// A shape in words.
pub(crate) fn shape(shape: &Shape) -> String {
    match shape {
        Shape::Features { size } => format::plural(*size as u64, "number"),
        Shape::Image { channels: 1, height, width } => format!("{width} × {height} grey"),
        Shape::Image { channels: 3, height, width } => format!("{width} × {height} colour"),
        Shape::Image { channels, height, width } => format!("{width} × {height} × {channels}"),
        Shape::Tokens { length, .. } => format!("{length} words"),
        Shape::Sequence { length, dimension } => format!("{length} × {dimension}"),
    }
}

/// The layers of a network.
#[component]
pub(crate) fn LayerTable(
    /// The network.
    #[prop(into)]
    spec: Signal<ModelSpec>,
) -> impl IntoView {
    move || {
        spec.with(|spec| match spec.validate() {
            Err(error) => view! { <p class="field-error">{sentence(&error.to_string())}</p> }.into_any(),
            Ok(rows) => {
                let total: u64 = rows.iter().map(|row| row.parameters).sum();
                let body = rows.into_iter().map(|row| view! {
                    <tr>
                        <td class="number muted">{row.position}</td>
                        <td>{kind(&row.kind)}</td>
                        <td>{shape(&row.output)}</td>
                        <td class="number">{if row.parameters == 0 { "—".to_owned() } else { format::count(row.parameters) }}</td>
                    </tr>
                }).collect_view();
                view! {
                    <div class="table-scroll" tabindex="0" role="region" aria-label="Layers">
                        <table class="table" data-testid="layers">
                            <thead>
                                <tr>
                                    <th class="number" scope="col">"#"</th>
                                    <th scope="col">"Layer"</th>
                                    <th scope="col">"Gives"</th>
                                    <th class="number" scope="col">"Parameters"</th>
                                </tr>
                            </thead>
                            <tbody>
                                <tr>
                                    <td></td>
                                    <td>"Input"</td>
                                    <td>{shape(&spec.input)}</td>
                                    <td class="number">"—"</td>
                                </tr>
                                {body}
                            </tbody>
                            <tfoot>
                                <tr>
                                    <td></td>
                                    <td colspan="2">"In all"</td>
                                    <td class="number">{format::count(total)}</td>
                                </tr>
                            </tfoot>
                        </table>
                    </div>
                }.into_any()
            }
        })
    }
}
