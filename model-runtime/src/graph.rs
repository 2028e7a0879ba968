//! A network as a graph of ONNX operators, which an engine interprets at run time. What is in here knows no Burn:
//! a page can show a graph, and a reader can make one, without it.
//!
//! Source: ONNX's IR and operator specification, <https://onnx.ai/onnx/repo-docs/IR.html> and
//! <https://onnx.ai/onnx/operators/>, default domain, opset 13 and later.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{RuntimeError, limits, spec::Shape};

#[cfg(feature = "import")]
pub mod adapt;
#[cfg(feature = "import")]
mod classic;
#[cfg(feature = "import")]
pub mod layers;
#[cfg(feature = "import")]
pub mod onnx;

/// The graph.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Graph {
    /// Version of the default operator set.
    pub opset: u32,
    /// What is given at each run, in order.
    pub inputs: Vec<Input>,
    /// Names of the results, in order.
    pub outputs: Vec<String>,
    /// Float tensors that live in the parameter file, by name; see [`Parameter`].
    pub parameters: BTreeMap<String, Parameter>,
    /// Other fixed values: integers, truth values, single floats.
    pub constants: BTreeMap<String, Constant>,
    /// Operators, each after those whose results it takes.
    pub nodes: Vec<Node>,
}

/// A value that is given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Its name.
    pub name: String,
    /// Element type.
    pub element: Element,
    /// Sides; nothing where any length will do, as for the batch.
    pub shape: Vec<Option<usize>>,
}

/// Element types of values. Floats are computed in f32, integers in i64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Element {
    /// f32
    Float,
    /// i64, and narrower ones
    Int,
    /// A truth value
    Bool,
}

impl Element {
    /// How a value of one of ONNX's element types, by its number, is held; nothing for one that is not.
    pub fn of_onnx(kind: i64) -> Option<Self> {
        Some(match kind {
            // Numbers of so few digits as bfloat16's are read where they are parameters, but not computed with.
            1 | 10 | 11 => Self::Float,
            2..=7 | 12 | 13 => Self::Int,
            9 => Self::Bool,
            _ => return None,
        })
    }
}

/// A float tensor of the parameter file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameter {
    /// Sides, outermost first.
    pub shape: Vec<usize>,
    /// Whether training changes it. Running means and variances, say, are only carried along.
    pub trained: bool,
}

/// A fixed tensor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Constant {
    /// Sides, outermost first; none for a single value.
    pub shape: Vec<usize>,
    /// Row-major.
    pub values: Values,
}

/// The values of a fixed tensor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Values {
    /// f32
    Float(Vec<f32>),
    /// i64
    Int(Vec<i64>),
    /// Truth values
    #[serde(with = "runs")]
    Bool(Vec<bool>),
}

/// Truth values as lengths of runs, the first of which is of false ones: masks are large and dull.
mod runs {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    use crate::limits;

    pub(super) fn serialize<S: Serializer>(values: &[bool], to: S) -> Result<S::Ok, S::Error> {
        let mut runs = vec![0u32];
        let mut last = false;
        for value in values {
            if *value != last {
                runs.push(0);
                last = *value;
            }
            if let Some(run) = runs.last_mut() {
                *run += 1;
            }
        }
        runs.serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<bool>, D::Error> {
        let runs = Vec::<u32>::deserialize(from)?;
        if runs.iter().map(|run| u64::from(*run)).sum::<u64>() > limits::MAX_CONSTANT {
            return Err(D::Error::custom("a constant is too large"));
        }
        let mut values = Vec::new();
        for (place, run) in runs.into_iter().enumerate() {
            values.resize(values.len() + run as usize, place % 2 == 1);
        }
        Ok(values)
    }
}

impl Values {
    /// How many.
    pub fn len(&self) -> usize {
        match self {
            Self::Float(values) => values.len(),
            Self::Int(values) => values.len(),
            Self::Bool(values) => values.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// One use of an operator.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// The operator.
    pub op: String,
    /// The node's own name, which may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Names of what it takes; empty where an optional one is left out.
    pub inputs: Vec<String>,
    /// Names of what it gives.
    pub outputs: Vec<String>,
    /// Sides of the first of these for one example, as was seen when the model was made. Shown and used for estimates;
    /// nothing computed depends on it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shape: Vec<usize>,
    /// Settings.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, Attribute>,
}

/// A setting of a node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attribute {
    /// An integer.
    Int(i64),
    /// A float.
    Float(f32),
    /// A text.
    String(String),
    /// Integers.
    Ints(Vec<i64>),
    /// Floats.
    Floats(Vec<f32>),
    /// Texts.
    Strings(Vec<String>),
    /// A tensor.
    Tensor(Constant),
    /// A branch or body, which sees the values of the graph around it.
    Graph(Box<Graph>),
}

/// Every operator that the engine knows, in order.
pub const OPERATORS: &[&str] = &[
    "Abs",
    "Acos",
    "Acosh",
    "Add",
    "And",
    "ArgMax",
    "ArgMin",
    "Asin",
    "Asinh",
    "Atan",
    "Atanh",
    "Attention",
    "AveragePool",
    "BatchNormalization",
    "BitShift",
    "BitwiseAnd",
    "BitwiseOr",
    "BitwiseXor",
    "Cast",
    "CastLike",
    "Ceil",
    "Celu",
    "Clip",
    "Compress",
    "Concat",
    "Constant",
    "ConstantOfShape",
    "Conv",
    "ConvTranspose",
    "Cos",
    "Cosh",
    "CumProd",
    "CumSum",
    "DepthToSpace",
    "Div",
    "Dropout",
    "Einsum",
    "Elu",
    "Equal",
    "Erf",
    "Exp",
    "Expand",
    "EyeLike",
    "Flatten",
    "Floor",
    "GRU",
    "Gather",
    "GatherElements",
    "GatherND",
    "Gelu",
    "Gemm",
    "GlobalAveragePool",
    "GlobalMaxPool",
    "Greater",
    "GreaterOrEqual",
    "GroupNormalization",
    "HardSigmoid",
    "HardSwish",
    "Hardmax",
    "Identity",
    "If",
    "InstanceNormalization",
    "IsInf",
    "IsNaN",
    "LRN",
    "LSTM",
    "LayerNormalization",
    "LeakyRelu",
    "Less",
    "LessOrEqual",
    "Log",
    "LogSoftmax",
    "LpNormalization",
    "MatMul",
    "Max",
    "MaxPool",
    "Mean",
    "MeanVarianceNormalization",
    "Min",
    "Mish",
    "Mod",
    "Mul",
    "Neg",
    "NegativeLogLikelihoodLoss",
    "NonZero",
    "Not",
    "OneHot",
    "Or",
    "PRelu",
    "Pad",
    "Pow",
    "RMSNormalization",
    "RNN",
    "Range",
    "Reciprocal",
    "ReduceL1",
    "ReduceL2",
    "ReduceLogSum",
    "ReduceLogSumExp",
    "ReduceMax",
    "ReduceMean",
    "ReduceMin",
    "ReduceProd",
    "ReduceSum",
    "ReduceSumSquare",
    "Relu",
    "Reshape",
    "Resize",
    "ReverseSequence",
    "RotaryEmbedding",
    "Round",
    "Scatter",
    "ScatterElements",
    "ScatterND",
    "Selu",
    "Shape",
    "Shrink",
    "Sigmoid",
    "Sign",
    "Sin",
    "Sinh",
    "Size",
    "Slice",
    "Softmax",
    "SoftmaxCrossEntropyLoss",
    "Softplus",
    "Softsign",
    "SpaceToDepth",
    "Split",
    "Sqrt",
    "Squeeze",
    "Sub",
    "Sum",
    "Swish",
    "Tan",
    "Tanh",
    "ThresholdedRelu",
    "Tile",
    "TopK",
    "Transpose",
    "Trilu",
    "Unsqueeze",
    "Upsample",
    "Where",
    "Xor",
];

/// Oldest and newest operator set that are read.
pub const OPSETS: std::ops::RangeInclusive<u32> = 7..=28;

impl Node {
    /// What a person is told of it: its operator and name.
    pub fn title(&self) -> String {
        match (self.name.as_str(), self.outputs.first()) {
            ("", Some(output)) => format!("{} (which gives {output})", self.op),
            ("", None) => self.op.clone(),
            (name, _) => format!("{} {name}", self.op),
        }
    }

    /// An error of this node.
    pub fn bad(&self, reason: impl Into<String>) -> RuntimeError {
        RuntimeError::BadNode { node: self.title(), reason: reason.into() }
    }

    /// An integer setting.
    ///
    /// # Errors
    /// If it is of another type.
    pub fn int(&self, name: &str, default: i64) -> Result<i64, RuntimeError> {
        match self.attributes.get(name) {
            None => Ok(default),
            Some(Attribute::Int(value)) => Ok(*value),
            Some(_) => Err(self.bad(format!("its {name} is no integer"))),
        }
    }

    /// A float setting.
    ///
    /// # Errors
    /// If it is of another type.
    pub fn float(&self, name: &str, default: f32) -> Result<f32, RuntimeError> {
        match self.attributes.get(name) {
            None => Ok(default),
            Some(Attribute::Float(value)) => Ok(*value),
            Some(_) => Err(self.bad(format!("its {name} is no float"))),
        }
    }

    /// A text setting.
    ///
    /// # Errors
    /// If it is of another type.
    pub fn text<'a>(&'a self, name: &str, default: &'a str) -> Result<&'a str, RuntimeError> {
        match self.attributes.get(name) {
            None => Ok(default),
            Some(Attribute::String(value)) => Ok(value),
            Some(_) => Err(self.bad(format!("its {name} is no text"))),
        }
    }

    /// Integers, if they are set.
    ///
    /// # Errors
    /// If it is of another type.
    pub fn ints(&self, name: &str) -> Result<Option<&[i64]>, RuntimeError> {
        match self.attributes.get(name) {
            None => Ok(None),
            Some(Attribute::Ints(values)) => Ok(Some(values)),
            Some(_) => Err(self.bad(format!("its {name} are no integers"))),
        }
    }

    /// Floats, if they are set.
    ///
    /// # Errors
    /// If it is of another type.
    pub fn floats(&self, name: &str) -> Result<Option<&[f32]>, RuntimeError> {
        match self.attributes.get(name) {
            None => Ok(None),
            Some(Attribute::Floats(values)) => Ok(Some(values)),
            Some(_) => Err(self.bad(format!("its {name} are no floats"))),
        }
    }

    /// Graphs among its settings.
    fn bodies(&self) -> impl Iterator<Item = &Graph> {
        self.attributes.values().filter_map(|attribute| match attribute {
            Attribute::Graph(graph) => Some(&**graph),
            _ => None,
        })
    }
}

impl Input {
    /// Element type and sides, as a person is told.
    pub fn words(&self) -> String {
        let sides = self.shape.iter().map(|side| side.map_or("any".to_owned(), |s| s.to_string()));
        format!("{:?} [{}]", self.element, sides.collect::<Vec<_>>().join(", "))
    }
}

impl Graph {
    /// Checks that every operator is known and takes only what was given or made before it, and that names and sizes
    /// are within bounds.
    ///
    /// # Errors
    /// [`RuntimeError::UnknownOperators`] with all of them, else the first thing wrong.
    pub fn validate(&self) -> Result<(), RuntimeError> {
        if !OPSETS.contains(&self.opset) {
            let expected = format!("{} to {}", OPSETS.start(), OPSETS.end());
            return Err(RuntimeError::bounds("ONNX operator set", self.opset, expected));
        }
        let mut unknown = BTreeMap::new();
        self.collect_unknown(&mut unknown, 0)?;
        if !unknown.is_empty() {
            let nodes = unknown.into_iter().map(|(op, places)| format!("{op} at {places}"));
            return Err(RuntimeError::UnknownOperators { nodes: nodes.collect() });
        }
        self.check_names(&BTreeSet::new())?;
        self.parameter_count().map(drop)
    }

    /// As [`Graph::validate`], for examples of shape `input`.
    ///
    /// # Errors
    /// Also if it takes anything but a batch of such examples, or gives more than one result.
    pub fn validate_for(&self, input: &Shape) -> Result<(), RuntimeError> {
        self.validate()?;
        if self.outputs.len() != 1 {
            return Err(RuntimeError::bounds("results of the graph", self.outputs.len(), "1"));
        }
        let [given] = &self.inputs[..] else {
            return Err(RuntimeError::bounds("inputs of the graph", self.inputs.len(), "1"));
        };
        let element = match input {
            Shape::Tokens { .. } => Element::Int,
            _ => Element::Float,
        };
        let sides = input.sides();
        let fits = given.shape.len() == sides.len() + 1
            && given.shape[0].is_none()
            && given.shape[1..].iter().zip(&sides).all(|(side, is)| side.is_none_or(|s| s == *is));
        match fits && given.element == element {
            true => Ok(()),
            false => Err(RuntimeError::bounds(
                format!("the graph's input {}", given.name),
                given.words(),
                format!("any number of {input}"),
            )),
        }
    }

    /// Notes what each node gave for one example; nothing where that is a single number.
    pub fn note_shapes(&mut self, shapes: &[Vec<usize>]) {
        for (node, shape) in self.nodes.iter_mut().zip(shapes) {
            node.shape = shape.clone();
        }
    }

    /// Numbers that its nodes give for one example, as far as their shapes were noted.
    pub fn values(&self) -> u64 {
        let sizes = self.nodes.iter().filter(|node| !node.shape.is_empty());
        sizes.map(|node| elements(&node.shape).unwrap_or(u64::MAX)).fold(0, u64::saturating_add)
    }

    /// Names and shapes of the parameters, in their order.
    pub fn parameter_shapes(&self) -> Vec<(String, Vec<usize>)> {
        let all = self.parameters.iter();
        all.map(|(name, parameter)| (name.clone(), parameter.shape.clone())).collect()
    }

    /// Numbers that training changes.
    pub fn trained_count(&self) -> u64 {
        let trained = self.parameters.values().filter(|parameter| parameter.trained);
        trained.filter_map(|parameter| elements(&parameter.shape)).sum()
    }

    /// Numbers in the parameter file.
    ///
    /// # Errors
    /// If they are more than any file may hold.
    pub fn parameter_count(&self) -> Result<u64, RuntimeError> {
        let mut total = 0u64;
        for (name, parameter) in &self.parameters {
            let count = elements(&parameter.shape).and_then(|count| total.checked_add(count));
            total = count.filter(|total| *total <= limits::MAX_PARAMETERS).ok_or_else(|| {
                RuntimeError::BadParameter {
                    name: name.clone(),
                    reason: format!(
                        "with it, the parameters are more than {}",
                        limits::MAX_PARAMETERS
                    ),
                }
            })?;
        }
        Ok(total)
    }

    fn collect_unknown(
        &self,
        unknown: &mut BTreeMap<String, String>,
        depth: usize,
    ) -> Result<(), RuntimeError> {
        if depth > limits::MAX_DEPTH {
            return Err(RuntimeError::bounds(
                "depth of nested graphs",
                depth,
                limits::MAX_DEPTH.to_string(),
            ));
        }
        if self.nodes.len() > limits::MAX_NODES {
            return Err(RuntimeError::bounds(
                "nodes",
                self.nodes.len(),
                limits::MAX_NODES.to_string(),
            ));
        }
        for node in &self.nodes {
            if OPERATORS.binary_search(&node.op.as_str()).is_err() {
                let place = if node.name.is_empty() {
                    node.outputs.first().cloned().unwrap_or_default()
                } else {
                    node.name.clone()
                };
                let places: &mut String = unknown.entry(node.op.clone()).or_default();
                if !places.is_empty() {
                    places.push_str(", ");
                }
                places.push_str(&place);
            }
            for body in node.bodies() {
                body.collect_unknown(unknown, depth + 1)?;
            }
        }
        Ok(())
    }

    fn check_names(&self, outer: &BTreeSet<&str>) -> Result<(), RuntimeError> {
        let mut known = outer.clone();
        let given = self.inputs.iter().map(|input| &input.name);
        for name in given.chain(self.parameters.keys()).chain(self.constants.keys()) {
            if !known.insert(name) && !outer.contains(name.as_str()) {
                return Err(RuntimeError::file("graph", format!("two values are named {name}")));
            }
        }
        for node in &self.nodes {
            if let Some(missing) =
                node.inputs.iter().find(|name| !name.is_empty() && !known.contains(name.as_str()))
            {
                return Err(node.bad(format!(
                    "it takes {missing}, which nothing before it gives (a cycle, or a missing part)"
                )));
            }
            for body in node.bodies() {
                body.check_names(&known)?;
            }
            for output in node.outputs.iter().filter(|name| !name.is_empty()) {
                if !known.insert(output) {
                    return Err(node.bad(format!("it gives {output}, which is given already")));
                }
            }
        }
        match self.outputs.iter().find(|name| !known.contains(name.as_str())) {
            Some(missing) => {
                Err(RuntimeError::file("graph", format!("nothing gives its output {missing}")))
            }
            None => Ok(()),
        }
    }
}

/// Elements of a shape; nothing where they are too many to count.
pub fn elements(shape: &[usize]) -> Option<u64> {
    shape.iter().try_fold(1u64, |total, side| total.checked_mul(*side as u64))
}

/// The upper half of a binary32.
#[cfg(feature = "import")]
pub(crate) fn brain(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(feature = "import")]
    use crate::tensors::half;

    #[cfg(feature = "import")]
    #[test]
    fn narrow_floats_are_widened_exactly() {
        let cases = [
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65504.0),
            (0x0001, 5.960_464_5e-8),
            (0x0400, 6.103_515_6e-5),
        ];
        for (bits, value) in cases {
            assert_eq!(half(bits), value);
        }
        assert!(half(0x7c00).is_infinite() && half(0x7e00).is_nan());
        assert_eq!(brain(0x3f80), 1.0);
    }

    fn node(op: &str, inputs: &[&str], outputs: &[&str]) -> Node {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Node { op: op.into(), inputs: names(inputs), outputs: names(outputs), ..Node::default() }
    }

    fn graph(nodes: Vec<Node>) -> Graph {
        let input = Input { name: "x".into(), element: Element::Float, shape: vec![None] };
        Graph {
            opset: 20,
            inputs: vec![input],
            outputs: vec!["y".into()],
            nodes,
            ..Graph::default()
        }
    }

    #[test]
    fn operators_are_in_order() {
        assert!(OPERATORS.is_sorted());
    }

    #[test]
    fn all_unknown_operators_are_named_at_once() {
        let nodes = vec![
            node("Foo", &["x"], &["a"]),
            node("Relu", &["a"], &["b"]),
            node("Bar", &["b"], &["c"]),
            node("Foo", &["c"], &["y"]),
        ];
        let error = graph(nodes).validate().unwrap_err().to_string();
        assert!(error.contains("Bar at c") && error.contains("Foo at a, y"), "{error}");
    }

    #[test]
    fn cycles_and_doubles_are_refused() {
        let why = |nodes| graph(nodes).validate().unwrap_err().to_string();
        assert!(why(vec![node("Add", &["x", "y"], &["y"])]).contains("a cycle"));
        let twice = vec![node("Relu", &["x"], &["y"]), node("Relu", &["x"], &["y"])];
        assert!(why(twice).contains("given already"));
        assert!(why(vec![node("Relu", &["x"], &["z"])]).contains("nothing gives its output y"));
        assert_eq!(graph(vec![node("Relu", &["x"], &["y"])]).validate(), Ok(()));
    }

    #[test]
    fn sizes_beyond_counting_are_refused() {
        let mut graph = graph(vec![node("Relu", &["x"], &["y"])]);
        let parameter = Parameter { shape: vec![1 << 40, 1 << 40], trained: true };
        graph.parameters.insert("w".into(), parameter);
        assert!(graph.validate().unwrap_err().to_string().contains("more than"));
    }
}
