//! Real trainings on the real digits, natively.
#![cfg(all(feature = "cpu", feature = "import"))]
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;

use delea_model_runtime::{
    RuntimeError,
    dataset::{Dataset, DatasetHeader, Inputs, Targets},
    engine::{Device, Network, Trainer, evaluate, infer, initialize, load, read},
    import::import,
    manifest::{Optimizer, TrainingConfig},
    message::{Floats, ImportRequest, TrainJob, TrainResult},
    spec::{Activation, Body, LayerSpec, ModelSpec, Padding, Shape, Task},
    tensors::TensorFile,
};
use pollster::block_on;

use common::digits;

fn spec(layers: Vec<LayerSpec>) -> ModelSpec {
    let classes = (0..10).map(|c| c.to_string()).collect();
    ModelSpec {
        input: Shape::Image { channels: 1, height: 8, width: 8 },
        body: Body::Layers(layers),
        task: Task::Classification { classes },
    }
}

const RELU: LayerSpec = LayerSpec::Activation { function: Activation::Relu };

fn dense(units: usize) -> LayerSpec {
    LayerSpec::Dense { units }
}

fn conv(channels: usize) -> LayerSpec {
    LayerSpec::Conv2d { channels, kernel: 3, stride: 1, padding: Padding::Same, groups: 1 }
}

fn mlp() -> ModelSpec {
    spec(vec![LayerSpec::Flatten, dense(64), RELU, LayerSpec::Dropout { rate: 0.1 }, dense(10)])
}

fn job(spec: ModelSpec, steps: u32) -> TrainJob {
    let network = initialize(Network::new(&spec, &Device::flex()).unwrap(), 1);
    TrainJob {
        job: "test".into(),
        parameters: block_on(read(&network)).unwrap().to_bytes().into(),
        dataset: digits().into(),
        spec,
        config: TrainingConfig {
            optimizer: Optimizer::default(),
            learning_rate: 0.005,
            batch_size: 32,
            steps,
        },
        seed: 1,
        evaluate_every: 0,
        keep_leaves: false,
        segment: None,
        previews: Floats::default(),
    }
}

fn train(job: TrainJob) -> Result<TrainResult, RuntimeError> {
    block_on(async {
        let mut trainer = Trainer::new(job, None, Device::flex()).await?;
        while !trainer.is_done() {
            trainer.advance().await?;
        }
        trainer.finish().await
    })
}

#[test]
fn a_network_learns_to_read_digits() {
    let result = train(job(mlp(), 400)).unwrap();
    assert!(result.base_evaluation.accuracy_ppm < 300_000, "{:?}", result.base_evaluation);
    assert!(result.evaluation.accuracy_ppm > 950_000, "{:?}", result.evaluation);
}

#[test]
fn a_resumed_job_gives_the_bits_of_an_uninterrupted_one() {
    for optimizer in
        [Optimizer::default(), Optimizer::Sgd { momentum: 0.9 }, Optimizer::Sgd { momentum: 0.0 }]
    {
        let mut job = job(
            spec(vec![
                conv(4),
                LayerSpec::BatchNorm,
                RELU,
                LayerSpec::Flatten,
                LayerSpec::Dropout { rate: 0.2 },
                dense(10),
            ]),
            130,
        );
        job.config.optimizer = optimizer;
        let whole = train(job.clone()).unwrap();
        let halved = block_on(async {
            let mut trainer = Trainer::new(job.clone(), None, Device::flex()).await?;
            for _ in 0..57 {
                trainer.advance().await?;
            }
            let checkpoint = trainer.checkpoint().await?;
            let mut trainer = Trainer::new(job, Some(&checkpoint), Device::flex()).await?;
            assert_eq!(trainer.step(), 57);
            while !trainer.is_done() {
                trainer.advance().await?;
            }
            trainer.finish().await
        })
        .unwrap();
        assert_eq!(whole.digest, halved.digest);
        assert_eq!(whole.checkpoint_root, halved.checkpoint_root);
    }
}

#[test]
fn a_checkpoint_of_another_job_is_not_taken() {
    block_on(async {
        let mut trainer = Trainer::new(job(mlp(), 10), None, Device::flex()).await.unwrap();
        trainer.advance().await.unwrap();
        let checkpoint = trainer.checkpoint().await.unwrap();
        let other =
            Trainer::new(TrainJob { seed: 2, ..job(mlp(), 10) }, Some(&checkpoint), Device::flex())
                .await
                .unwrap();
        assert_eq!(other.step(), 0);
    });
}

#[test]
fn every_layer_is_built_trained_saved_and_loaded() {
    let image = Shape::Image { channels: 1, height: 8, width: 8 };
    let head = |mut layers: Vec<LayerSpec>| {
        layers.extend([LayerSpec::Flatten, dense(10)]);
        layers
    };
    let activation = |function| LayerSpec::Activation { function };
    let cases: Vec<(Shape, Vec<LayerSpec>)> = vec![
        (
            image.clone(),
            head(vec![
                conv(8),
                LayerSpec::GroupNorm { groups: 4 },
                activation(Activation::Silu),
                LayerSpec::AvgPool2d { size: 2 },
            ]),
        ),
        (
            image.clone(),
            head(vec![
                conv(6),
                LayerSpec::BatchNorm,
                activation(Activation::LeakyRelu),
                LayerSpec::MaxPool2d { size: 2 },
            ]),
        ),
        (
            image.clone(),
            vec![
                conv(6),
                LayerSpec::Residual { layers: vec![conv(6), activation(Activation::Tanh)] },
                LayerSpec::Conv2d {
                    channels: 12,
                    kernel: 3,
                    stride: 2,
                    padding: Padding::Same,
                    groups: 3,
                },
                LayerSpec::GlobalAvgPool,
                LayerSpec::LayerNorm,
                activation(Activation::Sigmoid),
                dense(10),
            ],
        ),
        (
            Shape::Tokens { vocabulary: 17, length: 64 },
            vec![
                LayerSpec::Embedding { dimension: 8 },
                LayerSpec::TransformerBlock { heads: 2, hidden: 16, causal: true },
                LayerSpec::TransformerBlock { heads: 4, hidden: 16, causal: false },
                LayerSpec::GlobalAvgPool,
                activation(Activation::Gelu),
                dense(10),
            ],
        ),
    ];
    for (input, layers) in cases {
        let spec = ModelSpec { input: input.clone(), ..spec(layers) };
        let mut data = Dataset::from_bytes(&digits()).unwrap();
        if let Shape::Tokens { .. } = input {
            data.header.scale = 1.0;
        }
        data.header.input = input;
        let job = TrainJob { dataset: data.to_bytes().into(), ..job(spec.clone(), 5) };
        let before = job.parameters.clone();
        let result = train(job).unwrap();
        assert_ne!(before, result.parameters);
        let file = TensorFile::from_bytes("new", &result.parameters).unwrap();
        let said: BTreeMap<_, _> = spec.parameters().unwrap().into_iter().collect();
        let kept = file.tensors.iter().map(|(name, tensor)| (name.clone(), tensor.shape.clone()));
        assert_eq!(said, kept.collect());
        let (old, new) = (
            TensorFile::from_bytes("a", &before).unwrap(),
            TensorFile::from_bytes("b", &result.parameters).unwrap(),
        );
        for (name, tensor) in &old.tensors {
            assert_ne!(tensor.bytes, new.tensors[name].bytes, "{name} was not trained");
        }
        let count: u64 = new
            .tensors
            .iter()
            .filter(|(name, _)| !name.contains("running"))
            .map(|(_, t)| t.len() as u64)
            .sum();
        assert_eq!(count, spec.parameter_count().unwrap());
        let network = load(Network::new(&spec, &Device::flex()).unwrap(), &new.views()).unwrap();
        assert_eq!(block_on(read(&network)).unwrap().to_bytes(), result.parameters.to_vec());
        let evaluation = block_on(evaluate(&network, &spec, &data, 5, &Device::flex())).unwrap();
        assert_eq!(evaluation, result.evaluation);
        let rows = block_on(infer(&network, &spec, vec![0.5; 128], &Device::flex())).unwrap();
        assert_eq!(rows.len(), 2);
        assert!(rows.iter().all(|row| (row.iter().sum::<f32>() - 1.0).abs() < 1e-5));
    }
}

#[test]
fn a_regression_finds_a_line() {
    let text: String = (0..200)
        .map(|i| {
            format!("{},{},{}\n", i % 7, i % 11, 0.5 + 2.0 * f64::from(i % 7) - f64::from(i % 11))
        })
        .collect();
    let request = ImportRequest {
        file_name: "line.csv".into(),
        file: text.into_bytes().into(),
        labels: None,
        name: "line".into(),
        licence: "CC0-1.0".into(),
        attribution: "made up".into(),
        shape: None,
        held_out_percent: 20,
        reconstruct: false,
        length: 64,
    };
    let imported = import(request).unwrap();
    let spec = ModelSpec {
        input: imported.summary.input.clone(),
        body: Body::Layers(vec![dense(1)]),
        task: imported.summary.task.clone(),
    };
    let mut job = TrainJob { dataset: imported.dataset, ..job(spec, 800) };
    job.config.learning_rate = 0.05;
    let result = train(job).unwrap();
    assert!(result.evaluation.accuracy_ppm > 990_000, "{:?}", result.evaluation);
}

#[test]
fn bad_parameters_and_data_are_refused_before_a_step() {
    let refuse = |change: &dyn Fn(&mut TrainJob)| {
        let mut job = job(mlp(), 5);
        change(&mut job);
        train(job).unwrap_err().to_string()
    };
    let edit = |change: &dyn Fn(&mut TensorFile)| {
        refuse(&|job| {
            let mut file = TensorFile::from_bytes("p", &job.parameters).unwrap();
            change(&mut file);
            job.parameters = file.to_bytes().into();
        })
    };
    let text = edit(&|file| drop(file.tensors.remove("layers.1.weight")));
    assert_eq!(text, "parameter layers.1.weight: the file lacks it");
    let text = edit(&|file| {
        let tensor = file.tensors["layers.1.bias"].clone();
        file.tensors.insert("extra".into(), tensor);
    });
    assert_eq!(text, "parameter extra: the file has it, but the spec does not");
    let text = edit(&|file| {
        let tensor = file.tensors["layers.1.bias"].clone();
        file.tensors.insert("layers.4.bias".into(), tensor);
    });
    assert_eq!(
        text,
        "parameter layers.4.bias: its shape is [64] in the file, but [10] in the spec"
    );
    let text = edit(&|file| {
        if let Some(tensor) = file.tensors.get_mut("layers.4.bias") {
            tensor.bytes[4..8].copy_from_slice(&f32::NAN.to_le_bytes());
        }
    });
    assert!(text.starts_with("parameter layers.4.bias, value 1 is not a finite number"), "{text}");
    let text = refuse(&|job| job.spec.input = Shape::Image { channels: 1, height: 4, width: 16 });
    assert!(text.contains("[1, 8, 8]") && text.contains("[1, 4, 16]"), "{text}");
    assert!(refuse(&|job| job.config.learning_rate = f32::NAN).contains("learning rate"));
    assert!(refuse(&|job| job.config.batch_size = 1 << 20).contains("batch size"));
}

#[test]
fn a_text_is_learned_and_a_picture_is_reconstructed() {
    let train = |spec: ModelSpec, data: Dataset, steps| {
        let TrainJob { config, .. } = job(spec.clone(), steps);
        let network = initialize(Network::new(&spec, &Device::flex()).unwrap(), 3);
        let parameters = pollster::block_on(read(&network)).unwrap().to_bytes();
        let config = TrainingConfig { learning_rate: 0.01, ..config };
        let dataset = data.to_bytes().into();
        let job = TrainJob { config, parameters: parameters.into(), dataset, ..job(spec, steps) };
        train(job).unwrap()
    };
    // A text of one sentence again and again, which the letters before tell.
    let letters: Vec<char> = "the quick brown fox jumps over a lazy dog. ".chars().collect();
    let mut tokens: Vec<char> = letters.clone();
    tokens.sort_unstable();
    tokens.dedup();
    let number = |i: usize| {
        let letter = letters[i % letters.len()];
        tokens.iter().position(|token| *token == letter).unwrap() as u8
    };
    let (length, windows) = (12, 60);
    let data = Dataset {
        header: DatasetHeader {
            input: Shape::Tokens { vocabulary: tokens.len(), length },
            task: Task::NextToken { tokens: tokens.iter().map(char::to_string).collect() },
            scale: 1.0,
            ..Dataset::from_bytes(&digits()).unwrap().header
        },
        inputs: Inputs::U8((0..windows * length).map(number).collect()),
        targets: Targets::Classes((1..=windows * length).map(|i| number(i).into()).collect()),
        train: (0..50).collect(),
        held_out: (50..60).collect(),
    };
    assert_eq!(Dataset::from_bytes(&data.to_bytes()).unwrap(), data);
    let spec = ModelSpec {
        input: data.header.input.clone(),
        body: Body::Layers(vec![
            LayerSpec::Embedding { dimension: 16 },
            LayerSpec::TransformerBlock { heads: 2, hidden: 32, causal: true },
            dense(tokens.len()),
        ]),
        task: data.header.task.clone(),
    };
    let text = train(spec, data, 200);
    assert!(text.base_evaluation.loss > 3.0, "{:?}", text.base_evaluation);
    assert!(text.evaluation.accuracy_ppm > 800_000, "{:?}", text.evaluation);

    let mut data = Dataset::from_bytes(&digits()).unwrap();
    data.header.task = Task::Reconstruction;
    data.targets = Targets::Inputs;
    assert_eq!(Dataset::from_bytes(&data.to_bytes()).unwrap(), data);
    let spec = ModelSpec {
        input: data.header.input.clone(),
        body: Body::Layers(vec![
            LayerSpec::Flatten,
            dense(16),
            LayerSpec::Activation { function: Activation::Relu },
            dense(64),
        ]),
        task: Task::Reconstruction,
    };
    let picture = train(spec, data, 300);
    assert!(picture.evaluation.accuracy_ppm > 500_000, "{:?}", picture.evaluation);
}
