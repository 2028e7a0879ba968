//! Graphs that PyTorch wrote (`tests/onnx/make.py`), against what PyTorch made of them.
#![cfg(all(feature = "cpu", feature = "graph", feature = "import"))]
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::{BTreeMap, HashMap};

use burn::tensor::{Device, Tensor, TensorData, activation::log_softmax};
use delea_model_runtime::{
    engine::graph::{Run, Tensors, run},
    graph::{
        Constant, Element, Values,
        onnx::{Onnx, read},
    },
    rng::{Random, Stream},
};
use serde::Deserialize;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/onnx");
/// The rate that `make.py` descends at.
const RATE: f32 = 0.05;

#[derive(Deserialize)]
struct Given {
    shape: Vec<usize>,
    values: Vec<f64>,
}

#[derive(Deserialize)]
struct Case {
    inputs: Given,
    outputs: Vec<f32>,
    labels: Vec<usize>,
    losses: Vec<f32>,
}

fn cases() -> BTreeMap<String, Case> {
    let text = std::fs::read_to_string(format!("{FOLDER}/cases.json")).unwrap();
    let mut all: BTreeMap<String, serde_json::Value> = serde_json::from_str(&text).unwrap();
    all.remove("versions");
    all.into_iter().map(|(name, case)| (name, serde_json::from_value(case).unwrap())).collect()
}

fn model(name: &str) -> Onnx {
    let bytes = std::fs::read(format!("{FOLDER}/{name}.onnx")).unwrap();
    read(name, bytes.into(), &HashMap::new()).unwrap()
}

fn input(case: &Case, onnx: &Onnx) -> Tensors {
    let values = &case.inputs.values;
    let values = match onnx.graph.inputs[0].element {
        Element::Int => Values::Int(values.iter().map(|v| *v as i64).collect()),
        _ => Values::Float(values.iter().map(|v| *v as f32).collect()),
    };
    Tensors::Host(Constant { shape: case.inputs.shape.clone(), values })
}

fn parameters(onnx: &Onnx, device: &Device) -> BTreeMap<String, Tensor<1>> {
    let tensor = |values: Vec<f32>| {
        let count = values.len();
        Tensor::from_data(TensorData::new(values, [count]), device)
    };
    let tensors = &onnx.parameters.tensors;
    tensors
        .iter()
        .map(|(name, value)| (name.clone(), tensor(value.to_f32(name).unwrap())))
        .collect()
}

fn forward(
    onnx: &Onnx,
    case: &Case,
    device: &Device,
    weights: &BTreeMap<String, Tensor<1>>,
    random: Option<&mut Random>,
) -> Tensors {
    let parameters = weights.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    let run = run(
        &onnx.graph,
        vec![input(case, onnx)],
        Run { device: device.clone(), parameters, random },
    );
    pollster::block_on(run).unwrap().outputs.remove(0)
}

#[test]
fn outputs_are_pytorchs() {
    let device = Device::flex();
    for (name, case) in cases() {
        // By PyTorch's older exporter, and by its newer one.
        for variant in [name.clone(), format!("{name}-new")] {
            let onnx = model(&variant);
            let output = forward(&onnx, &case, &device, &parameters(&onnx, &device), None);
            let output = pollster::block_on(output.read()).unwrap();
            assert_eq!(output.shape, [6, 5], "{variant}");
            let Values::Float(found) = output.values else { panic!("{variant} gives no floats") };
            let size = case.outputs.iter().fold(0f32, |most, v| most.max(v.abs()));
            for (found, expected) in found.iter().zip(&case.outputs) {
                assert!(
                    (found - expected).abs() <= 1e-4 * size,
                    "{variant}: {found}, not {expected}"
                );
            }
        }
    }
}

#[test]
fn twenty_steps_of_descent_are_pytorchs() {
    let device = Device::flex().autodiff();
    for (name, case) in cases() {
        let onnx = model(&name);
        let trained = |name: &str| onnx.graph.parameters[name].trained;
        let mut weights = parameters(&onnx, &device);
        let targets: Vec<f32> = case
            .labels
            .iter()
            .flat_map(|label| (0..5).map(move |c| f32::from(u8::from(c == *label))))
            .collect();
        let targets = Tensor::<2>::from_data(TensorData::new(targets, [6, 5]), &device);
        for (step, expected) in case.losses.iter().enumerate() {
            weights = weights
                .into_iter()
                .map(|(name, value)| {
                    let value = value.detach();
                    let value = if trained(&name) { value.require_grad() } else { value };
                    (name, value)
                })
                .collect();
            let mut random = Random::new(1, Stream::Step(step as u32));
            let Tensors::Float(output, _) =
                forward(&onnx, &case, &device, &weights, Some(&mut random))
            else {
                panic!("{name} gives no floats")
            };
            let loss = (log_softmax(output.reshape([6, 5]), 1) * targets.clone()).sum() / -6.0;
            let found = loss.clone().into_data().try_to_vec::<f32>().unwrap()[0];
            assert!(
                (found - expected).abs() <= 1e-3,
                "{name}, step {step}: {found}, not {expected}"
            );
            let gradients = loss.backward();
            weights = weights
                .into_iter()
                .map(|(name, value)| match value.grad(&gradients) {
                    Some(gradient) => {
                        let gradient = Tensor::from_data(gradient.into_data(), &device);
                        (name, value.detach() - gradient * RATE)
                    }
                    None => (name, value),
                })
                .collect();
        }
    }
}
