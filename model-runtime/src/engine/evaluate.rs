//! Running a network without training it.

use burn::{
    module::Module,
    tensor::{Device, Tensor, activation::softmax},
};

use super::{
    Network, Value,
    parameters::{device_error, host},
};
use crate::{
    RuntimeError,
    dataset::{Dataset, Targets},
    message::Evaluation,
    spec::{ModelSpec, Task},
};

/// Examples a forward pass; bounds the memory of an evaluation.
const BATCH: usize = 256;

/// Loss and accuracy on the held-out examples. `step` is copied into the result.
///
/// # Errors
/// [`RuntimeError::Device`] if the device fails; [`RuntimeError::NotFinite`] if the loss is no number.
pub async fn evaluate(
    network: &Network,
    spec: &ModelSpec,
    data: &Dataset,
    step: u32,
    device: &Device,
) -> Result<Evaluation, RuntimeError> {
    let network = network.valid();
    let width = spec.task.outputs();
    let mut outputs = Vec::with_capacity(data.held_out.len() * width);
    for batch in data.held_out.chunks(BATCH) {
        let mut inputs = Vec::with_capacity(batch.len() * spec.input.len());
        batch.iter().for_each(|i| data.push_input(*i, &mut inputs));
        outputs.extend(forward(&network, spec, inputs, device, false).await?);
    }
    let count = data.held_out.len();
    let (loss, accuracy) = match &data.targets {
        Targets::Classes(classes) => {
            classification(&outputs, width, data.held_out.iter().map(|i| classes[*i as usize]))
        }
        Targets::Values(values) => {
            let targets: Vec<f32> = data
                .held_out
                .iter()
                .flat_map(|i| &values[*i as usize * width..(*i as usize + 1) * width])
                .copied()
                .collect();
            regression(&outputs, &targets, width)
        }
    };
    if !loss.is_finite() {
        return Err(RuntimeError::NotFinite { place: format!("the held-out loss at step {step}") });
    }
    Ok(Evaluation {
        step,
        loss: loss as f32,
        accuracy_ppm: (accuracy * 1e6) as u32,
        examples: count as u32,
    })
}

/// Probabilities (classification) or values (regression), one row an example.
///
/// # Errors
/// [`RuntimeError::OutOfBounds`] if `inputs` is not a whole number of examples,
/// [`RuntimeError::NotFinite`] for a bad input, [`RuntimeError::Device`] if the device fails.
pub async fn infer(
    network: &Network,
    spec: &ModelSpec,
    inputs: Vec<f32>,
    device: &Device,
) -> Result<Vec<Vec<f32>>, RuntimeError> {
    let size = spec.input.len();
    if inputs.is_empty() || !inputs.len().is_multiple_of(size) {
        return Err(RuntimeError::bounds(
            "number of input values",
            inputs.len(),
            format!("a multiple of {size}"),
        ));
    }
    if let Some(at) = inputs.iter().position(|v| !v.is_finite()) {
        return Err(RuntimeError::NotFinite { place: format!("input value {at}") });
    }
    let network = network.valid();
    let probabilities = matches!(spec.task, Task::Classification { .. });
    let mut rows = Vec::new();
    for batch in inputs.chunks(size * BATCH) {
        let outputs = forward(&network, spec, batch.to_vec(), device, probabilities).await?;
        rows.extend(outputs.chunks_exact(spec.task.outputs()).map(<[f32]>::to_vec));
    }
    Ok(rows)
}

async fn forward(
    network: &Network,
    spec: &ModelSpec,
    inputs: Vec<f32>,
    device: &Device,
    probabilities: bool,
) -> Result<Vec<f32>, RuntimeError> {
    let device = device.clone().without_autodiff();
    let mut output: Tensor<2> =
        network.forward(Value::from_host(inputs, &spec.input, &device), None)?;
    if probabilities {
        output = softmax(output, 1);
    }
    host(output.into_data_async().await.map_err(device_error)?)
}

/// Mean cross-entropy and share of right answers, in f64 on the host.
fn classification(logits: &[f32], width: usize, classes: impl Iterator<Item = u32>) -> (f64, f64) {
    let (mut loss, mut right, mut count) = (0.0, 0u32, 0u32);
    for (row, class) in logits.chunks_exact(width).zip(classes) {
        let top = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let sum: f64 = row.iter().map(|v| f64::from(v - top).exp()).sum();
        loss += sum.ln() - f64::from(row[class as usize] - top);
        let best = row.iter().position(|v| *v == top);
        right += u32::from(best == Some(class as usize));
        count += 1;
    }
    (loss / f64::from(count), f64::from(right) / f64::from(count))
}

/// Mean squared error and R² floored at 0, over all outputs.
fn regression(outputs: &[f32], targets: &[f32], width: usize) -> (f64, f64) {
    let count = targets.len() as f64;
    let mut means = vec![0.0; width];
    targets
        .iter()
        .enumerate()
        .for_each(|(i, v)| means[i % width] += f64::from(*v) * width as f64 / count);
    let square = |v: f64| v * v;
    let error: f64 = outputs.iter().zip(targets).map(|(y, t)| square(f64::from(y - t))).sum();
    let spread: f64 =
        targets.iter().enumerate().map(|(i, t)| square(f64::from(*t) - means[i % width])).sum();
    (error / count, if spread > 0.0 { (1.0 - error / spread).max(0.0) } else { 0.0 })
}
