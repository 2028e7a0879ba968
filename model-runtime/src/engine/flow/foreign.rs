//! Files of other libraries, and what those make of them: see `tests/models/make_painter.py`.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::{fs, path::Path};

use serde::Deserialize;

use super::*;
use crate::{
    engine::{
        adapter::{provide, provided},
        parameters::read as read_parameters,
    },
    import::read_model,
    message::{ModelFiles, ModelRead, NamedFile},
    spec::{Body, ModelSpec},
    studio::{AdapterSpec, Words},
};

/// Outputs differ by no more than this share of the largest one.
const CLOSE: f32 = 1e-4;

#[derive(Deserialize)]
struct Cases {
    patches: Vec<f32>,
    times: Vec<f32>,
    prompts: Vec<u32>,
    plain: Vec<f32>,
    peft: Vec<f32>,
    diffusers: Vec<f32>,
}

fn file(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/models");
    fs::read(folder.join(name)).unwrap()
}

fn cases() -> Cases {
    serde_json::from_slice(&file("painter-cases.json")).unwrap()
}

fn read(names: &[&str], like: Painter) -> Result<ModelRead, RuntimeError> {
    let one = |name: &&str| NamedFile { name: (*name).into(), bytes: file(name).into() };
    let spec =
        ModelSpec { input: like.input(), task: like.task(), body: Body::Painter(like.into()) };
    read_model(ModelFiles {
        files: names.iter().map(one).collect(),
        input: spec.input.clone(),
        task: spec.task.clone(),
        specs: vec![spec],
    })
}

fn painter_of(read: &ModelRead) -> Painter {
    match &read.spec.body {
        Body::Painter(painter) => (**painter).clone(),
        _ => panic!("no painter"),
    }
}

/// The network, and one that an adapter of it could be.
fn base(device: &Device) -> (Network, Painter) {
    let sizes = DitSpec { side: 32, ..SOME };
    let any = Painter { sizes, words: Words::new(vec!["x".into()]), adapter: None };
    let whole = read(&["painter.safetensors"], any).unwrap();
    let painter = painter_of(&whole);
    assert_eq!((painter.sizes.width, painter.words.count()), (48, 5));
    assert!(whole.matches.iter().all(|row| row.fits));
    let digest = provide(whole.parameters.unwrap().into_vec());
    let spec = AdapterSpec { base: digest, rank: 1, alpha: 1.0, least: None };
    let network = provided(&painter, digest, device).unwrap();
    (network, Painter { adapter: Some(spec), ..painter })
}

const SOME: DitSpec = DitSpec {
    side: 8,
    channels: 4,
    patch: 4,
    width: 32,
    depth: 1,
    heads: 2,
    hidden: 32,
    vocabulary: 2,
    length: 2,
};

fn speeds(network: &Network, worn: &[Worn<'_>], device: &Device) -> Vec<f32> {
    let (dit, _) = painter(network).unwrap();
    let Cases { patches, times, prompts, .. } = cases();
    let spec = dit.spec();
    let shape = [times.len(), spec.patches(), spec.patch_size()];
    let patches = Tensor::from_data(TensorData::new(patches, shape), device);
    let speeds = dit.forward(patches, &times, words(&prompts, spec, device), worn);
    host(speeds.into_data()).unwrap()
}

fn close(found: &[f32], wanted: &[f32]) {
    let largest = wanted.iter().fold(0.0f32, |most, value| most.max(value.abs()));
    let worst = found.iter().zip(wanted).fold(0.0f32, |most, (a, b)| most.max((a - b).abs()));
    assert_eq!(found.len(), wanted.len());
    assert!(worst <= CLOSE * largest, "{worst} of {largest}");
}

#[test]
fn networks_and_adapters_of_other_libraries_give_what_they_gave_there() {
    let device = Device::flex();
    let (network, like) = base(&device);
    let all = cases();
    close(&speeds(&network, &[], &device), &all.plain);
    for (names, wanted, rows, notes) in [
        (&["painter-peft.safetensors", "painter-peft.json"][..], &all.peft, 8, 1),
        (&["painter-kohya.safetensors"], &all.peft, 9, 1),
        (&["painter-diffusers.safetensors"], &all.diffusers, 6, 2),
    ] {
        let read = read(names, like.clone()).unwrap();
        assert_eq!((read.matches.len(), read.notes.len()), (rows, notes), "{names:?}");
        let painter = painter_of(&read);
        let parameters = read.parameters.unwrap();
        let adapter = adapter(&painter, &&*parameters, &device).unwrap();
        let worn = Worn { adapter: &adapter, scale: 1.0 };
        close(&speeds(&network, &[worn], &device), wanted);
    }
}

#[cfg(feature = "graph")]
#[test]
fn the_graph_for_other_programs_gives_the_same() {
    use crate::{
        engine::graph::{Run, Tensors, run},
        graph::{Constant, Values, layers::graph_of},
    };

    let device = Device::flex();
    let (network, like) = base(&device);
    let painter = Painter { adapter: None, ..like };
    let (patches, length) = (painter.sizes.patches(), painter.sizes.length);
    let (patch, input, task) = (painter.sizes.patch_size(), painter.input(), painter.task());
    let graph = graph_of(&ModelSpec { input, task, body: Body::Painter(painter.into()) }).unwrap();
    let file = pollster::block_on(read_parameters(&network)).unwrap();
    let flat = |values: Vec<f32>| -> Tensor<1> {
        Tensor::from_data(TensorData::new(values.clone(), [values.len()]), &device)
    };
    let parameters = file
        .tensors
        .iter()
        .map(|(name, value)| (name.as_str(), flat(value.to_f32(name).unwrap())))
        .collect();
    let Cases { patches: values, times, prompts, plain, .. } = cases();
    let batch = times.len();
    let given = |shape: Vec<usize>, values| Tensors::Host(Constant { shape, values });
    let words = prompts.iter().map(|word| i64::from(*word)).collect();
    let inputs = vec![
        given(vec![batch, patches, patch], Values::Float(values)),
        given(vec![batch], Values::Float(times)),
        given(vec![batch, length], Values::Int(words)),
    ];
    let run = run(&graph, inputs, Run { device: device.clone(), parameters, random: None });
    let Tensors::Float(found, shape) = &pollster::block_on(run).unwrap().outputs[0] else {
        panic!("no floats")
    };
    assert_eq!(shape, &[batch, patches, patch]);
    close(&host(found.clone().into_data()).unwrap(), &plain);
}

#[test]
fn what_has_no_place_is_told_layer_by_layer() {
    let (_, like) = base(&Device::flex());
    let kohya = read(&["painter-kohya.safetensors"], like.clone()).unwrap();
    let left: Vec<_> = kohya.matches.iter().filter(|row| !row.fits).collect();
    let [row] = &left[..] else { panic!("{left:?}") };
    let (name, shape) = row.found.clone().unwrap();
    assert_eq!(name, "lora_te_text_model_encoder_layers_0_mlp_fc1");
    assert_eq!((shape, &row.wanted), (vec![768, 3072], &None));
    let other = read(&["painter-other.safetensors"], like.clone()).unwrap_err().to_string();
    assert!(other.contains("blocks.0.attn.qkv [48, 144]"), "{other}");
    assert!(other.contains("[768, 2304]"), "{other}");
    let none = read(&["mlp.safetensors"], like).unwrap_err().to_string();
    assert!(none.starts_with("mlp.safetensors"), "{none}");
}
