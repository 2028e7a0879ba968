//! A network as a table that reads from top to bottom, in words.

use std::collections::BTreeSet;

use delea_model_runtime::{
    RuntimeError,
    graph::{Graph, elements},
    spec::{Activation, Body, LayerSpec, ModelSpec, Shape},
    studio::Painter,
};
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
        "embedding" => "Symbols to vectors",
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
        Shape::Tokens { length, .. } => format!("{length} symbols"),
        Shape::Sequence { length, dimension } => format!("{length} × {dimension}"),
    }
}

/// A graph's operator in words a newcomer can follow; nothing where its own name says as much.
fn operator(name: &str) -> Option<&'static str> {
    Some(match name {
        "Conv" => "Convolution",
        "ConvTranspose" => "Convolution to a larger picture",
        "Gemm" | "MatMul" => "Fully connected",
        "MaxPool" => "Keep the largest of each patch",
        "AveragePool" => "Average each patch",
        "GlobalAveragePool" => "Average over all positions",
        "BatchNormalization" => "Normalise over the batch",
        "LayerNormalization" => "Normalise each vector",
        "Gather" => "Look up",
        "Attention" => "Attention",
        "Relu" | "Sigmoid" | "Tanh" | "Gelu" | "Erf" | "Elu" | "LeakyRelu" | "HardSwish" => {
            "Activation"
        }
        "Softmax" | "LogSoftmax" => "To probabilities",
        "Add" | "Mul" | "Sub" | "Div" => "Calculate",
        "Reshape" | "Flatten" | "Transpose" | "Squeeze" | "Unsqueeze" => "Bring into shape",
        _ => return None,
    })
}

/// A row of the table.
struct Row {
    position: String,
    words: String,
    /// What it is called by its maker.
    name: String,
    gives: String,
    parameters: u64,
}

fn rows(spec: &ModelSpec) -> Result<Vec<Row>, RuntimeError> {
    match &spec.body {
        Body::Layers(layers) => Ok(spec
            .summary()?
            .into_iter()
            .map(|row| Row {
                words: words(layers, &row.position, &row.kind),
                position: row.position,
                name: String::new(),
                gives: shape(&row.output),
                parameters: row.parameters,
            })
            .collect()),
        Body::Graph(graph) => spec.validate().map(|()| nodes(graph)),
        Body::Painter(painter) => spec.validate().map(|()| parts(painter)),
    }
}

/// A painter's parts, in the order in which a picture goes through them.
fn parts(painter: &Painter) -> Vec<Row> {
    let sizes = &painter.sizes;
    let count = |shape: &[usize]| shape.iter().map(|side| *side as u64).product::<u64>();
    let mut rows: Vec<Row> = Vec::new();
    for (name, shape) in painter.parameter_shapes() {
        let mut path = name.trim_start_matches("adapter.").split('.');
        let (part, block) = (path.next().unwrap_or_default(), path.next().unwrap_or_default());
        let position = if part == "blocks" { format!("{part}.{block}") } else { part.to_owned() };
        match rows.iter_mut().find(|row| row.position == position) {
            Some(row) => row.parameters += count(&shape),
            None => rows.push(Row {
                words: part_in_words(part).to_owned(),
                position,
                name: String::new(),
                gives: match part {
                    "output" => shape_of(sizes.side, sizes.channels),
                    "token" => format!("{} × {}", shape[0], sizes.width),
                    _ => format!("{} × {}", sizes.patches() + sizes.length, sizes.width),
                },
                parameters: count(&shape),
            }),
        }
    }
    let order = ["words", "token", "patches", "time", "prompt", "modulation", "blocks"];
    rows.sort_by_key(|row| {
        let part = row.position.split('.').next().unwrap_or_default();
        order.iter().position(|known| *known == part).unwrap_or(order.len())
    });
    rows
}

fn shape_of(side: usize, channels: usize) -> String {
    shape(&Shape::Image { channels, height: side, width: side })
}

/// A painter's part in words.
fn part_in_words(part: &str) -> &'static str {
    match part {
        "patches" => "Cut into patches",
        "words" => "Look up the words",
        "token" => "Its own words",
        "time" => "How much noise there is",
        "prompt" => "Sum of the words",
        "modulation" | "output_modulation" => "What time and words change",
        "blocks" => "Transformer block",
        "output" => "Back to pixels",
        _ => "Part",
    }
}

/// The nodes of a graph, each parameter being counted where it is used first.
fn nodes(graph: &Graph) -> Vec<Row> {
    let mut seen = BTreeSet::new();
    let mut rows = Vec::with_capacity(graph.nodes.len());
    for (place, node) in graph.nodes.iter().enumerate() {
        let own = node.inputs.iter().filter(|name| seen.insert(name.as_str()));
        let own = own.filter_map(|name| graph.parameters.get(name));
        let sides: Vec<_> = node.shape.iter().skip(1).map(usize::to_string).collect();
        rows.push(Row {
            position: place.to_string(),
            parameters: own.filter_map(|parameter| elements(&parameter.shape)).sum(),
            words: match operator(&node.op) {
                Some(words) => format!("{words}, {}", node.op),
                None => node.op.clone(),
            },
            name: node.name.clone(),
            gives: sides.join(" × "),
        });
    }
    rows
}

/// The layers of a network.
#[component]
pub(crate) fn LayerTable(
    /// The network.
    #[prop(into)]
    spec: Signal<ModelSpec>,
) -> impl IntoView {
    move || {
        spec.with(|spec| match rows(spec) {
            Err(error) => view! { <p class="field-error">{sentence(&error.to_string())}</p> }.into_any(),
            Ok(rows) => {
                let total: u64 = rows.iter().map(|row| row.parameters).sum();
                let body = rows.into_iter().map(|row| view! {
                    <tr>
                        <td class="number muted">{row.position}</td>
                        <td title=row.name>{row.words}</td>
                        <td>{row.gives}</td>
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
