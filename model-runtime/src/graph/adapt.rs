//! Makes the graph of a file into the body of a model: one input of the data's shape with a batch of any size, one output
//! that the task's loss can be taken of, and nothing that is not needed for it.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Attribute, Constant, Element, Graph, Input, Node, Parameter, Values, classic, onnx::Onnx,
};
use crate::{
    RuntimeError,
    rng::{Random, Stream},
    spec::{Body, ModelSpec, Shape, Task},
    tensors::{TensorFile, TensorValue, not_finite},
};

/// Before names that are added.
const OWN: &str = "delea/";
/// Probabilities are kept this far from zero before their logarithm is taken.
const LEAST_PROBABILITY: f32 = 1e-7;
/// Largest integer that JavaScript keeps.
const SAFE: i64 = (1 << 53) - 1;
/// Seed of a new last layer.
const SEED: u64 = 0;

/// A model that came of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Adapted {
    /// The model.
    pub spec: ModelSpec,
    /// Its parameters.
    pub parameters: TensorFile,
    /// What was changed, in words for its owner.
    pub notes: Vec<String>,
}

/// Adapts a file's graph to data of shape `input` and to `task`.
///
/// # Errors
/// [`RuntimeError::OutOfBounds`] with both shapes if the data do not fit the graph's input;
/// [`RuntimeError::UnknownOperators`] with all operators that are needed and not known;
/// [`RuntimeError::NotFinite`] for a parameter that is no number; else as [`ModelSpec::validate`].
pub fn adapt(onnx: Onnx, input: &Shape, task: &Task) -> Result<Adapted, RuntimeError> {
    let Onnx { graph, parameters, .. } = onnx;
    let mut work = Work { graph, parameters, notes: Vec::new() };
    work.fold_constants();
    work.check_numbers()?;
    classic::rewrite(&mut work.graph, &mut work.parameters)?;
    work.fit_input(input)?;
    work.fit_output(task)?;
    work.drop_unneeded();
    let Work { graph, parameters, notes } = work;
    let body = Body::Graph(Box::new(graph));
    let spec = ModelSpec { input: input.clone(), body, task: task.clone() };
    spec.validate()?;
    Ok(Adapted { spec, parameters, notes })
}

struct Work {
    graph: Graph,
    parameters: TensorFile,
    notes: Vec<String>,
}

fn step(op: &str, inputs: &[&str], to: &str) -> Node {
    let inputs = inputs.iter().map(|name| (*name).to_owned()).collect();
    Node { op: op.into(), inputs, outputs: vec![to.into()], ..Node::default() }
}

impl Work {
    /// Constants that nodes give become constants of the graph, so that they can be looked at.
    fn fold_constants(&mut self) {
        let Graph { nodes, constants, .. } = &mut self.graph;
        nodes.retain(|node| {
            let [output] = &node.outputs[..] else { return true };
            let list = |count: usize, values| Constant { shape: vec![count], values };
            let constant = match node.attributes.values().next() {
                _ if node.op != "Constant" => return true,
                Some(Attribute::Tensor(constant)) => constant.clone(),
                Some(Attribute::Int(value)) => {
                    Constant { shape: vec![], values: Values::Int(vec![*value]) }
                }
                Some(Attribute::Float(value)) => {
                    Constant { shape: vec![], values: Values::Float(vec![*value]) }
                }
                Some(Attribute::Ints(values)) => list(values.len(), Values::Int(values.clone())),
                Some(Attribute::Floats(values)) => {
                    list(values.len(), Values::Float(values.clone()))
                }
                _ => return true,
            };
            constants.insert(output.clone(), constant);
            false
        });
    }

    /// Infinities, as masks have them, become the largest numbers, and integers that mean "to the end" the largest that
    /// every reader of JSON keeps; what is no number is refused.
    fn check_numbers(&mut self) -> Result<(), RuntimeError> {
        let place = |name: &str| RuntimeError::NotFinite { place: format!("parameter {name}") };
        for (name, constant) in &mut self.graph.constants {
            match &mut constant.values {
                Values::Float(values) => {
                    values.iter_mut().for_each(|v| *v = v.clamp(f32::MIN, f32::MAX));
                    if values.iter().any(|v| v.is_nan()) {
                        return Err(place(name));
                    }
                }
                Values::Int(values) => {
                    values.iter_mut().for_each(|v| *v = (*v).clamp(-SAFE, SAFE));
                }
                Values::Bool(_) => {}
            }
        }
        for (name, tensor) in &mut self.parameters.tensors {
            let values = tensor.to_f32(name)?;
            if not_finite(&values).is_some() {
                if values.iter().any(|v| v.is_nan()) {
                    return Err(place(name));
                }
                let values: Vec<f32> = values.iter().map(|v| v.clamp(f32::MIN, f32::MAX)).collect();
                *tensor = TensorValue::from_f32(tensor.shape.clone(), &values);
                if let Some(parameter) = self.graph.parameters.get_mut(name) {
                    parameter.trained = false;
                }
            }
        }
        Ok(())
    }

    fn insert_first(&mut self, node: Node) {
        self.graph.nodes.insert(0, node);
    }

    fn constant(&mut self, name: String, values: Values) -> String {
        let shape = vec![values.len()];
        self.graph.constants.insert(name.clone(), Constant { shape, values });
        name
    }

    /// Leaves one input: the data's.
    fn fit_input(&mut self, shape: &Shape) -> Result<(), RuntimeError> {
        let element = match shape {
            Shape::Tokens { .. } => Element::Int,
            _ => Element::Float,
        };
        let all = std::mem::take(&mut self.graph.inputs);
        let Some(main) = all.iter().position(|input| input.element == element) else {
            let found: Vec<_> =
                all.iter().map(|input| format!("{} {}", input.name, input.words())).collect();
            return Err(RuntimeError::bounds(
                "the inputs of the graph",
                found.join("; "),
                format!(
                    "one that takes {shape}; choose data of the kind that the model was made for"
                ),
            ));
        };
        let Input { name, shape: sides, .. } = all[main].clone();
        for other in all.iter().filter(|input| input.name != name) {
            self.fill(other, &name)?;
        }
        let was_one = sides.first() == Some(&Some(1));
        let wanted = shape.sides();
        // Nothing is known of an input without sides.
        let inner = if sides.is_empty() { vec![None; wanted.len()] } else { sides[1..].to_vec() };
        let equal = |inner: &[Option<usize>], wanted: &[usize]| {
            inner.len() == wanted.len()
                && inner.iter().zip(wanted).all(|(side, is)| side.is_none_or(|side| side == *is))
        };
        let own = format!("{OWN}input");
        let mut given = vec![None];
        given.extend(wanted.iter().copied().map(Some));
        let mut input = Input { name: name.clone(), element, shape: given };
        if !equal(&inner, &wanted) {
            let known: Option<Vec<usize>> = inner.iter().copied().collect();
            let (node, note) = match (shape, known) {
                (Shape::Image { channels, height, width }, _)
                    if equal(&inner, &[*height, *width, *channels]) =>
                {
                    let node = Node {
                        attributes: [("perm".into(), Attribute::Ints(vec![0, 2, 3, 1]))].into(),
                        ..step("Transpose", &[&own], &name)
                    };
                    (node, "Its pictures have their channels last; they are turned for it.")
                }
                (_, Some(known)) if known.iter().product::<usize>() == shape.len() => {
                    let sides = [0].into_iter().chain(known.iter().map(|side| *side as i64));
                    let sides = self.constant(format!("{OWN}sides"), Values::Int(sides.collect()));
                    let note = "The data are brought into the shape that it takes.";
                    (step("Reshape", &[&own, &sides], &name), note)
                }
                _ => {
                    let sides: Vec<_> = inner
                        .iter()
                        .map(|side| side.map_or("any".to_owned(), |side| side.to_string()))
                        .collect();
                    return Err(RuntimeError::bounds(
                        format!("one example of the graph's input {name}"),
                        format!("[{}]", sides.join(", ")),
                        format!("{shape}, as the data have it"),
                    ));
                }
            };
            self.notes.push(note.into());
            self.insert_first(node);
            input.name = own;
        }
        self.graph.inputs = vec![input];
        if was_one {
            self.free_batch();
        }
        Ok(())
    }

    /// Gives an input beside the data what it has where nothing is masked and there is but one text.
    fn fill(&mut self, input: &Input, main: &str) -> Result<(), RuntimeError> {
        let value = match input.name.to_lowercase() {
            name if name.contains("mask") => 1,
            name if name.contains("type") || name.contains("segment") => 0,
            _ => {
                return Err(RuntimeError::bounds(
                    format!("the graph's further input {}", input.name),
                    input.words(),
                    "a mask or a token type, which can be filled in; export the model with one input",
                ));
            }
        };
        let values = match input.element {
            Element::Int => Values::Int(vec![value]),
            Element::Float => Values::Float(vec![value as f32]),
            Element::Bool => Values::Bool(vec![value == 1]),
        };
        let sides = format!("{OWN}sides of {}", input.name);
        let filled = Node {
            attributes: [(
                "value".to_owned(),
                Attribute::Tensor(Constant { shape: vec![1], values }),
            )]
            .into(),
            ..step("ConstantOfShape", &[&sides], &input.name)
        };
        self.insert_first(filled);
        self.insert_first(step("Shape", &[main], &sides));
        self.notes.push(format!("Its input {} is always {value}.", input.name));
        Ok(())
    }

    /// A file that was exported for a batch of one says so in the shapes it reshapes to.
    fn free_batch(&mut self) {
        let Graph { nodes, constants, .. } = &mut self.graph;
        for (place, node) in nodes.iter_mut().enumerate() {
            let Some(to) = node.inputs.get(1).filter(|_| node.op == "Reshape") else { continue };
            let Some(Constant { shape, values: Values::Int(sides) }) = constants.get(to) else {
                continue;
            };
            if sides.len() < 2 || sides[0] != 1 {
                continue;
            }
            let free = [0].into_iter().chain(sides[1..].iter().copied()).collect();
            let constant = Constant { shape: shape.clone(), values: Values::Int(free) };
            let name = format!("{OWN}sides {place}");
            constants.insert(name.clone(), constant);
            node.inputs[1] = name;
        }
        self.notes.push(
            "It was exported for one example at a time; its shapes were freed for several.".into(),
        );
    }

    /// The node that gives a value.
    fn maker(&self, name: &str) -> Option<usize> {
        self.graph.nodes.iter().position(|node| node.outputs.iter().any(|output| output == name))
    }

    /// Leaves one output: what the loss is taken of.
    fn fit_output(&mut self, task: &Task) -> Result<(), RuntimeError> {
        let rank = |name: &String| {
            let lower = name.to_lowercase();
            let by_name = match () {
                () if lower.contains("logit") => 0,
                () if lower.contains("prob") => 1,
                () if lower.contains("label") => 3,
                () => 2,
            };
            let maker = self.maker(name).map(|place| &self.graph.nodes[place]);
            let whole = maker.is_some_and(|n| matches!(n.op.as_str(), "ArgMax" | "Shape"));
            (whole, by_name)
        };
        let outputs = self.graph.outputs.clone();
        let chosen = outputs.iter().min_by_key(|name| rank(name)).cloned();
        let mut chosen = chosen.ok_or_else(|| RuntimeError::file("graph", "it gives nothing"))?;
        if outputs.len() > 1 {
            self.notes.push(format!("Of its {} results, {chosen} is used.", outputs.len()));
        }
        let mut probable = chosen.to_lowercase().contains("prob");
        while let Some(place) = self.maker(&chosen) {
            let node = &self.graph.nodes[place];
            let Some(before) = node.inputs.first().cloned() else { break };
            let last_axis = matches!(node.int("axis", -1), Ok(-1 | 1));
            match node.op.as_str() {
                "Identity" => {}
                "Cast" if classic::casts_to_float(node) => {}
                "ai.onnx.ml.ZipMap" => probable = true,
                // A last softmax belongs to the loss.
                "Softmax" | "LogSoftmax" if task.is_discrete() && last_axis => {
                    self.notes.push("Its last softmax was taken off: the loss has it.".into());
                    (probable, chosen) = (false, before);
                    break;
                }
                // Scaled to a sum of one, as the loss does anyway.
                "LpNormalization" if task.is_discrete() && probable => {}
                _ => break,
            }
            chosen = before;
        }
        if let Task::Classification { classes } = task {
            let sigmoid = self.maker(&chosen).filter(|at| self.graph.nodes[*at].op == "Sigmoid");
            match sigmoid {
                Some(place) if classes.len() == 2 && self.columns(place) == Some(1) => {
                    // One logit z for the second class is 0 and z for both.
                    let z = self.graph.nodes[place].inputs[0].clone();
                    let (zero, both) = (format!("{OWN}zero"), format!("{OWN}logits"));
                    self.graph.nodes.push(step("Sub", &[&z, &z], &zero));
                    self.graph.nodes.push(Node {
                        attributes: [("axis".to_owned(), Attribute::Int(1))].into(),
                        ..step("Concat", &[&zero, &z], &both)
                    });
                    self.notes.push("Its one probability was made into two logits.".into());
                    (chosen, probable) = (both, false);
                }
                Some(_) => probable = true,
                None => {}
            }
            if probable {
                let least =
                    self.constant(format!("{OWN}least"), Values::Float(vec![LEAST_PROBABILITY]));
                let (kept, logs) = (format!("{OWN}kept"), format!("{OWN}logs"));
                self.graph.nodes.push(step("Max", &[&chosen, &least], &kept));
                self.graph.nodes.push(step("Log", &[&kept], &logs));
                self.notes.push("Its probabilities are trained by their logarithms.".into());
                chosen = logs;
            }
            chosen = self.fit_head(chosen, classes.len());
        }
        if let Task::Regression { outputs } = task {
            chosen = self.fit_head(chosen, outputs.len());
        }
        self.graph.outputs = vec![chosen];
        Ok(())
    }

    /// The fully connected layer that gives a value, if one does.
    fn dense(&self, name: &str) -> Option<Dense> {
        let mut place = self.maker(name)?;
        let (nodes, known) = (&self.graph.nodes, &self.graph.parameters);
        let sides = |name: &String| known.get(name).map(|parameter| &parameter.shape[..]);
        let mut bias = None;
        if nodes[place].op == "Add" {
            let is_bias = |name: &&String| sides(name).is_some_and(|sides| sides.len() == 1);
            bias = nodes[place].inputs.iter().find(is_bias).cloned();
            let other = nodes[place].inputs.iter().find(|name| sides(name).is_none())?;
            bias.as_ref()?;
            place = self.maker(other)?;
        }
        let node = &nodes[place];
        let weight = node.inputs.get(1)?.clone();
        let [rows, columns] = *sides(&weight)? else { return None };
        let outputs_first = match node.op.as_str() {
            "MatMul" => false,
            "Gemm" => {
                bias = node.inputs.get(2).cloned();
                node.int("transB", 0).ok()? == 1
            }
            _ => return None,
        };
        let (inputs, outputs) = if outputs_first { (columns, rows) } else { (rows, columns) };
        Some(Dense { weight, bias, inputs, outputs, outputs_first })
    }

    /// Columns that the value before a node has, where a fully connected layer gives it.
    fn columns(&self, place: usize) -> Option<usize> {
        let before = self.graph.nodes[place].inputs.first()?;
        self.dense(before).map(|dense| dense.outputs)
    }

    /// Puts a new last layer in the place of one of another width, as is done to teach a trained network a new task.
    fn fit_head(&mut self, name: String, outputs: usize) -> String {
        let Some(dense) = self.dense(&name).filter(|dense| dense.outputs != outputs) else {
            return name;
        };
        let mut random = Random::new(SEED, Stream::Parameter(0));
        let bound = 1.0 / (dense.inputs as f32).sqrt();
        let values: Vec<f32> =
            (0..dense.inputs * outputs).map(|_| (random.uniform() * 2.0 - 1.0) * bound).collect();
        let shape = match dense.outputs_first {
            true => vec![outputs, dense.inputs],
            false => vec![dense.inputs, outputs],
        };
        self.set(&dense.weight, shape, &values);
        if let Some(bias) = &dense.bias {
            self.set(bias, vec![outputs], &vec![0.0; outputs]);
        }
        self.notes.push(format!(
            "Its last layer gave {}; a new one that gives {outputs} is in its place and has yet to learn.",
            dense.outputs
        ));
        name
    }

    fn set(&mut self, name: &str, shape: Vec<usize>, values: &[f32]) {
        let tensor = TensorValue::from_f32(shape.clone(), values);
        self.parameters.tensors.insert(name.to_owned(), tensor);
        self.graph.parameters.insert(name.to_owned(), Parameter { shape, trained: true });
    }

    /// Drops whatever the output does not need.
    fn drop_unneeded(&mut self) {
        let graph = &mut self.graph;
        let mut needed: BTreeSet<String> = graph.outputs.iter().cloned().collect();
        let mut kept = Vec::with_capacity(graph.nodes.len());
        for node in std::mem::take(&mut graph.nodes).into_iter().rev() {
            if node.outputs.iter().any(|output| needed.contains(output)) {
                node.collect_inputs(&mut needed);
                kept.push(node);
            }
        }
        kept.reverse();
        graph.nodes = kept;
        fn keep<T>(map: &mut BTreeMap<String, T>, needed: &BTreeSet<String>) {
            map.retain(|name, _| needed.contains(name));
        }
        keep(&mut graph.parameters, &needed);
        keep(&mut graph.constants, &needed);
        keep(&mut self.parameters.tensors, &needed);
    }
}

struct Dense {
    weight: String,
    bias: Option<String>,
    inputs: usize,
    outputs: usize,
    outputs_first: bool,
}

impl Node {
    /// Names of all that it takes, its branches included.
    fn collect_inputs(&self, needed: &mut BTreeSet<String>) {
        needed.extend(self.inputs.iter().cloned());
        for body in self.bodies() {
            body.nodes.iter().for_each(|node| node.collect_inputs(needed));
            needed.extend(body.outputs.iter().cloned());
        }
    }
}
