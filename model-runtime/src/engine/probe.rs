//! A rehearsal that tells whether a device computes what the exact tier computes.
//!
//! A driver may drop an invalid shader with no more than a log line, so a device is trusted only
//! after it has trained a tiny network to the losses that the exact tier gives.

use super::{Device, Network, Trainer, initialize, read};
use crate::{
    RuntimeError,
    dataset::{Dataset, DatasetHeader, FORMAT, Inputs, Targets},
    manifest::{Optimizer, TrainingConfig},
    message::{Floats, TrainJob},
    rng::{Random, Stream},
    spec::{Activation, Body, LayerSpec, ModelSpec, Padding, Shape, Task},
};

/// Losses of the rehearsal's steps on the exact tier; a test keeps them true.
const EXPECTED: [f32; 4] = [1.0899569, 1.1773778, 1.1126232, 1.0414133];
/// Relative difference that float order and a device's own exp and log explain, with room.
const TOLERANCE: f32 = 2e-3;
const SEED: u64 = 1;
const EXAMPLES: u32 = 12;
const SIDE: usize = 6;

/// Trains the rehearsal and compares.
///
/// # Errors
/// [`RuntimeError::Device`] with both figures if the device computes something else.
pub async fn probe(device: &Device) -> Result<(), RuntimeError> {
    let found = rehearse(device).await?;
    let close = |(a, b): (&f32, &f32)| (a - b).abs() <= TOLERANCE * b.abs();
    if found.len() == EXPECTED.len() && found.iter().zip(&EXPECTED).all(close) {
        return Ok(());
    }
    Err(RuntimeError::Device {
        reason: format!(
            "the device computes wrong results: a test training gave losses {found:?} instead of {EXPECTED:?}"
        ),
    })
}

async fn rehearse(device: &Device) -> Result<Vec<f32>, RuntimeError> {
    let data = data();
    let job = TrainJob {
        job: "probe".into(),
        spec: ModelSpec {
            input: data.header.input.clone(),
            body: Body::Layers(vec![
                LayerSpec::Conv2d {
                    channels: 4,
                    kernel: 3,
                    stride: 1,
                    padding: Padding::Same,
                    groups: 1,
                },
                LayerSpec::Activation { function: Activation::Relu },
                LayerSpec::MaxPool2d { size: 2 },
                LayerSpec::Flatten,
                LayerSpec::Dense { units: 8 },
                LayerSpec::Activation { function: Activation::Gelu },
                LayerSpec::Dense { units: 3 },
            ]),
            task: data.header.task.clone(),
        },
        config: TrainingConfig {
            optimizer: Optimizer::default(),
            learning_rate: 0.1,
            batch_size: 4,
            steps: EXPECTED.len() as u32,
        },
        seed: SEED,
        parameters: Default::default(),
        dataset: data.to_bytes().into(),
        evaluate_every: 0,
        keep_leaves: false,
        segment: None,
        previews: Floats::default(),
    };
    let parameters = read(&initialize(Network::new(&job.spec, device)?, SEED)).await?.to_bytes();
    let mut trainer =
        Trainer::new(TrainJob { parameters: parameters.into(), ..job }, None, device.clone())
            .await?;
    while !trainer.is_done() {
        trainer.advance().await?;
    }
    Ok(trainer.losses().await?.into_iter().map(|(_, loss)| loss).collect())
}

fn data() -> Dataset {
    let mut random = Random::new(SEED, Stream::Split);
    let header = DatasetHeader {
        format: FORMAT.into(),
        name: "probe".into(),
        licence: "CC0-1.0".into(),
        attribution: "made up".into(),
        input: Shape::Image { channels: 1, height: SIDE, width: SIDE },
        task: Task::Classification { classes: ["a", "b", "c"].map(String::from).to_vec() },
        scale: 1.0,
    };
    Dataset {
        header,
        inputs: Inputs::F32(
            (0..EXAMPLES as usize * SIDE * SIDE).map(|_| random.uniform()).collect(),
        ),
        targets: Targets::Classes((0..EXAMPLES).map(|i| i % 3).collect()),
        train: (0..EXAMPLES - 2).collect(),
        held_out: (EXAMPLES - 2..EXAMPLES).collect(),
    }
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use super::*;

    #[test]
    fn the_expected_losses_are_those_of_the_exact_tier() {
        let found = pollster::block_on(rehearse(&Device::flex())).unwrap();
        let close = |(a, b): (&f32, f32)| (a - b).abs() < 1e-4;
        assert!(found.iter().zip(EXPECTED).all(close), "{found:?} {EXPECTED:?}");
        assert!(found[3] < found[0]);
    }
}
