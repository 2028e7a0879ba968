//! Requests that need nothing but a device: no store, no clock, no earlier request.

use super::{Device, Network, evaluate, infer, initialize, load, read};
use crate::{
    RuntimeError,
    average::average,
    content::Digest,
    dataset::Dataset,
    message::{Event, Request},
    spec::ModelSpec,
    tensors::TensorFile,
};

/// Answers [`Request::Initialize`], [`Request::Evaluate`], [`Request::Infer`] with its parameters, and
/// [`Request::Average`].
///
/// # Errors
/// Anything wrong with the request's files and spec; [`RuntimeError::Protocol`] for other requests.
pub async fn answer(request: Request, device: &Device) -> Result<Event, RuntimeError> {
    match request {
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
            Ok(Event::Outputs { rows: infer(&network, &spec, inputs, device).await? })
        }
        Request::Average { parts } => Ok(parameters(average(&parts)?.to_bytes())),
        _ => Err(RuntimeError::Protocol {
            reason: "this request belongs to a worker with a store and a clock".into(),
        }),
    }
}

/// A network with its parameters.
///
/// # Errors
/// As [`load`], and [`RuntimeError::OutOfMemory`].
pub fn open(spec: &ModelSpec, parameters: &[u8], device: &Device) -> Result<Network, RuntimeError> {
    spec.check_memory(1)?;
    load(Network::new(spec, device)?, &TensorFile::from_bytes("parameters", parameters)?)
}

fn parameters(bytes: Vec<u8>) -> Event {
    Event::Parameters { digest: Digest::of(&bytes), parameters: bytes.into() }
}
