//! Running a network without training it.

use burn::{
    module::Module,
    tensor::{Device, activation::softmax},
};

use super::{
    Network,
    parameters::{device_error, host},
};
#[cfg(feature = "studio")]
use crate::studio::Ask;
use crate::{
    RuntimeError,
    dataset::{Dataset, Targets},
    message::Evaluation,
    spec::{Body, ModelSpec},
};

/// Examples a forward pass, at most; bounds the memory of an evaluation.
const BATCH: usize = 256;
/// Numbers that the nodes of a graph may give in one forward pass, at most: 256 MiB.
const VALUES: u64 = 64 << 20;

/// Examples a forward pass.
fn batch(spec: &ModelSpec) -> usize {
    match &spec.body {
        Body::Layers(_) => BATCH,
        // Each is painted by itself, so that it depends on nothing beside it.
        Body::Painter(_) => 1,
        Body::Graph(graph) => (VALUES / graph.values().max(1)).clamp(1, BATCH as u64) as usize,
    }
}

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
    let (loss, accuracy) = match spec.task {
        #[cfg(feature = "studio")]
        crate::spec::Task::Painting { .. } => {
            super::flow::measure(&network, data, &device.clone().without_autodiff()).await?
        }
        _ => figures(&network, spec, data, device).await?,
    };
    if !loss.is_finite() {
        return Err(RuntimeError::NotFinite { place: format!("the held-out loss at step {step}") });
    }
    Ok(Evaluation {
        step,
        loss: loss as f32,
        accuracy_ppm: (accuracy * 1e6) as u32,
        examples: data.held_out.len() as u32,
    })
}

/// Loss, and the share of right answers or of the spread that is explained.
async fn figures(
    network: &Network,
    spec: &ModelSpec,
    data: &Dataset,
    device: &Device,
) -> Result<(f64, f64), RuntimeError> {
    let columns = spec.columns();
    let mut outputs = Vec::with_capacity(data.held_out.len() * spec.output().len());
    for batch in data.held_out.chunks(batch(spec)) {
        let mut inputs = Vec::with_capacity(batch.len() * spec.input.len());
        batch.iter().for_each(|i| data.push_input(*i, &mut inputs));
        outputs.extend(forward(network, spec, inputs, device, false).await?);
    }
    Ok(match &data.targets {
        Targets::Classes(_) => {
            let classes = data.held_out.iter().flat_map(|i| data.classes(*i)).copied();
            classification(&outputs, columns, classes)
        }
        Targets::Values(_) | Targets::Pixels(_) | Targets::Inputs => {
            let mut targets = Vec::with_capacity(outputs.len());
            data.held_out.iter().for_each(|i| data.push_values(*i, &mut targets));
            regression(&outputs, &targets, columns)
        }
    })
}

/// Probabilities or values, one row an example; those of the next token one position after the other.
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
    let mut rows = Vec::new();
    for batch in inputs.chunks(size * batch(spec)) {
        let outputs =
            forward(&network, spec, batch.to_vec(), device, spec.task.is_discrete()).await?;
        rows.extend(outputs.chunks_exact(spec.output().len()).map(<[f32]>::to_vec));
    }
    Ok(rows)
}

/// Sides of what each node of a graph gives for one example, none for layers, once it was made sure that an example's
/// outputs do not depend on those beside it.
///
/// # Errors
/// [`RuntimeError::BadFile`] if they do; [`RuntimeError::NotFinite`] for an output that is no number; else as the graph.
pub(super) async fn shapes(
    network: &Network,
    spec: &ModelSpec,
    data: &Dataset,
    device: &Device,
) -> Result<Vec<Vec<usize>>, RuntimeError> {
    let network = network.valid();
    let device = device.clone().without_autodiff();
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    data.push_input(0, &mut alone);
    for index in [0, 1 % data.len(), 2 % data.len()] {
        data.push_input(index as u32, &mut beside);
    }
    let one = network.forward(spec, alone, &device, None).await?;
    let several = network.forward(spec, beside, &device, None).await.map_err(|error| {
        RuntimeError::file(
            "the model",
            format!(
                "it runs with one example but not with several at once ({error}); export it with a batch of any size (dynamic_shapes)"
            ),
        )
    })?;
    let values = host(one.values.into_data_async().await.map_err(device_error)?)?;
    let among = host(several.values.into_data_async().await.map_err(device_error)?)?;
    if values.iter().any(|value| !value.is_finite()) {
        return Err(RuntimeError::NotFinite { place: "an output of the model".into() });
    }
    let close = |(a, b): (&f32, &f32)| (a - b).abs() <= 1e-3 * (1.0 + a.abs());
    match values.iter().zip(&among).all(close) {
        true => Ok(one.shapes),
        false => Err(RuntimeError::file(
            "the model",
            "what it gives for one example changes with those beside it; export it in inference mode with a batch of any size",
        )),
    }
}

async fn forward(
    network: &Network,
    spec: &ModelSpec,
    inputs: Vec<f32>,
    device: &Device,
    probabilities: bool,
) -> Result<Vec<f32>, RuntimeError> {
    let device = device.clone().without_autodiff();
    #[cfg(feature = "studio")]
    if let Body::Painter(painter) = &spec.body {
        let ask = Ask::read(&inputs, painter.words.count())?;
        return Ok(super::flow::paint(network, &[ask], &device).await?.concat());
    }
    let mut output = network.forward(spec, inputs, &device, None).await?.values;
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
