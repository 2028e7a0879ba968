//! Requests that need nothing but a device: no store, no clock, no earlier request.

use super::{Device, Network, Trainer, evaluate, infer, initialize, load, read};
#[cfg(feature = "studio")]
use crate::message::{Imported, TeachRequest};
use crate::{
    RuntimeError,
    average::average,
    content::Digest,
    dataset::Dataset,
    manifest::{Optimizer, TrainingConfig},
    message::{Bytes, Event, Floats, Inspection, Request, TrainJob},
    spec::{Body, ModelSpec},
    tensors::{Source, views},
};

/// Answers [`Request::Initialize`], [`Request::Evaluate`], [`Request::Infer`] with its parameters,
/// [`Request::Inspect`], [`Request::Average`] and [`Request::Provide`].
///
/// # Errors
/// Anything wrong with the request's files and spec; [`RuntimeError::Protocol`] for other requests.
pub async fn answer(request: Request, device: &Device) -> Result<Event, RuntimeError> {
    match request {
        Request::Initialize { spec: ModelSpec { body: Body::Graph(_), .. }, .. } => {
            Err(RuntimeError::Protocol { reason: "a graph comes with its parameters".into() })
        }
        Request::Initialize { spec, seed } => {
            let network = initialize(Network::new(&spec, device)?, seed);
            Ok(parameters(read(&network).await?.to_bytes()))
        }
        Request::Evaluate { spec, parameters, dataset } => {
            let network = open(&spec, &parameters, device)?;
            let data = Dataset::from_bytes(&dataset)?;
            Ok(Event::Evaluated(evaluate(&network, &spec, &data, 0, device).await?))
        }
        Request::Infer { spec, parameters, inputs } => {
            let network = open(&spec, &parameters, device)?;
            Ok(Event::outputs(infer(&network, &spec, inputs.into_vec(), device).await?))
        }
        Request::Inspect { spec, parameters, dataset } => {
            let inspection = inspect(spec, parameters, dataset, device).await?;
            Ok(Event::Inspected(Box::new(inspection)))
        }
        #[cfg(feature = "studio")]
        Request::Provide { file } => {
            let mut bytes = vec![0; Source::len(&file)];
            file.read(0, &mut bytes)?;
            Ok(Event::Provided { digest: super::provide(bytes) })
        }
        #[cfg(feature = "studio")]
        Request::Teach(request) => {
            let TeachRequest { lesson, painter, prior, seed } = *request;
            let data = lesson.dataset(&painter, &Dataset::from_bytes(&prior)?, seed)?;
            let dataset = data.to_bytes();
            let (digest, summary) = (Digest::of(&dataset), data.summary());
            Ok(Event::Imported(Box::new(Imported { dataset: dataset.into(), digest, summary })))
        }
        Request::Average { parts } => Ok(parameters(average(&parts)?.to_bytes())),
        _ => Err(RuntimeError::Protocol {
            reason: "this request belongs to a worker with a store and a clock".into(),
        }),
    }
}

/// Tries a model: one example alone and among others, the held-out ones, and one step of training.
async fn inspect(
    mut spec: ModelSpec,
    parameters: Bytes,
    dataset: Bytes,
    device: &Device,
) -> Result<Inspection, RuntimeError> {
    let network = open(&spec, &parameters, device)?;
    let data = Dataset::from_bytes(&dataset)?;
    let shapes = evaluate::shapes(&network, &spec, &data, device).await?;
    drop((network, data));
    if let Body::Graph(graph) = &mut spec.body {
        graph.note_shapes(&shapes);
    }
    let config = TrainingConfig {
        optimizer: Optimizer::Sgd { momentum: 0.0 },
        learning_rate: 1e-6,
        batch_size: 2,
        steps: 1,
    };
    let job = TrainJob {
        job: String::new(),
        spec,
        config,
        seed: 0,
        parameters,
        dataset,
        evaluate_every: 0,
        keep_leaves: false,
        segment: None,
        previews: Floats::default(),
    };
    let mut trainer = Trainer::new(job, None, device.clone()).await?;
    trainer.advance().await?;
    let loss = trainer.losses().await?.first().map_or(0.0, |(_, loss)| *loss);
    Ok(Inspection { shapes, evaluation: trainer.base_evaluation(), loss })
}

/// A network with its parameters.
///
/// # Errors
/// As [`load`], and [`RuntimeError::OutOfMemory`].
pub fn open(
    spec: &ModelSpec,
    parameters: &dyn Source,
    device: &Device,
) -> Result<Network, RuntimeError> {
    spec.check_memory(1)?;
    load(Network::new(spec, device)?, &views("parameters", parameters)?)
}

fn parameters(bytes: Vec<u8>) -> Event {
    Event::Parameters { digest: Digest::of(&bytes), parameters: bytes.into() }
}
