//! A [`Graph`], interpreted over Burn tensors with gradients, on either tier.

mod arrange;
mod attention;
mod elementwise;
mod linear;
mod operators;
mod recurrent;
mod reduce;
mod resize;
mod value;

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, HashMap},
    future::Future,
    pin::Pin,
};

use burn::tensor::{Device, Tensor};

pub use self::operators::Operators;
use self::value::{Done, Fault, Floats, Host, Value, count};
use crate::{
    RuntimeError,
    graph::{Attribute, Constant, Element, Graph, Node, Values},
    limits,
    rng::Random,
};

/// What is given to a graph, and what comes of it.
// A run has few of them.
#[allow(clippy::large_enum_variant)]
#[derive(Debug, Clone)]
pub enum Tensors {
    /// Floats on the device, `[n]`, with their shape.
    Float(Tensor<1>, Vec<usize>),
    /// Anything on the host.
    Host(Constant),
}

/// How a graph is run.
pub struct Run<'a> {
    /// Where.
    pub device: Device,
    /// Parameters by name, each `[n]`.
    pub parameters: HashMap<&'a str, Tensor<1>>,
    /// Random numbers of a training step: dropout is active, and batches are normalised by their own figures.
    pub random: Option<&'a mut Random>,
}

/// The results of a run.
#[derive(Debug)]
pub struct Results {
    /// The graph's outputs, in order.
    pub outputs: Vec<Tensors>,
    /// Running figures of normalisations that this run moved on, by the parameter's name.
    pub figures: Vec<(String, Tensor<1>)>,
    /// Sides of what each node gave first.
    pub shapes: Vec<Vec<usize>>,
}

/// One operator at work.
struct Op<'a> {
    node: &'a Node,
    opset: u32,
    device: Device,
    training: bool,
    inputs: Vec<Option<Value>>,
    /// Which of some values dropout keeps, at a ratio.
    draw: &'a dyn Fn(usize, f32) -> Vec<bool>,
}

impl Op<'_> {
    /// The operator.
    fn kind(&self) -> &str {
        &self.node.op
    }

    fn unknown(&self) -> Fault {
        Fault::Reason("this runtime does not know the operator".into())
    }

    fn wants(&self, what: &str) -> Fault {
        let kinds: Vec<_> =
            self.inputs.iter().flatten().map(|value| format!("{:?}", value.element())).collect();
        Fault::Reason(format!("it takes {what}, not {}", kinds.join(", ")))
    }

    fn optional(&self, place: usize) -> Option<&Value> {
        self.inputs.get(place).and_then(Option::as_ref)
    }

    fn value(&self, place: usize) -> Done<&Value> {
        self.optional(place).ok_or_else(|| Fault::Reason(format!("its input {place} is missing")))
    }

    fn float(&self, place: usize) -> Done<&Floats> {
        match self.value(place)? {
            Value::Float(value) => Ok(value),
            _ => Err(self.wants("floats")),
        }
    }

    fn int_list(&self, place: usize) -> Done<&Host<i64>> {
        match self.value(place)? {
            Value::Int(value) => Ok(value),
            _ => Err(self.wants("integers")),
        }
    }

    fn optional_ints(&self, place: usize) -> Done<Option<&Host<i64>>> {
        match self.optional(place) {
            None => Ok(None),
            Some(Value::Int(value)) => Ok(Some(value)),
            Some(_) => Err(self.wants("integers")),
        }
    }

    fn optional_int(&self, place: usize) -> Done<Option<i64>> {
        let list = self.optional_ints(place)?;
        list.map(|list| {
            list.values.first().copied().ok_or_else(|| Fault::from("an input is empty"))
        })
        .transpose()
    }

    /// Integers that are sides of a shape.
    fn sides(&self, place: usize) -> Done<Vec<usize>> {
        let sides = self.int_list(place)?.values.iter().map(|side| {
            usize::try_from(*side).map_err(|_| Fault::Reason(format!("a side is {side}")))
        });
        sides.collect()
    }

    async fn host_bool(&self, value: &Value) -> Done<Host<bool>> {
        match value {
            Value::Bool(value) => Ok(value.clone()),
            Value::Mask(value) => Ok(value.read().await?),
            _ => Err(self.wants("truth values")),
        }
    }

    async fn run(&self) -> Done<Vec<Value>> {
        let one = |value: Value| Ok(vec![value]);
        let float = |value: Floats| Ok(vec![Value::Float(value)]);
        match self.kind() {
            "Constant" => one(self.constant()?),
            "ConstantOfShape" => one(arrange::constant_of_shape(self)?),
            "Range" => one(arrange::range(self).await?),
            "Identity" => one(self.value(0)?.clone()),
            "Shape" => one(self.shape()?),
            "Size" => one(Value::Int(Host::single(
                self.value(0)?.shape().iter().product::<usize>() as i64,
            ))),
            "Add" | "Sub" | "Mul" | "Div" | "Mod" | "Pow" | "PRelu" | "Equal" | "Greater"
            | "GreaterOrEqual" | "Less" | "LessOrEqual" | "And" | "Or" | "Xor" | "BitwiseAnd"
            | "BitwiseOr" | "BitwiseXor" | "BitShift" => {
                one(elementwise::binary(self, self.value(0)?, self.value(1)?).await?)
            }
            "Max" | "Min" | "Sum" | "Mean" => {
                let mut all = self.inputs.iter().flatten();
                let mut sum = all.next().ok_or("it takes one value or more")?.clone();
                for value in all {
                    sum = elementwise::binary(self, &sum, value).await?;
                }
                match sum {
                    Value::Float(sum) if self.kind() == "Mean" => {
                        let count = self.inputs.len() as f32;
                        float(sum.map(|sum| sum / count))
                    }
                    sum => one(sum),
                }
            }
            "Where" => {
                one(elementwise::choose(self, self.value(0)?, self.value(1)?, self.value(2)?)
                    .await?)
            }
            "Clip" => one(elementwise::clip(self, self.value(0)?)?),
            "Cast" => one(elementwise::cast(self, self.value(0)?, self.node.int("to", 0)?).await?),
            "CastLike" => {
                let kind = match self.value(1)?.element() {
                    Element::Float => 1,
                    Element::Int => 7,
                    Element::Bool => 9,
                };
                one(elementwise::cast(self, self.value(0)?, kind).await?)
            }
            "Not" => match self.value(0)? {
                Value::Bool(x) => one(Value::Bool(x.map(|v| !v))),
                Value::Mask(x) => {
                    let flat = x.flat.clone().bool_not();
                    one(Value::Mask(value::Mask { flat, shape: x.shape.clone() }))
                }
                _ => Err(self.wants("truth values")),
            },
            "IsNaN" | "IsInf" => one(Value::Mask(reduce::is_odd(self, self.float(0)?)?)),
            "Reshape" => one(arrange::reshape(self, self.value(0)?)?),
            "Flatten" => one(arrange::flatten(self, self.value(0)?)?),
            "Squeeze" => one(arrange::squeeze(self, self.value(0)?)?),
            "Unsqueeze" => one(arrange::unsqueeze(self, self.value(0)?)?),
            "Transpose" => one(arrange::transpose(self, self.value(0)?)?),
            "Expand" => one(arrange::expand(self.value(0)?, &self.sides(1)?)?),
            "Tile" => one(arrange::tile(self, self.value(0)?)?),
            "Concat" => {
                let all: Vec<Value> = self.inputs.iter().flatten().cloned().collect();
                one(arrange::concat(self, &all).await?)
            }
            "Slice" => one(arrange::slice(self, self.value(0)?)?),
            "Split" => arrange::split(self, self.value(0)?),
            "Gather" => one(arrange::gather(self, self.value(0)?)?),
            "GatherElements" => one(arrange::gather_elements(self, self.value(0)?)?),
            "GatherND" => one(arrange::gather_nd(self, self.value(0)?)?),
            "Scatter" | "ScatterElements" | "ScatterND" => {
                one(arrange::scatter(self, self.value(0)?)?)
            }
            "Pad" => one(arrange::pad(self, self.value(0)?).await?),
            "Trilu" => one(arrange::triangle(self, self.value(0)?)?),
            "DepthToSpace" | "SpaceToDepth" => one(arrange::blocks(self, self.value(0)?)?),
            "OneHot" => one(arrange::one_hot(self).await?),
            "EyeLike" => one(arrange::eye(self, self.value(0)?)?),
            "Compress" => one(arrange::compress(self, self.value(0)?).await?),
            "NonZero" => one(arrange::non_zero(self, self.value(0)?).await?),
            "Resize" | "Upsample" => float(resize::resize(self, self.float(0)?).await?),
            "MatMul" => match (self.value(0)?, self.value(1)?) {
                (Value::Float(left), Value::Float(right)) => float(linear::matmul(left, right)?),
                _ => Err(self.wants("floats")),
            },
            "Gemm" => float(linear::gemm(self)?),
            "Conv" => float(linear::conv(self)?),
            "ConvTranspose" => float(linear::conv_transpose(self)?),
            "MaxPool" => float(linear::max_pool(self, self.float(0)?)?),
            "AveragePool" => float(linear::average_pool(self, self.float(0)?)?),
            "GlobalAveragePool" | "GlobalMaxPool" => {
                float(linear::global_pool(self, self.float(0)?)?)
            }
            "Softmax" | "LogSoftmax" | "Hardmax" => float(reduce::softmax(self, self.float(0)?)?),
            "CumSum" | "CumProd" => one(reduce::cumulate(self, self.value(0)?)?),
            "ArgMax" | "ArgMin" => one(reduce::best(self, self.value(0)?).await?),
            "TopK" => reduce::top(self, self.value(0)?).await,
            "LayerNormalization" | "RMSNormalization" => reduce::layer_norm(self, self.float(0)?),
            "InstanceNormalization" | "GroupNormalization" => {
                float(reduce::group_norm(self, self.float(0)?)?)
            }
            "BatchNormalization" => reduce::batch_norm(self, self.float(0)?),
            "MeanVarianceNormalization" => float(reduce::mean_variance(self, self.float(0)?)?),
            "LpNormalization" => float(reduce::lp_norm(self, self.float(0)?)?),
            "LRN" => float(reduce::local_response(self, self.float(0)?)?),
            "NegativeLogLikelihoodLoss" | "SoftmaxCrossEntropyLoss" => {
                reduce::loss(self, self.float(0)?)
            }
            "Dropout" => match self.value(0)? {
                Value::Float(x) => reduce::dropout(self, x).await,
                _ => Err(self.wants("floats")),
            },
            "Attention" => attention::attention(self).await,
            "RotaryEmbedding" => float(attention::rotary(self)?),
            "Einsum" => float(attention::einsum(self)?),
            "ReverseSequence" => one(attention::reverse_sequence(self, self.value(0)?)?),
            "RNN" | "GRU" | "LSTM" => recurrent::recurrent(self),
            name if name.starts_with("Reduce") => one(reduce::reduce(self, self.value(0)?)?),
            _ => match self.value(0)? {
                Value::Float(x) if x.len() == 0 => float(x.clone()),
                Value::Float(x) => {
                    float(Floats::new(elementwise::unary(self, x.flat.clone())?, x.shape.clone()))
                }
                Value::Int(x) => one(elementwise::unary_int(self, x)?),
                _ => Err(self.wants("numbers")),
            },
        }
    }

    fn constant(&self) -> Done<Value> {
        let (_, attribute) = self.node.attributes.iter().next().ok_or("it has no value")?;
        Ok(match attribute {
            Attribute::Tensor(constant) => Value::from_constant(constant, &self.device),
            Attribute::Int(value) => Value::Int(Host::single(*value)),
            Attribute::Ints(values) => Value::Int(Host::list(values.clone())),
            Attribute::Float(value) => {
                Value::Float(Floats::from_host(vec![*value], Vec::new(), &self.device))
            }
            Attribute::Floats(values) => {
                Value::Float(Floats::from_host(values.clone(), vec![values.len()], &self.device))
            }
            _ => return Err("its value is of a type that is not read".into()),
        })
    }

    fn shape(&self) -> Done<Value> {
        let shape = self.value(0)?.shape();
        let rank = shape.len() as i64;
        let place = |name: &str, default: i64| -> Done<usize> {
            let at = self.node.int(name, default)?;
            let at = if at < 0 { at + rank } else { at };
            Ok(at.clamp(0, rank) as usize)
        };
        let (start, end) = (place("start", 0)?, place("end", rank)?);
        let part = shape.get(start..end).unwrap_or_default();
        Ok(Value::Int(Host::list(part.iter().map(|side| *side as i64).collect())))
    }
}

/// A run in progress.
struct Interpreter<'a> {
    device: Device,
    training: bool,
    random: RefCell<Option<&'a mut Random>>,
    figures: RefCell<Vec<(String, Tensor<1>)>>,
    shapes: RefCell<Vec<Vec<usize>>>,
    /// Numbers that were made so far, all of which training keeps.
    made: Cell<u64>,
}

type Scope<'g> = HashMap<&'g str, Value>;

impl<'a> Interpreter<'a> {
    /// Runs a graph, whose branches see the values around them.
    fn graph<'s>(
        &'s self,
        graph: &'s Graph,
        mut values: Scope<'s>,
        depth: usize,
    ) -> Pin<Box<dyn Future<Output = Result<Vec<Value>, RuntimeError>> + 's>> {
        Box::pin(async move {
            for (name, constant) in &graph.constants {
                count(&constant.shape).map_err(|reason| RuntimeError::file("graph", reason))?;
                values.insert(name, Value::from_constant(constant, &self.device));
            }
            // Values go as soon as nothing needs them any more.
            let mut needed: BTreeMap<&str, usize> = BTreeMap::new();
            let keep = usize::MAX;
            for (place, node) in graph.nodes.iter().enumerate() {
                let inner = node
                    .attributes
                    .values()
                    .any(|attribute| matches!(attribute, Attribute::Graph(_)));
                for name in &node.inputs {
                    needed.insert(name, place);
                }
                if inner {
                    needed.extend(values.keys().map(|name| (*name, keep)));
                    graph.nodes[..place].iter().flat_map(|node| &node.outputs).for_each(|name| {
                        needed.insert(name, keep);
                    });
                }
            }
            for name in &graph.outputs {
                needed.insert(name, keep);
            }
            for (place, node) in graph.nodes.iter().enumerate() {
                let inputs = node.inputs.iter().map(|name| match name.as_str() {
                    "" => Ok(None),
                    name => match values.get(name) {
                        Some(value) => Ok(Some(value.clone())),
                        None => Err(node.bad(format!("{name} is not there"))),
                    },
                });
                let inputs = inputs.collect::<Result<Vec<_>, _>>()?;
                let results = self.node(graph, node, inputs, &values, depth).await?;
                if depth == 0 {
                    let shape = results.first().map(|result| result.shape().to_vec());
                    self.shapes.borrow_mut().push(shape.unwrap_or_default());
                }
                for name in &node.inputs {
                    if needed.get(name.as_str()) == Some(&place) {
                        values.remove(name.as_str());
                    }
                }
                for (name, value) in node.outputs.iter().zip(results) {
                    if needed.contains_key(name.as_str()) {
                        values.insert(name, value);
                    }
                }
            }
            let outputs = graph.outputs.iter().map(|name| {
                let value = values.get(name.as_str()).cloned();
                value.ok_or_else(|| {
                    RuntimeError::file("graph", format!("its output {name} was not made"))
                })
            });
            outputs.collect()
        })
    }

    async fn node<'s>(
        &'s self,
        graph: &'s Graph,
        node: &'s Node,
        inputs: Vec<Option<Value>>,
        values: &Scope<'s>,
        depth: usize,
    ) -> Result<Vec<Value>, RuntimeError> {
        let draw = |count, ratio| match &mut *self.random.borrow_mut() {
            Some(random) => (0..count).map(|_| random.uniform() >= ratio).collect(),
            None => vec![true; count],
        };
        let op = Op {
            node,
            opset: graph.opset,
            device: self.device.clone(),
            training: self.training,
            inputs,
            draw: &draw,
        };
        let fail = |fault| match fault {
            Fault::Reason(reason) => node.bad(reason),
            Fault::Runtime(error) => error,
        };
        if op.kind() == "If" {
            let condition = op.host_bool(op.value(0).map_err(fail)?).await.map_err(fail)?;
            let branch =
                if condition.values.first() == Some(&true) { "then_branch" } else { "else_branch" };
            return match node.attributes.get(branch) {
                Some(Attribute::Graph(branch)) => {
                    self.graph(branch, values.clone(), depth + 1).await
                }
                _ => Err(node.bad(format!("its {branch} is missing"))),
            };
        }
        let mut results = op.run().await.map_err(fail)?;
        if op.kind() == "BatchNormalization" && self.training && node.outputs.len() < 2 {
            for (value, name) in results.drain(1..).zip(&node.inputs[3..]) {
                if let Value::Float(figure) = value {
                    self.figures.borrow_mut().push((name.clone(), figure.flat));
                }
            }
        }
        for result in &results {
            value::lead(result.shape().len()).map_err(|reason| node.bad(reason))?;
            if let (Value::Float(made), true) = (result, self.training) {
                self.made.update(|all| all.saturating_add(made.len() as u64));
            }
        }
        // Each with its gradient and a temporary.
        let bytes = self.made.get().saturating_mul(12);
        if bytes > limits::MAX_TRAINING_BYTES {
            return Err(RuntimeError::OutOfMemory {
                needed_mib: bytes >> 20,
                limit_mib: limits::MAX_TRAINING_BYTES >> 20,
            });
        }
        Ok(results)
    }
}

/// Runs a validated graph.
///
/// # Errors
/// [`RuntimeError::BadNode`] naming the node that cannot do what it should with what it gets;
/// [`RuntimeError::BadParameter`] for one that is missing; [`RuntimeError::Device`].
pub async fn run(
    graph: &Graph,
    inputs: Vec<Tensors>,
    Run { device, parameters, random }: Run<'_>,
) -> Result<Results, RuntimeError> {
    if inputs.len() != graph.inputs.len() {
        return Err(RuntimeError::bounds(
            "inputs of the graph",
            inputs.len(),
            graph.inputs.len().to_string(),
        ));
    }
    let mut values: Scope = HashMap::new();
    for (name, parameter) in &graph.parameters {
        let flat = parameters.get(name.as_str()).ok_or_else(|| RuntimeError::BadParameter {
            name: name.clone(),
            reason: "the graph has it, but the parameters do not".into(),
        })?;
        let known = parameter.shape.iter().product::<usize>();
        if flat.dims() != [known] {
            return Err(RuntimeError::BadParameter {
                name: name.clone(),
                reason: format!(
                    "it has {:?} numbers, but the graph says {:?}",
                    flat.dims(),
                    parameter.shape
                ),
            });
        }
        values.insert(name, Value::Float(Floats::new(flat.clone(), parameter.shape.clone())));
    }
    for (input, given) in graph.inputs.iter().zip(inputs) {
        let value = match given {
            Tensors::Float(flat, shape) => Value::Float(Floats::new(flat, shape)),
            Tensors::Host(constant) => Value::from_constant(&constant, &device),
        };
        if value.element() != input.element {
            return Err(RuntimeError::bounds(
                format!("input {}", input.name),
                format!("{:?}", value.element()),
                format!("{:?}", input.element),
            ));
        }
        let fits =
            |(wanted, side): (&Option<usize>, &usize)| wanted.is_none_or(|wanted| wanted == *side);
        if !input.shape.is_empty()
            && (value.shape().len() != input.shape.len()
                || !input.shape.iter().zip(value.shape()).all(fits))
        {
            let wanted: Vec<_> = input
                .shape
                .iter()
                .map(|side| side.map_or("any".to_owned(), |side| side.to_string()))
                .collect();
            return Err(RuntimeError::bounds(
                format!("shape of input {}", input.name),
                format!("{:?}", value.shape()),
                format!("[{}]", wanted.join(", ")),
            ));
        }
        values.insert(&input.name, value);
    }
    let interpreter = Interpreter {
        device,
        training: random.is_some(),
        random: RefCell::new(random),
        figures: RefCell::new(Vec::new()),
        shapes: RefCell::new(Vec::new()),
        made: Cell::new(0),
    };
    let outputs = interpreter.graph(graph, values, 0).await?;
    let mut results = Vec::with_capacity(outputs.len());
    for output in outputs {
        results.push(match output {
            Value::Float(value) => Tensors::Float(value.flat, value.shape),
            other => Tensors::Host(other.to_constant().await?),
        });
    }
    Ok(Results {
        outputs: results,
        figures: interpreter.figures.into_inner(),
        shapes: interpreter.shapes.into_inner(),
    })
}

impl Tensors {
    /// The value on the host.
    ///
    /// # Errors
    /// [`RuntimeError::Device`].
    pub async fn read(&self) -> Result<Constant, RuntimeError> {
        match self {
            Self::Host(constant) => Ok(constant.clone()),
            Self::Float(flat, shape) => {
                let values = Floats::new(flat.clone(), shape.clone()).read().await?;
                Ok(Constant { shape: shape.clone(), values: Values::Float(values) })
            }
        }
    }
}
