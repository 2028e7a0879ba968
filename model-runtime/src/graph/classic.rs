//! Operators of ONNX's domain for classical machine learning, as scikit-learn's linear models are exported with,
//! said in those of the default domain.
//!
//! Source: <https://onnx.ai/onnx/operators/index.html#ai-onnx-ml>.

use super::{Attribute, Constant, Element, Graph, Node, Parameter, Values};
use crate::{
    RuntimeError,
    tensors::{TensorFile, TensorValue},
};

/// Before the names of these operators.
const DOMAIN: &str = "ai.onnx.ml.";

/// Replaces what can be replaced; other operators stay, and are named if something needs them.
///
/// # Errors
/// [`RuntimeError::BadNode`] for one whose settings contradict themselves.
pub(super) fn rewrite(graph: &mut Graph, parameters: &mut TensorFile) -> Result<(), RuntimeError> {
    let mut nodes = Vec::with_capacity(graph.nodes.len());
    for node in std::mem::take(&mut graph.nodes) {
        match node.op.strip_prefix(DOMAIN) {
            Some("LinearClassifier") => classifier(&node, graph, parameters, &mut nodes)?,
            Some("LinearRegressor") => regressor(&node, graph, parameters, &mut nodes)?,
            Some("Scaler") => scaler(&node, graph, &mut nodes)?,
            Some("Normalizer") => nodes.push(normalizer(node)?),
            _ => nodes.push(node),
        }
    }
    graph.nodes = nodes;
    Ok(())
}

fn name(node: &Node, part: &str) -> String {
    let output = node.outputs.last().map_or("", String::as_str);
    format!("{output}.{part}")
}

fn output(node: &Node, place: usize) -> Result<String, RuntimeError> {
    node.outputs.get(place).cloned().ok_or_else(|| node.bad("it gives nothing"))
}

fn input(node: &Node) -> Result<String, RuntimeError> {
    node.inputs.first().cloned().ok_or_else(|| node.bad("it takes nothing"))
}

/// x·Wᵀ + b with weights from the node's own settings, which become parameters.
fn product(
    node: &Node,
    rows: usize,
    to: String,
    graph: &mut Graph,
    file: &mut TensorFile,
) -> Result<Node, RuntimeError> {
    let weights = node.floats("coefficients")?.unwrap_or_default();
    if rows == 0 || weights.is_empty() || !weights.len().is_multiple_of(rows) {
        return Err(node.bad(format!("it has {} coefficients for {rows} outputs", weights.len())));
    }
    let mut add = |part: &str, shape: Vec<usize>, values: &[f32]| {
        let name = name(node, part);
        let tensor = TensorValue::from_f32(shape.clone(), values);
        file.tensors.insert(name.clone(), tensor);
        graph.parameters.insert(name.clone(), Parameter { shape, trained: true });
        name
    };
    let mut inputs =
        vec![input(node)?, add("coefficients", vec![rows, weights.len() / rows], weights)];
    if let Some(intercepts) = node.floats("intercepts")?.filter(|values| values.len() == rows) {
        inputs.push(add("intercepts", vec![rows], intercepts));
    }
    Ok(Node {
        op: "Gemm".into(),
        name: node.name.clone(),
        inputs,
        outputs: vec![to],
        attributes: [("transB".to_owned(), Attribute::Int(1))].into(),
        ..Node::default()
    })
}

fn step(op: &str, inputs: Vec<String>, to: String) -> Node {
    Node { op: op.into(), inputs, outputs: vec![to], ..Node::default() }
}

fn classifier(
    node: &Node,
    graph: &mut Graph,
    file: &mut TensorFile,
    nodes: &mut Vec<Node>,
) -> Result<(), RuntimeError> {
    let labels = match node.attributes.get("classlabels_strings") {
        Some(Attribute::Strings(labels)) => labels.len(),
        _ => node.ints("classlabels_ints")?.unwrap_or_default().len(),
    };
    let scores = output(node, 1)?;
    let after = node.text("post_transform", "NONE")?;
    let to = match after {
        "NONE" => scores.clone(),
        _ => name(node, "raw"),
    };
    nodes.push(product(node, labels, to.clone(), graph, file)?);
    match after {
        "NONE" => {}
        "SOFTMAX" => nodes.push(step("Softmax", vec![to], scores.clone())),
        "LOGISTIC" => nodes.push(step("Sigmoid", vec![to], scores.clone())),
        other => return Err(node.bad(format!("its post_transform {other} is not read"))),
    }
    // The label: the number of the largest score.
    nodes.push(Node {
        attributes: [
            ("axis".to_owned(), Attribute::Int(1)),
            ("keepdims".to_owned(), Attribute::Int(0)),
        ]
        .into(),
        ..step("ArgMax", vec![scores], output(node, 0)?)
    });
    Ok(())
}

fn regressor(
    node: &Node,
    graph: &mut Graph,
    file: &mut TensorFile,
    nodes: &mut Vec<Node>,
) -> Result<(), RuntimeError> {
    match node.text("post_transform", "NONE")? {
        "NONE" => {}
        other => return Err(node.bad(format!("its post_transform {other} is not read"))),
    }
    let rows = usize::try_from(node.int("targets", 1)?).unwrap_or(0);
    nodes.push(product(node, rows, output(node, 0)?, graph, file)?);
    Ok(())
}

fn scaler(node: &Node, graph: &mut Graph, nodes: &mut Vec<Node>) -> Result<(), RuntimeError> {
    let mut from = input(node)?;
    for (op, part, to) in
        [("Sub", "offset", name(node, "shifted")), ("Mul", "scale", output(node, 0)?)]
    {
        let values = node.floats(part)?.unwrap_or_default().to_vec();
        if values.is_empty() {
            return Err(node.bad(format!("it has no {part}")));
        }
        let constant = name(node, part);
        let shape = vec![values.len()];
        graph.constants.insert(constant.clone(), Constant { shape, values: Values::Float(values) });
        nodes.push(step(op, vec![from, constant], to.clone()));
        from = to;
    }
    Ok(())
}

fn normalizer(node: Node) -> Result<Node, RuntimeError> {
    let order = match node.text("norm", "MAX")? {
        "L1" => 1,
        "L2" => 2,
        other => return Err(node.bad(format!("its norm {other} is not read"))),
    };
    Ok(Node {
        op: "LpNormalization".into(),
        attributes: [
            ("axis".to_owned(), Attribute::Int(1)),
            ("p".to_owned(), Attribute::Int(order)),
        ]
        .into(),
        ..node
    })
}

/// What a cast to floats gives, for [`Element::of_onnx`].
pub(super) fn casts_to_float(node: &Node) -> bool {
    node.op == "Cast" && node.int("to", 0).ok().and_then(Element::of_onnx) == Some(Element::Float)
}
