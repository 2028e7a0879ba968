//! A list of layers, said in ONNX's operators: what the page's own networks are exported as.

mod painter;

use std::collections::BTreeMap;

use super::{Attribute, Constant, Element, Graph, Input, Node, Parameter, Values};
use crate::{
    RuntimeError,
    spec::{Activation, Body, LayerSpec, ModelSpec, Padding, Shape},
};

/// The operator set that these nodes are of: that of GroupNormalization with a scale a channel.
const OPSET: u32 = 21;
/// What Burn's normalisations add to the variance.
const EPSILON: f32 = 1e-5;
/// What stands for minus infinity where attention must not look.
const HIDDEN: f32 = -1e9;

/// The graph of a model: its own, or that of its layers, with the parameters' names unchanged.
///
/// # Errors
/// As [`ModelSpec::validate`]; [`RuntimeError::Protocol`] for an adapter, which is no network by itself.
pub fn graph_of(spec: &ModelSpec) -> Result<Graph, RuntimeError> {
    spec.validate()?;
    let layers = match &spec.body {
        Body::Graph(graph) => return Ok((**graph).clone()),
        Body::Layers(layers) => layers,
        Body::Painter(painter) => return painter::graph_of(painter),
    };
    let element = match spec.input {
        Shape::Tokens { .. } => Element::Int,
        _ => Element::Float,
    };
    let mut shape = vec![None];
    shape.extend(spec.input.sides().into_iter().map(Some));
    let mut parameters = BTreeMap::new();
    for (name, shape) in spec.parameters()? {
        let trained = !name.contains(".running_");
        parameters.insert(name, Parameter { shape, trained });
    }
    let graph = Graph {
        opset: OPSET,
        inputs: vec![Input { name: "input".into(), element, shape }],
        parameters,
        ..Graph::default()
    };
    let mut writer = Writer { graph, made: 0 };
    let output = writer.layers(layers, spec.input.clone(), "layers", "input".into())?;
    writer.graph.nodes.push(step("Identity", &[&output], "output"));
    writer.graph.outputs = vec!["output".into()];
    Ok(writer.graph)
}

struct Writer {
    graph: Graph,
    /// Values that were named so far.
    made: usize,
}

fn step(op: &str, inputs: &[&str], to: &str) -> Node {
    let inputs = inputs.iter().map(|name| (*name).to_owned()).collect();
    Node { op: op.into(), inputs, outputs: vec![to.into()], ..Node::default() }
}

impl Writer {
    /// Adds a node; the name of its result.
    fn add(&mut self, op: &str, inputs: &[&str], attributes: &[(&str, Attribute)]) -> String {
        self.made += 1;
        let to = format!("value.{}", self.made);
        let attributes =
            attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        self.graph.nodes.push(Node { attributes, ..step(op, inputs, &to) });
        to
    }

    fn constant(&mut self, shape: Vec<usize>, values: Values) -> String {
        self.made += 1;
        let name = format!("constant.{}", self.made);
        self.graph.constants.insert(name.clone(), Constant { shape, values });
        name
    }

    fn ints(&mut self, values: &[i64]) -> String {
        self.constant(vec![values.len()], Values::Int(values.to_vec()))
    }

    fn float(&mut self, value: f32) -> String {
        self.constant(vec![], Values::Float(vec![value]))
    }

    /// x·W + b over the last axis.
    fn dense(&mut self, path: &str, x: &str) -> String {
        let product = self.add("MatMul", &[x, &format!("{path}.weight")], &[]);
        self.add("Add", &[&product, &format!("{path}.bias")], &[])
    }

    fn norm(&mut self, path: &str, x: &str) -> String {
        let names = [x, &format!("{path}.gamma"), &format!("{path}.beta")];
        let epsilon = ("epsilon", Attribute::Float(EPSILON));
        self.add("LayerNormalization", &names, &[("axis", Attribute::Int(-1)), epsilon])
    }

    fn layers(
        &mut self,
        layers: &[LayerSpec],
        mut shape: Shape,
        prefix: &str,
        mut x: String,
    ) -> Result<String, RuntimeError> {
        for (place, layer) in layers.iter().enumerate() {
            let path = format!("{prefix}.{place}");
            x = self.layer(layer, &shape, &path, x)?;
            shape = layer.output(&shape)?;
        }
        Ok(x)
    }

    fn layer(
        &mut self,
        layer: &LayerSpec,
        shape: &Shape,
        path: &str,
        x: String,
    ) -> Result<String, RuntimeError> {
        let part = |name: &str| format!("{path}.{name}");
        let pair = |side: usize| Attribute::Ints(vec![side as i64; 2]);
        Ok(match layer {
            LayerSpec::Dense { .. } => self.dense(path, &x),
            LayerSpec::Conv2d { kernel, stride, padding, groups, .. } => {
                let side = match padding {
                    Padding::Same => kernel / 2,
                    Padding::Valid => 0,
                };
                let settings = [
                    ("kernel_shape", pair(*kernel)),
                    ("strides", pair(*stride)),
                    ("pads", Attribute::Ints(vec![side as i64; 4])),
                    ("group", Attribute::Int(*groups as i64)),
                ];
                self.add("Conv", &[&x, &part("weight"), &part("bias")], &settings)
            }
            LayerSpec::MaxPool2d { size } => self.add(
                "MaxPool",
                &[&x],
                &[("kernel_shape", pair(*size)), ("strides", pair(*size))],
            ),
            LayerSpec::AvgPool2d { size } => self.add(
                "AveragePool",
                &[&x],
                &[("kernel_shape", pair(*size)), ("strides", pair(*size))],
            ),
            LayerSpec::GlobalAvgPool => match shape {
                Shape::Image { .. } => {
                    let mean = self.add("GlobalAveragePool", &[&x], &[]);
                    self.add("Flatten", &[&mean], &[("axis", Attribute::Int(1))])
                }
                _ => {
                    let axes = self.ints(&[1]);
                    self.add("ReduceMean", &[&x, &axes], &[("keepdims", Attribute::Int(0))])
                }
            },
            LayerSpec::Flatten => self.add("Flatten", &[&x], &[("axis", Attribute::Int(1))]),
            LayerSpec::Activation { function } => match function {
                Activation::Relu => self.add("Relu", &[&x], &[]),
                Activation::LeakyRelu => {
                    self.add("LeakyRelu", &[&x], &[("alpha", Attribute::Float(0.01))])
                }
                Activation::Gelu => self.add("Gelu", &[&x], &[]),
                Activation::Tanh => self.add("Tanh", &[&x], &[]),
                Activation::Sigmoid => self.add("Sigmoid", &[&x], &[]),
                Activation::Silu => {
                    let gate = self.add("Sigmoid", &[&x], &[]);
                    self.add("Mul", &[&x, &gate], &[])
                }
            },
            LayerSpec::BatchNorm => {
                let names = ["gamma", "beta", "running_mean", "running_var"].map(part);
                let [scale, shift, mean, variance] = &names;
                let settings =
                    [("epsilon", Attribute::Float(EPSILON)), ("momentum", Attribute::Float(0.9))];
                self.add("BatchNormalization", &[&x, scale, shift, mean, variance], &settings)
            }
            LayerSpec::LayerNorm => self.norm(path, &x),
            LayerSpec::GroupNorm { groups } => self.add(
                "GroupNormalization",
                &[&x, &part("gamma"), &part("beta")],
                &[
                    ("epsilon", Attribute::Float(EPSILON)),
                    ("num_groups", Attribute::Int(*groups as i64)),
                ],
            ),
            LayerSpec::Dropout { rate } => {
                let rate = self.float(*rate);
                self.add("Dropout", &[&x, &rate], &[])
            }
            LayerSpec::Embedding { .. } => {
                let vectors = self.add("Gather", &[&part("token.weight"), &x], &[]);
                self.add("Add", &[&vectors, &part("position.weight")], &[])
            }
            LayerSpec::TransformerBlock { heads, causal, .. } => {
                self.block(path, shape, *heads, *causal, x)
            }
            LayerSpec::Residual { layers } => {
                let inner = self.layers(layers, shape.clone(), &part("layers"), x.clone())?;
                self.add("Add", &[&x, &inner], &[])
            }
        })
    }

    fn block(
        &mut self,
        path: &str,
        shape: &Shape,
        heads: usize,
        causal: bool,
        x: String,
    ) -> String {
        let (length, dimension) = match *shape {
            Shape::Sequence { length, dimension } => (length, dimension),
            _ => (shape.len(), 1),
        };
        let each = dimension / heads.max(1);
        let split = self.ints(&[0, 0, heads as i64, each as i64]);
        let normed = self.norm(&format!("{path}.attention_norm"), &x);
        let head = |writer: &mut Self, name: &str, order: [i64; 4]| {
            let all = writer.dense(&format!("{path}.attention.{name}"), &normed);
            let parts = writer.add("Reshape", &[&all, &split], &[]);
            writer.add("Transpose", &[&parts], &[("perm", Attribute::Ints(order.to_vec()))])
        };
        let query = head(self, "query", [0, 2, 1, 3]);
        let key = head(self, "key", [0, 2, 3, 1]);
        let value = head(self, "value", [0, 2, 1, 3]);
        let scores = self.add("MatMul", &[&query, &key], &[]);
        let scale = self.float(1.0 / (each as f32).sqrt());
        let mut scores = self.add("Mul", &[&scores, &scale], &[]);
        if causal {
            let later = (0..length * length).map(|at| at % length > at / length).collect();
            let later = self.constant(vec![length, length], Values::Bool(later));
            let hidden = self.float(HIDDEN);
            scores = self.add("Where", &[&later, &hidden, &scores], &[]);
        }
        let weights = self.add("Softmax", &[&scores], &[("axis", Attribute::Int(-1))]);
        let seen = self.add("MatMul", &[&weights, &value], &[]);
        let seen = self.add("Transpose", &[&seen], &[("perm", Attribute::Ints(vec![0, 2, 1, 3]))]);
        let whole = self.ints(&[0, 0, dimension as i64]);
        let seen = self.add("Reshape", &[&seen, &whole], &[]);
        let seen = self.dense(&format!("{path}.attention.output"), &seen);
        let x = self.add("Add", &[&x, &seen], &[]);
        let normed = self.norm(&format!("{path}.mlp_norm"), &x);
        let wide = self.dense(&format!("{path}.expand"), &normed);
        let wide = self.add("Gelu", &[&wide], &[]);
        let narrow = self.dense(&format!("{path}.contract"), &wide);
        self.add("Add", &[&x, &narrow], &[])
    }
}
