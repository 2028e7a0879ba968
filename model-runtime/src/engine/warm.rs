//! A little work before there is any.

use super::{Device, Network, infer};
use crate::{
    RuntimeError,
    spec::{Activation, Body, LayerSpec, ModelSpec, Padding, Shape, Task},
};

/// Answers that are computed for nobody.
const RUNS: usize = 16;
/// A single example takes other loops than several.
const BATCHES: [usize; 2] = [8, 1];

/// Has the browser compile the loops that networks spend their time in: it translates wasm in haste first, and
/// well only what has run for some milliseconds, on another thread. Whoever asks first would wait for it several times as
/// long otherwise.
///
/// # Errors
/// None that a working device gives.
pub async fn warm(device: &Device) -> Result<(), RuntimeError> {
    let relu = || LayerSpec::Activation { function: Activation::Relu };
    let spec = ModelSpec {
        input: Shape::Image { channels: 3, height: 16, width: 16 },
        body: Body::Layers(vec![
            LayerSpec::Conv2d {
                channels: 16,
                kernel: 3,
                stride: 1,
                padding: Padding::Same,
                groups: 1,
            },
            relu(),
            LayerSpec::Flatten,
            LayerSpec::Dense { units: 64 },
            relu(),
            LayerSpec::Dense { units: 2 },
        ]),
        task: Task::Classification { classes: vec!["a".into(), "b".into()] },
    };
    let network = Network::new(&spec, device)?;
    for batch in BATCHES {
        for _ in 0..RUNS {
            infer(&network, &spec, vec![0.5; batch * spec.input.len()], device).await?;
        }
    }
    Ok(())
}
