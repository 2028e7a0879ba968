//! Files that other libraries wrote (`tests/models/make.py`), read as a visitor uploads them, against what those libraries
//! made of the same digits.
#![cfg(all(feature = "cpu", feature = "graph", feature = "import"))]
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::collections::BTreeMap;

use delea_model_runtime::{
    RuntimeError,
    dataset::Dataset,
    engine::{Device, Network, answer, infer, initialize, open, read as read_parameters},
    import::{export, read_model},
    message::{Event, ExportFormat, Inspection, ModelFiles, ModelRead, NamedFile, Request},
    spec::{Activation, Body, LayerSpec, ModelSpec, Padding, Shape, Task},
};
use pollster::block_on;

use common::digits;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/models");
/// Examples whose outputs `make.py` wrote down.
const SHOWN: usize = 8;

fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(format!("{FOLDER}/{name}")).unwrap()
}

fn expected(name: &str) -> Vec<Vec<f32>> {
    let text = String::from_utf8(bytes("cases.json")).unwrap();
    let all: BTreeMap<String, serde_json::Value> = serde_json::from_str(&text).unwrap();
    serde_json::from_value(all[name].clone()).unwrap()
}

fn task() -> Task {
    Task::Classification { classes: (0..10).map(|c| c.to_string()).collect() }
}

const IMAGE: Shape = Shape::Image { channels: 1, height: 8, width: 8 };

fn read_as(names: &[&str], task: Task, specs: Vec<ModelSpec>) -> Result<ModelRead, RuntimeError> {
    let files =
        names.iter().map(|name| NamedFile { name: (*name).to_owned(), bytes: bytes(name).into() });
    read_model(ModelFiles { files: files.collect(), input: IMAGE, task, specs })
}

fn read(names: &[&str]) -> ModelRead {
    read_as(names, task(), Vec::new()).unwrap()
}

fn outputs(model: &ModelRead) -> Vec<Vec<f32>> {
    let data = Dataset::from_bytes(&digits()).unwrap();
    let mut inputs = Vec::new();
    (0..SHOWN as u32).for_each(|index| data.push_input(index, &mut inputs));
    let device = Device::flex();
    let network = open(&model.spec, model.parameters.as_ref().unwrap(), &device).unwrap();
    block_on(infer(&network, &model.spec, inputs, &device)).unwrap()
}

fn assert_close(model: &ModelRead, name: &str) {
    for (row, wanted) in outputs(model).iter().zip(expected(name)) {
        assert_eq!(row.len(), wanted.len());
        for (found, wanted) in row.iter().zip(wanted) {
            let error = (found - wanted).abs();
            assert!(error <= 1e-4 * wanted.abs() + 1e-5, "{name}: {found}, not {wanted}");
        }
    }
}

fn inspect(model: &ModelRead) -> Inspection {
    let request = Request::Inspect {
        spec: model.spec.clone(),
        parameters: model.parameters.clone().unwrap(),
        dataset: digits().into(),
    };
    match block_on(answer(request, &Device::flex())).unwrap() {
        Event::Inspected(inspection) => *inspection,
        other => panic!("{other:?}"),
    }
}

#[test]
fn graphs_give_what_their_libraries_say() {
    for name in ["cnn.onnx", "logistic.onnx", "perceptron.onnx", "keras.onnx", "tensorflow.onnx"] {
        let model = read(&[name]);
        assert_close(&model, name);
        let inspection = inspect(&model);
        println!("{name}: {} {:?} {:?}", model.origin, model.notes, inspection.evaluation);
        assert!(inspection.evaluation.accuracy_ppm > 800_000, "{name}: {inspection:?}");
        let Body::Graph(graph) = &model.spec.body else { panic!("{name} is no graph") };
        assert_eq!(inspection.shapes.len(), graph.nodes.len());
        // The spec's own text is what is published.
        let text = serde_json::to_string(&model.spec).unwrap();
        assert_eq!(ModelSpec::from_json(&text).unwrap(), model.spec);
    }
    let task = Task::Regression { outputs: vec!["digit".into()] };
    assert_close(&read_as(&["line.onnx"], task, Vec::new()).unwrap(), "line.onnx");
}

#[test]
fn parameters_beside_a_graph_are_asked_for_and_taken() {
    let error = read_as(&["external.onnx"], task(), Vec::new()).unwrap_err().to_string();
    assert!(error.contains("add external.onnx.data"), "{error}");
    assert_close(&read(&["external.onnx.data", "external.onnx"]), "cnn.onnx");
}

#[test]
fn another_number_of_classes_gets_a_new_last_layer() {
    let few =
        Task::Classification { classes: vec!["small".into(), "large".into(), "other".into()] };
    let model = read_as(&["cnn.onnx"], few, Vec::new()).unwrap();
    assert!(model.notes.iter().any(|note| note.contains("Its last layer gave 10")));
    assert!(outputs(&model).iter().all(|row| row.len() == 3));
}

#[test]
fn data_of_another_shape_are_refused_with_both_shapes() {
    let request = ModelFiles {
        files: vec![NamedFile { name: "cnn.onnx".into(), bytes: bytes("cnn.onnx").into() }],
        input: Shape::Features { size: 5 },
        task: task(),
        specs: Vec::new(),
    };
    let error = read_model(request).unwrap_err().to_string();
    assert!(error.contains("[1, 8, 8]") && error.contains("[5]"), "{error}");
}

fn dense(units: usize) -> LayerSpec {
    LayerSpec::Dense { units }
}

fn layers(layers: Vec<LayerSpec>) -> ModelSpec {
    ModelSpec { input: IMAGE, body: Body::Layers(layers), task: task() }
}

const RELU: LayerSpec = LayerSpec::Activation { function: Activation::Relu };

fn mlp() -> ModelSpec {
    layers(vec![LayerSpec::Flatten, dense(64), RELU, dense(32), RELU, dense(10)])
}

fn conv(channels: usize) -> LayerSpec {
    LayerSpec::Conv2d { channels, kernel: 3, stride: 1, padding: Padding::Same, groups: 1 }
}

#[test]
fn parameters_are_matched_to_a_network_by_order_and_shape() {
    for name in ["mlp.pt", "mlp-legacy.pt", "mlp.safetensors"] {
        let other = layers(vec![LayerSpec::Flatten, dense(10)]);
        let model = read_as(&[name], task(), vec![other, mlp()]).unwrap();
        assert_eq!(model.spec, mlp());
        assert!(model.matches.len() == 6 && model.matches.iter().all(|row| row.fits));
        assert_close(&model, "mlp");
    }
}

#[test]
fn a_network_is_guessed_from_shapes() {
    assert_eq!(read(&["mlp.pt"]).spec, mlp());
    for name in ["cnn.pt", "cnn.safetensors"] {
        let model = read(&[name]);
        let pool = LayerSpec::MaxPool2d { size: 2 };
        let expected = vec![
            conv(8),
            LayerSpec::BatchNorm,
            RELU,
            pool.clone(),
            conv(16),
            RELU,
            pool,
            LayerSpec::Flatten,
            dense(10),
        ];
        assert_eq!(model.spec, layers(expected));
        assert!(model.notes.iter().any(|note| note.contains("has no network")));
        assert_close(&model, "cnn.pt");
    }
}

#[test]
fn parameters_that_do_not_fit_are_shown_side_by_side() {
    let asked = Task::Classification { classes: vec!["a".into(), "b".into()] };
    let spec = ModelSpec { task: asked.clone(), ..layers(vec![LayerSpec::Flatten, dense(2)]) };
    let model = read_as(&["mlp.pt"], asked, vec![spec]).unwrap();
    assert!(model.parameters.is_none());
    let row = |at: usize| {
        let row = &model.matches[at];
        (row.wanted.clone(), row.found.clone().unwrap(), row.fits)
    };
    let wanted = Some(("layers.1.weight".to_owned(), vec![64, 2]));
    assert_eq!(row(0), (wanted, ("0.weight".to_owned(), vec![64, 64]), false));
    assert_eq!(row(2), (None, ("2.weight".to_owned(), vec![32, 64]), false));
}

#[test]
fn no_pickle_runs() {
    let marker = std::path::Path::new("/tmp/delea-evil");
    assert!(!marker.exists());
    let error = read_as(&["evil.pt"], task(), vec![mlp()]).unwrap_err().to_string();
    assert!(error.contains("posix.system") && error.contains("no code is run"), "{error}");
    assert!(!marker.exists());
}

#[test]
fn packs_and_zips_come_back() {
    use std::io::Write;

    let model = read_as(&["mlp.pt"], task(), vec![mlp()]).unwrap();
    let parameters = model.parameters.clone().unwrap();
    let pack = export(&mlp(), &parameters, ExportFormat::Burnpack).unwrap();
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    zip.start_file("spec.json", options).unwrap();
    zip.write_all(serde_json::to_string(&mlp()).unwrap().as_bytes()).unwrap();
    zip.start_file("parameters.safetensors", options).unwrap();
    zip.write_all(&parameters).unwrap();
    let zip = zip.finish().unwrap().into_inner();
    let safetensors = parameters.to_vec();
    for (name, bytes) in [("m.bpk", pack), ("m.zip", zip), ("m.safetensors", safetensors)] {
        let files = vec![NamedFile { name: name.into(), bytes: bytes.into() }];
        let asked = ModelFiles { files, input: IMAGE, task: task(), specs: vec![mlp()] };
        let again = read_model(asked).unwrap();
        assert_eq!((again.spec, again.parameters), (mlp(), Some(parameters.clone())), "{name}");
    }
}

/// What a model gives for some examples.
fn answers(spec: &ModelSpec, parameters: &[u8], inputs: &[f32]) -> Vec<f32> {
    let device = Device::flex();
    let network = open(spec, &parameters, &device).unwrap();
    block_on(infer(&network, spec, inputs.to_vec(), &device)).unwrap().concat()
}

#[test]
fn what_is_exported_comes_back_and_gives_the_same() {
    let activation = |function| LayerSpec::Activation { function };
    let text = Shape::Tokens { vocabulary: 9, length: 12 };
    let tokens = Task::NextToken { tokens: (0..9).map(|c| c.to_string()).collect() };
    let strided = LayerSpec::Conv2d {
        channels: 12,
        kernel: 3,
        stride: 2,
        padding: Padding::Valid,
        groups: 3,
    };
    let block = |causal| LayerSpec::TransformerBlock { heads: 2, hidden: 16, causal };
    let cases = [
        mlp(),
        layers(vec![
            conv(6),
            LayerSpec::BatchNorm,
            activation(Activation::LeakyRelu),
            LayerSpec::MaxPool2d { size: 2 },
            LayerSpec::Residual { layers: vec![conv(6), activation(Activation::Silu)] },
            LayerSpec::GroupNorm { groups: 3 },
            strided,
            activation(Activation::Tanh),
            LayerSpec::GlobalAvgPool,
            LayerSpec::Dropout { rate: 0.2 },
            dense(10),
        ]),
        layers(vec![
            LayerSpec::AvgPool2d { size: 2 },
            LayerSpec::Flatten,
            LayerSpec::LayerNorm,
            dense(16),
            LayerSpec::BatchNorm,
            activation(Activation::Sigmoid),
            dense(10),
        ]),
        ModelSpec {
            input: text.clone(),
            body: Body::Layers(vec![
                LayerSpec::Embedding { dimension: 8 },
                block(true),
                block(false),
                dense(9),
            ]),
            task: tokens,
        },
        ModelSpec {
            input: text,
            body: Body::Layers(vec![
                LayerSpec::Embedding { dimension: 8 },
                block(false),
                activation(Activation::Gelu),
                LayerSpec::GlobalAvgPool,
                dense(10),
            ]),
            task: task(),
        },
    ];
    for spec in cases {
        let network = Network::new(&spec, &Device::flex()).unwrap();
        let network = initialize(network, 5);
        let parameters = block_on(read_parameters(&network)).unwrap().to_bytes();
        let file = export(&spec, &parameters, ExportFormat::Onnx).unwrap();
        let asked = ModelFiles {
            files: vec![NamedFile { name: "model.onnx".into(), bytes: file.into() }],
            input: spec.input.clone(),
            task: spec.task.clone(),
            specs: Vec::new(),
        };
        let again = read_model(asked).unwrap();
        assert_eq!(again.parameters.as_deref(), Some(&parameters[..]), "{:?}", again.notes);
        let count = spec.input.len();
        let inputs: Vec<f32> = match spec.input {
            Shape::Tokens { vocabulary, .. } => {
                (0..3 * count).map(|i| (i * 7 % vocabulary) as f32).collect()
            }
            _ => (0..3 * count).map(|i| ((i * 37) % 101) as f32 / 101.0).collect(),
        };
        let (here, there) = (
            answers(&spec, &parameters, &inputs),
            answers(&again.spec, again.parameters.as_ref().unwrap(), &inputs),
        );
        for (a, b) in here.iter().zip(&there) {
            assert!((a - b).abs() <= 1e-5 * (1.0 + a.abs()), "{a}, not {b}: {spec:?}");
        }
        // And once more: a graph is exported as it is.
        let once = export(&again.spec, &parameters, ExportFormat::Onnx).unwrap();
        let asked = ModelFiles {
            files: vec![NamedFile { name: "again.onnx".into(), bytes: once.into() }],
            input: spec.input.clone(),
            task: spec.task.clone(),
            specs: Vec::new(),
        };
        let twice = read_model(asked).unwrap();
        assert_eq!((twice.spec, twice.parameters), (again.spec, again.parameters));
    }
}

#[test]
fn files_that_are_cut_off_or_changed_are_refused_or_read() {
    for name in ["mlp.pt", "mlp-legacy.pt", "cnn.safetensors", "cnn.onnx", "logistic.onnx"] {
        let whole = bytes(name);
        let attempt = |bytes: Vec<u8>| {
            let files = vec![NamedFile { name: name.into(), bytes: bytes.into() }];
            let asked = ModelFiles { files, input: IMAGE, task: task(), specs: vec![mlp()] };
            let _ = read_model(asked);
        };
        let step = (whole.len() / 400).max(1);
        for place in (0..whole.len()).step_by(step) {
            attempt(whole[..place].to_vec());
            for change in [0xff, 0x01, 0x80] {
                let mut other = whole.clone();
                other[place] ^= change;
                attempt(other);
            }
        }
    }
}
