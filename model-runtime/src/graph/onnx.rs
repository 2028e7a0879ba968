//! ONNX files, read into a [`Graph`] and its parameters. Only what a graph needs is decoded; no code is run.
//!
//! The messages are those of onnx.proto (<https://github.com/onnx/onnx/blob/main/onnx/onnx.proto>), by field number.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use prost::{Message, bytes::Bytes};

use super::{Attribute, Constant, Element, Graph, Input, Node, Parameter, Values, brain, elements};
use crate::{
    RuntimeError, limits,
    tensors::{TensorFile, TensorValue, f32_bytes, f32_values, half},
};

/// What a file holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Onnx {
    /// Its graph.
    pub graph: Graph,
    /// The graph's parameters, by name.
    pub parameters: TensorFile,
    /// Who wrote the file.
    pub producer: String,
}

#[derive(Clone, PartialEq, Message)]
struct ModelProto {
    #[prost(int64, tag = "1")]
    ir_version: i64,
    #[prost(string, tag = "2")]
    producer_name: String,
    #[prost(string, tag = "3")]
    producer_version: String,
    #[prost(message, optional, tag = "7")]
    graph: Option<GraphProto>,
    #[prost(message, repeated, tag = "8")]
    opset_import: Vec<OperatorSetIdProto>,
    #[prost(message, repeated, tag = "25")]
    functions: Vec<FunctionProto>,
}

#[derive(Clone, PartialEq, Message)]
struct OperatorSetIdProto {
    #[prost(string, tag = "1")]
    domain: String,
    #[prost(int64, tag = "2")]
    version: i64,
}

#[derive(Clone, PartialEq, Message)]
struct FunctionProto {
    #[prost(string, tag = "1")]
    name: String,
}

#[derive(Clone, PartialEq, Message)]
struct GraphProto {
    #[prost(message, repeated, tag = "1")]
    node: Vec<NodeProto>,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(message, repeated, tag = "5")]
    initializer: Vec<TensorProto>,
    #[prost(message, repeated, tag = "11")]
    input: Vec<ValueInfoProto>,
    #[prost(message, repeated, tag = "12")]
    output: Vec<ValueInfoProto>,
    #[prost(message, repeated, tag = "15")]
    sparse_initializer: Vec<SparseTensorProto>,
}

#[derive(Clone, PartialEq, Message)]
struct SparseTensorProto {}

#[derive(Clone, PartialEq, Message)]
struct NodeProto {
    #[prost(string, repeated, tag = "1")]
    input: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    output: Vec<String>,
    #[prost(string, tag = "3")]
    name: String,
    #[prost(string, tag = "4")]
    op_type: String,
    #[prost(message, repeated, tag = "5")]
    attribute: Vec<AttributeProto>,
    #[prost(string, tag = "7")]
    domain: String,
}

#[derive(Clone, PartialEq, Message)]
struct AttributeProto {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(float, tag = "2")]
    f: f32,
    #[prost(int64, tag = "3")]
    i: i64,
    #[prost(bytes = "vec", tag = "4")]
    s: Vec<u8>,
    #[prost(message, optional, tag = "5")]
    t: Option<TensorProto>,
    #[prost(message, optional, boxed, tag = "6")]
    g: Option<Box<GraphProto>>,
    #[prost(float, repeated, tag = "7")]
    floats: Vec<f32>,
    #[prost(int64, repeated, tag = "8")]
    ints: Vec<i64>,
    #[prost(bytes = "vec", repeated, tag = "9")]
    strings: Vec<Vec<u8>>,
    #[prost(int32, tag = "20")]
    kind: i32,
}

#[derive(Clone, PartialEq, Message)]
struct TensorProto {
    #[prost(int64, repeated, tag = "1")]
    dims: Vec<i64>,
    #[prost(int32, tag = "2")]
    data_type: i32,
    #[prost(float, repeated, tag = "4")]
    float_data: Vec<f32>,
    #[prost(int32, repeated, tag = "5")]
    int32_data: Vec<i32>,
    #[prost(int64, repeated, tag = "7")]
    int64_data: Vec<i64>,
    #[prost(string, tag = "8")]
    name: String,
    #[prost(bytes = "bytes", tag = "9")]
    raw_data: Bytes,
    #[prost(double, repeated, tag = "10")]
    double_data: Vec<f64>,
    #[prost(uint64, repeated, tag = "11")]
    uint64_data: Vec<u64>,
    #[prost(message, repeated, tag = "13")]
    external_data: Vec<StringStringEntryProto>,
    #[prost(int32, tag = "14")]
    data_location: i32,
}

#[derive(Clone, PartialEq, Message)]
struct StringStringEntryProto {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(string, tag = "2")]
    value: String,
}

#[derive(Clone, PartialEq, Message)]
struct ValueInfoProto {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, optional, tag = "2")]
    r#type: Option<TypeProto>,
}

#[derive(Clone, PartialEq, Message)]
struct TypeProto {
    #[prost(message, optional, tag = "1")]
    tensor_type: Option<TensorTypeProto>,
}

#[derive(Clone, PartialEq, Message)]
struct TensorTypeProto {
    #[prost(int32, tag = "1")]
    elem_type: i32,
    #[prost(message, optional, tag = "2")]
    shape: Option<ShapeProto>,
}

#[derive(Clone, PartialEq, Message)]
struct ShapeProto {
    #[prost(message, repeated, tag = "1")]
    dim: Vec<DimensionProto>,
}

#[derive(Clone, PartialEq, Message)]
struct DimensionProto {
    #[prost(int64, optional, tag = "1")]
    dim_value: Option<i64>,
    #[prost(string, tag = "2")]
    dim_param: String,
}

/// ONNX's numbers of the element types that are read.
mod kind {
    pub(super) const FLOAT: i32 = 1;
    pub(super) const UINT8: i32 = 2;
    pub(super) const INT8: i32 = 3;
    pub(super) const UINT16: i32 = 4;
    pub(super) const INT16: i32 = 5;
    pub(super) const INT32: i32 = 6;
    pub(super) const INT64: i32 = 7;
    pub(super) const BOOL: i32 = 9;
    pub(super) const FLOAT16: i32 = 10;
    pub(super) const DOUBLE: i32 = 11;
    pub(super) const UINT32: i32 = 12;
    pub(super) const UINT64: i32 = 13;
    pub(super) const BFLOAT16: i32 = 16;
}

fn bad(name: &str, reason: impl Into<String>) -> RuntimeError {
    RuntimeError::file(name, reason)
}

/// Reads a file whose whole graph must be one that the engine can run; else as [`parse`].
///
/// # Errors
/// Also [`RuntimeError::UnknownOperators`], and those of [`Graph::validate`].
pub fn read(
    name: &str,
    bytes: Bytes,
    beside: &HashMap<String, Bytes>,
) -> Result<Onnx, RuntimeError> {
    let onnx = parse(name, bytes, beside)?;
    onnx.graph.validate()?;
    Ok(onnx)
}

/// Takes a file apart; `name` is for messages, and `beside` are the external data files that came with it, by name.
///
/// # Errors
/// [`RuntimeError::BadFile`] with what is wrong, which includes external data files that did not come, by name.
pub fn parse(
    name: &str,
    bytes: Bytes,
    beside: &HashMap<String, Bytes>,
) -> Result<Onnx, RuntimeError> {
    let model = ModelProto::decode(bytes)
        .map_err(|error| bad(name, format!("this is no ONNX file: {error}")))?;
    let graph = model.graph.ok_or_else(|| bad(name, "this is no ONNX file: it has no graph"))?;
    if let Some(function) = model.functions.first() {
        return Err(bad(
            name,
            format!(
                "it defines functions of its own ({}), which are not read; export it with them inlined",
                function.name
            ),
        ));
    }
    let opset = model.opset_import.iter().find(|set| matches!(set.domain.as_str(), "" | "ai.onnx"));
    let opset = opset.map_or(1, |set| u32::try_from(set.version).unwrap_or(u32::MAX));
    let mut reader =
        Reader { file: name, beside, missing: BTreeSet::new(), parameters: TensorFile::default() };
    let mut graph = reader.graph(graph, opset, 0)?;
    if !reader.missing.is_empty() {
        let names: Vec<_> = reader.missing.into_iter().collect();
        return Err(bad(
            name,
            format!("its parameters are in other files; add {}", names.join(", ")),
        ));
    }
    separate(&mut graph, &mut reader.parameters);
    settle_trained(&mut graph);
    let producer = format!("{} {}", model.producer_name, model.producer_version);
    Ok(Onnx { graph, parameters: reader.parameters, producer: producer.trim().to_owned() })
}

struct Reader<'a> {
    file: &'a str,
    beside: &'a HashMap<String, Bytes>,
    /// External files that did not come.
    missing: BTreeSet<String>,
    parameters: TensorFile,
}

impl Reader<'_> {
    fn graph(
        &mut self,
        proto: GraphProto,
        opset: u32,
        depth: usize,
    ) -> Result<Graph, RuntimeError> {
        if depth > limits::MAX_DEPTH {
            return Err(RuntimeError::bounds(
                "depth of nested graphs",
                depth,
                limits::MAX_DEPTH.to_string(),
            ));
        }
        if !proto.sparse_initializer.is_empty() {
            return Err(bad(
                self.file,
                "it has sparse parameters, which are not read; make them dense",
            ));
        }
        let mut graph = Graph { opset, ..Graph::default() };
        for tensor in proto.initializer {
            let name = tensor.name.clone();
            if graph.parameters.contains_key(&name) || graph.constants.contains_key(&name) {
                return Err(bad(self.file, format!("two of its parameters are named {name}")));
            }
            let constant = self.tensor(tensor)?;
            match constant.values {
                // A single number is a setting rather than a weight.
                Values::Float(values) if values.len() > 1 && depth == 0 => {
                    let value = TensorValue::from_f32(constant.shape.clone(), &values);
                    self.parameters.tensors.insert(name.clone(), value);
                    graph
                        .parameters
                        .insert(name, Parameter { shape: constant.shape, trained: true });
                }
                values => {
                    graph.constants.insert(name, Constant { values, ..constant });
                }
            }
        }
        for value in proto.input {
            // Before IR version 4, parameters were listed among the inputs too.
            let given = graph.parameters.contains_key(&value.name)
                || graph.constants.contains_key(&value.name);
            if !given {
                graph.inputs.push(self.input(value)?);
            }
        }
        graph.outputs = proto.output.into_iter().map(|value| value.name).collect();
        if proto.node.len() > limits::MAX_NODES {
            return Err(RuntimeError::bounds(
                "nodes",
                proto.node.len(),
                limits::MAX_NODES.to_string(),
            ));
        }
        for mut node in proto.node {
            let mut attributes = BTreeMap::new();
            for attribute in std::mem::take(&mut node.attribute) {
                let name = attribute.name.clone();
                if let Some(value) = self.attribute(attribute, opset, depth)? {
                    attributes.insert(name, value);
                }
            }
            graph.nodes.push(Node {
                name: std::mem::take(&mut node.name),
                inputs: std::mem::take(&mut node.input),
                outputs: std::mem::take(&mut node.output),
                op: operator(node),
                attributes,
                shape: Vec::new(),
            });
        }
        Ok(graph)
    }

    fn input(&self, value: ValueInfoProto) -> Result<Input, RuntimeError> {
        let name = value.name;
        let tensor = value.r#type.and_then(|kind| kind.tensor_type);
        let tensor =
            tensor.ok_or_else(|| bad(self.file, format!("its input {name} is no tensor")))?;
        let element = Element::of_onnx(i64::from(tensor.elem_type)).ok_or_else(|| {
            bad(
                self.file,
                format!(
                    "its input {name} has the element type {}, which is not read",
                    tensor.elem_type
                ),
            )
        })?;
        let mut shape = Vec::new();
        for side in tensor.shape.unwrap_or_default().dim {
            shape.push(match side.dim_value {
                // Exporters write an unknown side as 0 or less.
                Some(side) if side > 0 => Some(usize::try_from(side).map_err(|_| {
                    bad(self.file, format!("a side of its input {name} is {side}"))
                })?),
                _ => None,
            });
        }
        Ok(Input { name, element, shape })
    }

    fn attribute(
        &mut self,
        attribute: AttributeProto,
        opset: u32,
        depth: usize,
    ) -> Result<Option<Attribute>, RuntimeError> {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ok(Some(match attribute.kind {
            1 => Attribute::Float(attribute.f),
            2 => Attribute::Int(attribute.i),
            3 => Attribute::String(text(attribute.s)),
            4 => Attribute::Tensor(self.tensor(attribute.t.unwrap_or_default())?),
            5 => {
                let graph = *attribute.g.unwrap_or_default();
                Attribute::Graph(Box::new(self.graph(graph, opset, depth + 1)?))
            }
            6 => Attribute::Floats(attribute.floats),
            7 => Attribute::Ints(attribute.ints),
            8 => Attribute::Strings(attribute.strings.into_iter().map(text).collect()),
            // Sparse tensors, type descriptions and lists of graphs: an operator that needs them refuses.
            _ => return Ok(None),
        }))
    }

    fn tensor(&mut self, tensor: TensorProto) -> Result<Constant, RuntimeError> {
        let name = if tensor.name.is_empty() { "a constant" } else { &tensor.name };
        let bad = |reason: String| RuntimeError::BadParameter { name: name.to_owned(), reason };
        let shape =
            tensor.dims.iter().map(|side| usize::try_from(*side)).collect::<Result<Vec<_>, _>>();
        let shape = shape.map_err(|_| bad(format!("its shape is {:?}", tensor.dims)))?;
        let count =
            elements(&shape).filter(|count| *count <= limits::MAX_PARAMETERS).ok_or_else(|| {
                bad(format!("its shape {shape:?} has more than {} numbers", limits::MAX_PARAMETERS))
            })? as usize;
        let raw = if tensor.data_location == 1 {
            match self.external(&tensor).map_err(bad)? {
                Some(bytes) => bytes,
                None => {
                    // Asked for by name once everything was seen.
                    return Ok(Constant { shape: vec![0], values: Values::Float(Vec::new()) });
                }
            }
        } else {
            tensor.raw_data.clone()
        };
        let values = decode(&tensor, &raw).map_err(bad)?;
        if values.len() != count {
            return Err(bad(format!(
                "its shape {shape:?} has {count} numbers, but {} are there",
                values.len()
            )));
        }
        Ok(Constant { shape, values })
    }

    /// A tensor's part of another file; nothing where that did not come.
    fn external(&mut self, tensor: &TensorProto) -> Result<Option<Bytes>, String> {
        let field = |key: &str| {
            tensor
                .external_data
                .iter()
                .find(|entry| entry.key == key)
                .map(|entry| entry.value.as_str())
        };
        let location =
            field("location").ok_or("it says that it is in another file, but not in which")?;
        // Files come by their bare names: a path leads nowhere in a tab, and must not lead out of a folder.
        let location = location.rsplit(['/', '\\']).next().unwrap_or_default();
        let Some(file) = self.beside.get(location) else {
            self.missing.insert(location.to_owned());
            return Ok(None);
        };
        let number = |key: &str| match field(key) {
            None => Ok(None),
            Some(text) => {
                text.parse::<usize>().map(Some).map_err(|_| format!("its {key} is {text}"))
            }
        };
        let start = number("offset")?.unwrap_or(0);
        let length = number("length")?.unwrap_or(file.len().saturating_sub(start));
        let end = start.checked_add(length).filter(|end| *end <= file.len());
        end.map(|end| Some(file.slice(start..end))).ok_or_else(|| {
            format!("{location} ends before its {length} bytes from {start}; is it the right file?")
        })
    }
}

/// A tensor's values, from raw bytes or from the typed lists.
fn decode(tensor: &TensorProto, raw: &[u8]) -> Result<Values, String> {
    fn words<const N: usize, T>(raw: &[u8], read: impl Fn([u8; N]) -> T) -> Result<Vec<T>, String> {
        let (words, rest) = raw.as_chunks::<N>();
        match rest.is_empty() {
            true => Ok(words.iter().map(|word| read(*word)).collect()),
            false => Err(format!("its {} bytes are no whole number of values", raw.len())),
        }
    }
    let narrow = &tensor.int32_data;
    let has_raw = !raw.is_empty();
    Ok(match tensor.data_type {
        kind::FLOAT if has_raw && raw.len().is_multiple_of(4) => Values::Float(f32_values(raw)),
        kind::FLOAT if has_raw => Values::Float(words(raw, f32::from_le_bytes)?),
        kind::FLOAT => Values::Float(tensor.float_data.clone()),
        kind::DOUBLE if has_raw => Values::Float(words(raw, |w| f64::from_le_bytes(w) as f32)?),
        kind::DOUBLE => Values::Float(tensor.double_data.iter().map(|v| *v as f32).collect()),
        kind::FLOAT16 if has_raw => Values::Float(words(raw, |w| half(u16::from_le_bytes(w)))?),
        kind::FLOAT16 => Values::Float(narrow.iter().map(|v| half(*v as u16)).collect()),
        kind::BFLOAT16 if has_raw => Values::Float(words(raw, |w| brain(u16::from_le_bytes(w)))?),
        kind::BFLOAT16 => Values::Float(narrow.iter().map(|v| brain(*v as u16)).collect()),
        kind::INT64 if has_raw => Values::Int(words(raw, i64::from_le_bytes)?),
        kind::INT64 => Values::Int(tensor.int64_data.clone()),
        kind::INT32 if has_raw => Values::Int(words(raw, |w| i64::from(i32::from_le_bytes(w)))?),
        kind::INT16 if has_raw => Values::Int(words(raw, |w| i64::from(i16::from_le_bytes(w)))?),
        kind::INT8 if has_raw => Values::Int(words(raw, |w| i64::from(i8::from_le_bytes(w)))?),
        kind::UINT8 if has_raw => Values::Int(raw.iter().map(|v| i64::from(*v)).collect()),
        kind::UINT16 if has_raw => Values::Int(words(raw, |w| i64::from(u16::from_le_bytes(w)))?),
        kind::UINT32 if has_raw => Values::Int(words(raw, |w| i64::from(u32::from_le_bytes(w)))?),
        kind::UINT64 if has_raw => Values::Int(words(raw, |w| u64::from_le_bytes(w) as i64)?),
        kind::UINT32 | kind::UINT64 => {
            Values::Int(tensor.uint64_data.iter().map(|v| *v as i64).collect())
        }
        kind::UINT8..=kind::INT32 => Values::Int(narrow.iter().map(|v| i64::from(*v)).collect()),
        kind::BOOL if has_raw => Values::Bool(raw.iter().map(|v| *v != 0).collect()),
        kind::BOOL => Values::Bool(narrow.iter().map(|v| *v != 0).collect()),
        other => return Err(format!("its element type {other} is not read")),
    })
}

/// PyTorch's older exporter keeps equal parameters once, all scales of one say, and names the others as identities of
/// it. They only begin alike: each is trained by itself.
fn separate(graph: &mut Graph, parameters: &mut TensorFile) {
    let (known, tensors) = (&mut graph.parameters, &mut parameters.tensors);
    graph.nodes.retain(|node| {
        let [Some(from), Some(to)] = [node.inputs.first(), node.outputs.first()] else {
            return true;
        };
        let same = known.get(from).cloned().zip(tensors.get(from).cloned());
        match same.filter(|_| node.op == "Identity" && !known.contains_key(to)) {
            Some((parameter, tensor)) => {
                known.insert(to.clone(), parameter);
                tensors.insert(to.clone(), tensor);
                false
            }
            None => true,
        }
    });
}

/// Parameters that only say how something is done are not trained: running figures of normalisations, and what
/// resizing takes.
fn settle_trained(graph: &mut Graph) {
    for node in &graph.nodes {
        let fixed: &[usize] = match node.op.as_str() {
            "BatchNormalization" => &[3, 4],
            "Resize" | "Upsample" => &[1, 2],
            "Clip" => &[1, 2],
            "Pad" => &[2],
            _ => &[],
        };
        for place in fixed {
            let parameter = node.inputs.get(*place).and_then(|name| graph.parameters.get_mut(name));
            if let Some(parameter) = parameter {
                parameter.trained = false;
            }
        }
    }
}

/// Version of the format that is written; every runtime of the last years reads it.
const IR_VERSION: i64 = 10;
/// What the sides that may be of any length are called.
const ANY: &str = "batch";

/// Writes a graph and its parameters into a file. `output` are the sides of the result for one example.
///
/// # Errors
/// [`RuntimeError::BadParameter`] for one that is missing or of another shape.
pub fn write(
    graph: &Graph,
    parameters: &TensorFile,
    output: &[usize],
) -> Result<Vec<u8>, RuntimeError> {
    let mut proto = to_proto(graph);
    for (name, parameter) in &graph.parameters {
        let bad = |reason: String| RuntimeError::BadParameter { name: name.clone(), reason };
        let tensor = parameters.tensors.get(name).ok_or_else(|| bad("the file lacks it".into()))?;
        if tensor.shape != parameter.shape {
            return Err(bad(format!("it is {:?}, not {:?}", tensor.shape, parameter.shape)));
        }
        proto.initializer.push(TensorProto {
            name: name.clone(),
            dims: tensor.shape.iter().map(|side| *side as i64).collect(),
            data_type: kind::FLOAT,
            raw_data: f32_bytes(&tensor.to_f32(name)?).into(),
            ..TensorProto::default()
        });
    }
    proto.name = "delea".into();
    for (value, name) in proto.output.iter_mut().zip(&graph.outputs) {
        let mut shape = vec![None];
        shape.extend(output.iter().copied().map(Some));
        let input = Input { name: name.clone(), element: Element::Float, shape };
        *value = value_info(&input);
    }
    let opset_import =
        vec![OperatorSetIdProto { domain: String::new(), version: graph.opset.into() }];
    let model = ModelProto {
        ir_version: IR_VERSION,
        producer_name: "delea".into(),
        producer_version: env!("CARGO_PKG_VERSION").into(),
        graph: Some(proto),
        opset_import,
        functions: Vec::new(),
    };
    Ok(model.encode_to_vec())
}

fn value_info(input: &Input) -> ValueInfoProto {
    let elem_type = match input.element {
        Element::Float => kind::FLOAT,
        Element::Int => kind::INT64,
        Element::Bool => kind::BOOL,
    };
    let dim = input.shape.iter().map(|side| match side {
        Some(side) => DimensionProto { dim_value: Some(*side as i64), dim_param: String::new() },
        None => DimensionProto { dim_value: None, dim_param: ANY.into() },
    });
    let shape = Some(ShapeProto { dim: dim.collect() });
    ValueInfoProto {
        name: input.name.clone(),
        r#type: Some(TypeProto { tensor_type: Some(TensorTypeProto { elem_type, shape }) }),
    }
}

fn to_proto(graph: &Graph) -> GraphProto {
    let output =
        graph.outputs.iter().map(|name| ValueInfoProto { name: name.clone(), r#type: None });
    GraphProto {
        node: graph.nodes.iter().map(node_proto).collect(),
        input: graph.inputs.iter().map(value_info).collect(),
        output: output.collect(),
        initializer: graph
            .constants
            .iter()
            .map(|(name, constant)| TensorProto { name: name.clone(), ..tensor_proto(constant) })
            .collect(),
        ..GraphProto::default()
    }
}

fn tensor_proto(constant: &Constant) -> TensorProto {
    let (data_type, raw): (_, Vec<u8>) = match &constant.values {
        Values::Float(values) => {
            (kind::FLOAT, values.iter().flat_map(|v| v.to_le_bytes()).collect())
        }
        Values::Int(values) => (kind::INT64, values.iter().flat_map(|v| v.to_le_bytes()).collect()),
        Values::Bool(values) => (kind::BOOL, values.iter().map(|v| u8::from(*v)).collect()),
    };
    TensorProto {
        dims: constant.shape.iter().map(|side| *side as i64).collect(),
        data_type,
        raw_data: raw.into(),
        ..TensorProto::default()
    }
}

fn node_proto(node: &Node) -> NodeProto {
    let attribute = node.attributes.iter().map(|(name, value)| {
        let proto = AttributeProto { name: name.clone(), ..AttributeProto::default() };
        match value {
            Attribute::Float(f) => AttributeProto { kind: 1, f: *f, ..proto },
            Attribute::Int(i) => AttributeProto { kind: 2, i: *i, ..proto },
            Attribute::String(text) => AttributeProto { kind: 3, s: text.clone().into(), ..proto },
            Attribute::Tensor(constant) => {
                AttributeProto { kind: 4, t: Some(tensor_proto(constant)), ..proto }
            }
            Attribute::Graph(graph) => {
                AttributeProto { kind: 5, g: Some(Box::new(to_proto(graph))), ..proto }
            }
            Attribute::Floats(floats) => {
                AttributeProto { kind: 6, floats: floats.clone(), ..proto }
            }
            Attribute::Ints(ints) => AttributeProto { kind: 7, ints: ints.clone(), ..proto },
            Attribute::Strings(strings) => {
                let strings = strings.iter().map(|text| text.clone().into_bytes()).collect();
                AttributeProto { kind: 8, strings, ..proto }
            }
        }
    });
    let (domain, op_type) = node.op.rsplit_once('.').unwrap_or(("", &node.op));
    NodeProto {
        input: node.inputs.clone(),
        output: node.outputs.clone(),
        name: node.name.clone(),
        op_type: op_type.into(),
        attribute: attribute.collect(),
        domain: domain.into(),
    }
}

/// The operators that a file uses, known or not.
///
/// # Errors
/// [`RuntimeError::BadFile`] for what is no ONNX file.
pub fn operators(name: &str, bytes: Bytes) -> Result<BTreeSet<String>, RuntimeError> {
    let model = ModelProto::decode(bytes)
        .map_err(|error| bad(name, format!("this is no ONNX file: {error}")))?;
    let nodes = model.graph.unwrap_or_default().node;
    Ok(nodes.into_iter().map(operator).collect())
}

/// The operator of a node; one of another domain has it before its name.
fn operator(node: NodeProto) -> String {
    match node.domain.as_str() {
        "" | "ai.onnx" => node.op_type,
        domain => format!("{domain}.{}", node.op_type),
    }
}

/// Reads a tensor file (`.pb`) of ONNX's own test cases.
///
/// # Errors
/// As [`read`].
pub fn read_tensor(name: &str, bytes: Bytes) -> Result<(String, Constant), RuntimeError> {
    let tensor = TensorProto::decode(bytes).map_err(|error| bad(name, error.to_string()))?;
    let beside = HashMap::new();
    let mut reader = Reader {
        file: name,
        beside: &beside,
        missing: BTreeSet::new(),
        parameters: TensorFile::default(),
    };
    Ok((tensor.name.clone(), reader.tensor(tensor)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(graph: GraphProto) -> Vec<u8> {
        let opset_import = vec![OperatorSetIdProto { domain: String::new(), version: 17 }];
        ModelProto { graph: Some(graph), opset_import, ..ModelProto::default() }.encode_to_vec()
    }

    fn load(graph: GraphProto) -> Result<Onnx, RuntimeError> {
        read("test.onnx", model(graph).into(), &HashMap::new())
    }

    #[test]
    fn what_is_no_onnx_file_is_refused() {
        let why = |bytes: &'static [u8]| {
            read("x.onnx", Bytes::from_static(bytes), &HashMap::new()).unwrap_err().to_string()
        };
        assert!(why(b"").contains("no graph"));
        assert!(why(b"PK\x03\x04 something else").contains("no ONNX file"));
    }

    #[test]
    fn external_files_are_asked_for_by_name() {
        let entry = |key: &str, value: &str| StringStringEntryProto {
            key: key.into(),
            value: value.into(),
        };
        let tensor = TensorProto {
            name: "w".into(),
            dims: vec![2],
            data_type: kind::FLOAT,
            data_location: 1,
            external_data: vec![
                entry("location", "../weights.bin"),
                entry("offset", "4"),
                entry("length", "8"),
            ],
            ..TensorProto::default()
        };
        let graph = GraphProto { initializer: vec![tensor], ..GraphProto::default() };
        assert!(load(graph.clone()).unwrap_err().to_string().contains("add weights.bin"));
        let bytes: Vec<u8> = [9f32, 1.0, 2.0].iter().flat_map(|v| v.to_le_bytes()).collect();
        let beside = HashMap::from([("weights.bin".to_owned(), Bytes::from(bytes.clone()))]);
        let found = read("x", model(graph.clone()).into(), &beside).unwrap();
        assert_eq!(found.parameters.tensors["w"].to_f32("w").unwrap(), [1.0, 2.0]);
        let short = HashMap::from([("weights.bin".to_owned(), Bytes::from(bytes[..8].to_vec()))]);
        assert!(
            read("x", model(graph).into(), &short).unwrap_err().to_string().contains("ends before")
        );
    }

    #[test]
    fn shapes_that_lie_are_refused() {
        let tensor = |dims: Vec<i64>| TensorProto {
            name: "w".into(),
            dims,
            data_type: kind::FLOAT,
            float_data: vec![1.0, 2.0],
            ..TensorProto::default()
        };
        let why = |dims| {
            load(GraphProto { initializer: vec![tensor(dims)], ..GraphProto::default() })
                .unwrap_err()
                .to_string()
        };
        assert!(why(vec![-1]).contains("its shape is [-1]"));
        assert!(why(vec![1 << 60, 1 << 60]).contains("more than"));
        assert!(why(vec![3]).contains("has 3 numbers, but 2 are there"));
    }

    #[test]
    fn a_file_that_is_cut_off_anywhere_is_refused_or_read() {
        let node = NodeProto {
            op_type: "Relu".into(),
            input: vec!["x".into()],
            output: vec!["y".into()],
            ..NodeProto::default()
        };
        let value = |name: &str| ValueInfoProto {
            name: name.into(),
            r#type: Some(TypeProto {
                tensor_type: Some(TensorTypeProto { elem_type: 1, shape: None }),
            }),
        };
        let graph = GraphProto {
            node: vec![node],
            input: vec![value("x")],
            output: vec![value("y")],
            ..GraphProto::default()
        };
        let bytes = model(graph);
        assert!(read("x", bytes.clone().into(), &HashMap::new()).is_ok());
        for end in 0..bytes.len() {
            let _ = read("x", bytes[..end].to_vec().into(), &HashMap::new());
        }
    }
}
