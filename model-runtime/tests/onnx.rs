//! The ONNX project's own cases of single operators (`onnx/backend/test/data/node` of its Python package), in the
//! folder that `ONNX_NODE_TESTS` names.
#![cfg(all(feature = "cpu", feature = "graph", feature = "import"))]
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "common/broken.rs"]
mod breakage;

use std::{
    any::Any,
    collections::{BTreeMap, BTreeSet, HashMap},
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

use burn::tensor::{Device, Tensor, TensorData};
use delea_model_runtime::{
    RuntimeError,
    engine::graph::{Run, Tensors, run},
    graph::{
        Constant, Values,
        onnx::{self, Onnx, read, read_tensor},
    },
};

use breakage::broken;

/// Cases that pass, at least: the rest is refused with a reason.
const LEAST: usize = 1_288;
/// As in ONNX's own runner.
const RELATIVE: f64 = 1e-3;
const ABSOLUTE: f64 = 1e-6;

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Clone, Copy)]
enum End {
    Passed,
    /// Another result.
    Wrong,
    /// Refused with a reason.
    Refused,
    /// A panic, which nothing may cause.
    Crashed,
    /// Of element types that are not computed with.
    Other,
}

/// The folders of the cases, in order; none where no folder is named.
fn folders() -> Vec<PathBuf> {
    let Some(root) = std::env::var_os("ONNX_NODE_TESTS") else {
        eprintln!("ONNX_NODE_TESTS names no folder: nothing is checked");
        return Vec::new();
    };
    let mut folders: Vec<PathBuf> =
        std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    folders
}

/// What a panic says.
fn words(panic: &(dyn Any + Send)) -> String {
    let words = panic.downcast_ref::<String>().cloned();
    words
        .or_else(|| panic.downcast_ref::<&str>().map(|words| (*words).to_owned()))
        .unwrap_or_default()
}

fn tensors(folder: &Path, prefix: &str) -> Result<Vec<Constant>, RuntimeError> {
    let mut found = Vec::new();
    loop {
        let path = folder.join(format!("test_data_set_0/{prefix}_{}.pb", found.len()));
        let Ok(bytes) = std::fs::read(&path) else { return Ok(found) };
        found.push(read_tensor(&path.display().to_string(), bytes.into())?.1);
    }
}

fn close(left: &Constant, right: &Constant) -> Result<(), String> {
    if left.shape != right.shape {
        return Err(format!("shape {:?}, not {:?}", left.shape, right.shape));
    }
    let (l, r) = match (&left.values, &right.values) {
        (Values::Float(l), Values::Float(r)) => (l, r),
        (l, r) if l == r => return Ok(()),
        (l, r) => return Err(format!("{l:?}, not {r:?}").chars().take(200).collect()),
    };
    for (place, (l, r)) in l.iter().zip(r).enumerate() {
        let (l, r) = (f64::from(*l), f64::from(*r));
        let same =
            l == r || (l.is_nan() && r.is_nan()) || (l - r).abs() <= ABSOLUTE + RELATIVE * r.abs();
        if !same {
            return Err(format!("{l} at {place}, not {r}"));
        }
    }
    Ok(())
}

/// A case: its graph, and what is given and expected.
struct Case {
    onnx: Onnx,
    inputs: Vec<Constant>,
    expected: Vec<Constant>,
}

impl Case {
    fn read(folder: &Path) -> Result<Self, (End, String)> {
        let name = folder.join("model.onnx");
        let bytes = std::fs::read(&name).map_err(|error| (End::Other, error.to_string()))?;
        let onnx = read(&name.display().to_string(), bytes.into(), &HashMap::new());
        let onnx = onnx.map_err(|error| (End::Refused, error.to_string()))?;
        match (tensors(folder, "input"), tensors(folder, "output")) {
            (Ok(inputs), Ok(expected)) => Ok(Self { onnx, inputs, expected }),
            _ => Err((End::Other, "its tensors are of other types".into())),
        }
    }

    fn run(&self, device: &Device, inputs: Vec<Tensors>) -> Result<Vec<Tensors>, RuntimeError> {
        let mut parameters = HashMap::new();
        for (name, value) in &self.onnx.parameters.tensors {
            parameters.insert(name.as_str(), flat(&value.to_f32(name)?, device));
        }
        let device = device.clone();
        let graph = &self.onnx.graph;
        Ok(pollster::block_on(run(graph, inputs, Run { device, parameters, random: None }))?
            .outputs)
    }
}

fn flat(values: &[f32], device: &Device) -> Tensor<1> {
    Tensor::from_data(TensorData::new(values.to_vec(), [values.len()]), device)
}

fn attempt(folder: &Path) -> Result<(), (End, String)> {
    let case = Case::read(folder)?;
    let refuse = |error: RuntimeError| (End::Refused, error.to_string());
    let inputs = case.inputs.iter().cloned().map(Tensors::Host).collect();
    let found = case.run(&Device::flex(), inputs).map_err(refuse)?;
    for (found, expected) in found.iter().zip(&case.expected) {
        let found = pollster::block_on(found.read()).map_err(refuse)?;
        close(&found, expected).map_err(|why| (End::Wrong, why))?;
    }
    Ok(())
}

#[test]
fn the_projects_own_cases_pass_or_are_refused() {
    let folders = folders();
    if folders.is_empty() {
        return;
    }
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let mut ends: BTreeMap<End, usize> = BTreeMap::new();
    // For each operator how many of its cases of floats pass, and how many there are.
    let mut operators: BTreeMap<String, [usize; 2]> = BTreeMap::new();
    let mut report = Vec::new();
    for folder in &folders {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let (end, why) = match catch_unwind(AssertUnwindSafe(|| attempt(folder))) {
            Ok(Ok(())) => (End::Passed, String::new()),
            Ok(Err((end, why))) => (end, why),
            Err(panic) => (End::Crashed, words(&*panic)),
        };
        *ends.entry(end).or_default() += 1;
        let bytes = std::fs::read(folder.join("model.onnx")).unwrap();
        if end != End::Other {
            for operator in onnx::operators(&name, bytes.into()).unwrap() {
                let [passed, all] = operators.entry(operator).or_default();
                (*passed, *all) = (*passed + usize::from(end == End::Passed), *all + 1);
            }
        }
        if end != End::Passed {
            report.push(format!("{end:?} {name}: {}", why.chars().take(160).collect::<String>()));
        }
    }
    std::panic::set_hook(hook);
    if let Some(path) = std::env::var_os("ONNX_REPORT") {
        std::fs::write(path, serde_json::to_vec(&(folders.len(), operators, &report)).unwrap())
            .unwrap();
    }
    println!("{ends:?} of {}", folders.len());
    assert_eq!(ends.get(&End::Crashed), None, "{report:#?}");
    assert_eq!(ends.get(&End::Wrong), None, "{report:#?}");
    assert!(ends[&End::Passed] >= LEAST, "{ends:?}");
}

/// Operators with steps, at which a difference is no gradient.
const STEPS: [&str; 16] = [
    "Ceil",
    "Floor",
    "Round",
    "Sign",
    "Mod",
    "Hardmax",
    "ArgMax",
    "ArgMin",
    "TopK",
    "Shrink",
    "ThresholdedRelu",
    "Cast",
    "CastLike",
    "BitShift",
    "NonZero",
    "Unique",
];

fn weight(place: usize) -> f32 {
    0.5 + ((place * 7919) % 13) as f32 / 13.0
}

/// The sum of all float results, each weighted by its place, so that no gradient is the same by chance.
fn weighted(outputs: &[Tensors], device: &Device) -> Option<Tensor<1>> {
    let mut sum = None;
    for output in outputs {
        let Tensors::Float(flat_values, _) = output else { continue };
        let [count] = flat_values.dims();
        if count == 0 {
            continue;
        }
        let weights: Vec<f32> =
            (0..count).map(|place| 0.5 + ((place * 7919) % 13) as f32 / 13.0).collect();
        let part = (flat_values.clone() * flat(&weights, device)).sum();
        sum = Some(match sum {
            None => part,
            Some(sum) => sum + part,
        });
    }
    sum
}

/// The gradient of one float input against differences; how many of its values were compared.
fn compare_gradient(case: &Case, which: usize) -> Option<Result<usize, String>> {
    let Values::Float(values) = &case.inputs[which].values else { return None };
    if values.is_empty() || values.iter().any(|value| !value.is_finite()) {
        return None;
    }
    let (plain, tracked) = (Device::flex(), Device::flex().autodiff());
    let given = |device: &Device, own: Tensor<1>| -> Vec<Tensors> {
        let inputs = case.inputs.iter().enumerate().map(|(place, input)| match &input.values {
            _ if place == which => Tensors::Float(own.clone(), input.shape.clone()),
            Values::Float(values) => Tensors::Float(flat(values, device), input.shape.clone()),
            _ => Tensors::Host(input.clone()),
        });
        inputs.collect()
    };
    let own = flat(values, &tracked).require_grad();
    let sum = weighted(&case.run(&tracked, given(&tracked, own.clone())).ok()?, &tracked)?;
    // A result that does not depend on the input has no gradient of its own.
    let gradients = (sum + own.clone().sum() * 0.0).backward();
    let gradient = own.grad(&gradients)?.into_data().try_to_vec::<f32>().ok()?;
    // In f64, for the differences are small beside the sum.
    let at = |place: usize, change: f32| -> Option<f64> {
        let mut moved = values.clone();
        moved[place] += change;
        let outputs = case.run(&plain, given(&plain, flat(&moved, &plain))).ok()?;
        let mut sum = 0.0;
        for output in outputs.iter().filter(|output| matches!(output, Tensors::Float(..))) {
            let Values::Float(found) = pollster::block_on(output.read()).ok()?.values else {
                continue;
            };
            sum += found
                .iter()
                .enumerate()
                .map(|(place, v)| f64::from(*v) * f64::from(weight(place)))
                .sum::<f64>();
        }
        Some(sum)
    };
    let mut compared = 0;
    let middle = at(0, 0.0)?;
    // Beside large numbers a small step is lost.
    let places = (0..values.len()).step_by((values.len() / 5).max(1));
    for place in places.filter(|place| values[*place].abs() < 100.0) {
        let step = 1e-2 * values[place].abs().max(0.1);
        let (above, below) = (at(place, step)?, at(place, -step)?);
        let h = f64::from(step);
        let (ahead, behind) = ((above - middle) / h, (middle - below) / h);
        let (difference, found) = ((above - below) / (2.0 * h), f64::from(gradient[place]));
        let slack = 2e-2 * difference.abs().max(found.abs()).max(0.1);
        // Where both sides disagree there is a corner, or it bends too much to judge.
        if !difference.is_finite() || (ahead - behind).abs() > 2.0 * slack {
            continue;
        }
        compared += 1;
        if (difference - found).abs() > slack {
            return Some(Err(format!(
                "input {which}, value {place}: {found} instead of {difference}"
            )));
        }
    }
    Some(Ok(compared))
}

#[test]
fn gradients_are_what_differences_say() {
    let folders = folders();
    if folders.is_empty() {
        return;
    }
    let (mut operators, mut wrong, mut compared) = (BTreeSet::new(), Vec::new(), 0);
    for folder in &folders {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let Ok(Ok(())) = catch_unwind(|| attempt(folder)) else { continue };
        let Ok(case) = Case::read(folder) else { continue };
        let graph = &case.onnx.graph;
        // Running figures have no gradient, by design.
        let running = graph.nodes.iter().any(|node| node.attributes.contains_key("training_mode"));
        if running || graph.nodes.iter().any(|node| STEPS.contains(&node.op.as_str())) {
            continue;
        }
        for which in 0..case.inputs.len() {
            match catch_unwind(AssertUnwindSafe(|| compare_gradient(&case, which))) {
                Ok(Some(Ok(count))) if count > 0 => {
                    compared += count;
                    operators.extend(graph.nodes.iter().map(|node| node.op.clone()));
                }
                Ok(Some(Err(why))) => wrong.push(format!("{name}: {why}")),
                Err(_) => wrong.push(format!("{name}: a panic")),
                Ok(_) => {}
            }
        }
    }
    println!("{compared} values of {} operators: {operators:?}", operators.len());
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(operators.len() >= 111, "{operators:?}");
}

/// What is broken by chance must be refused, or do something else, but never panic.
#[test]
fn broken_files_never_panic() {
    let folders = folders();
    if folders.is_empty() {
        return;
    }
    let rounds: u64 =
        std::env::var("ONNX_FUZZ_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(4);
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let (mut panics, mut ran) = (Vec::new(), 0);
    for (number, folder) in folders.iter().enumerate() {
        let Ok(case) = Case::read(folder) else { continue };
        let bytes = std::fs::read(folder.join("model.onnx")).unwrap();
        for round in 0..rounds {
            let broken = broken(&bytes, round << 32 | number as u64);
            let outcome = catch_unwind(|| {
                let Ok(onnx) = read("broken.onnx", broken.clone().into(), &HashMap::new()) else {
                    return false;
                };
                let case = Case { onnx, inputs: case.inputs.clone(), expected: Vec::new() };
                let inputs = case.inputs.iter().cloned().map(Tensors::Host).collect();
                let _ = case.run(&Device::flex(), inputs);
                true
            });
            match outcome {
                Ok(true) => ran += 1,
                Ok(false) => {}
                Err(panic) => {
                    let name = folder.file_name().unwrap().to_string_lossy().into_owned();
                    panics.push(format!("{name}, round {round}: {}", words(&*panic)));
                }
            }
        }
    }
    std::panic::set_hook(hook);
    println!("{ran} broken files were run");
    assert!(panics.is_empty(), "{panics:#?}");
    assert!(ran > 100, "{ran}");
}
