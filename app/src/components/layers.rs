//! A network as a table that reads from top to bottom, in words.

use delea_model_runtime::spec::{Activation, LayerSpec, ModelSpec, Shape};
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
        "dropout" => "Dropout while training",
        "embedding" => "Words to vectors",
        "transformer_block" => "Transformer block",
        "residual" => "Add the block's input",
        _ => "Layer",
    }
}

/// The layer at a position such as `3` or, inside a residual block, `3.1`.
fn at<'a>(layers: &'a [LayerSpec], position: &str) -> Option<&'a LayerSpec> {
    let (first, rest) = match position.split_once('.') {
        Some((first, rest)) => (first, Some(rest)),
        None => (position, None),
    };
    let layer = layers.get(first.parse::<usize>().ok()?)?;
    match (layer, rest) {
        (LayerSpec::Residual { layers }, Some(rest)) => at(layers, rest),
        (_, Some(_)) => None,
        (layer, None) => Some(layer),
    }
}

/// A layer in words: its type, and its setting where that says more.
fn words(layers: &[LayerSpec], position: &str, name: &str) -> String {
    let detail = match at(layers, position) {
        Some(LayerSpec::Activation { function }) => match function {
            Activation::Relu => "ReLU".to_owned(),
            Activation::LeakyRelu => "leaky ReLU".to_owned(),
            Activation::Gelu => "GELU".to_owned(),
            Activation::Silu => "SiLU".to_owned(),
            Activation::Tanh => "tanh".to_owned(),
            Activation::Sigmoid => "sigmoid".to_owned(),
        },
        Some(LayerSpec::Conv2d { kernel, .. }) => format!("{kernel} × {kernel}"),
        Some(LayerSpec::MaxPool2d { size } | LayerSpec::AvgPool2d { size }) => {
            format!("{size} × {size}")
        }
        Some(LayerSpec::Dropout { rate }) => format::percent(f64::from(*rate)),
        _ => return kind(name).to_owned(),
    };
    format!("{}, {detail}", kind(name))
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
                        <td class="number muted">{row.position.clone()}</td>
                        <td>{words(&spec.layers, &row.position, &row.kind)}</td>
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_are_named_with_their_setting() {
        let layers = [LayerSpec::Residual {
            layers: vec![LayerSpec::Flatten, LayerSpec::Activation { function: Activation::Relu }],
        }];
        assert_eq!(words(&layers, "0.1", "activation"), "Activation, ReLU");
        assert_eq!(words(&layers, "0.0", "flatten"), "Flatten to a list");
        assert_eq!(words(&layers, "7", "dense"), "Fully connected");
    }
}
