//! What a training or inference worker does with each request.

use std::{cell::RefCell, rc::Rc};

#[cfg(feature = "studio")]
use super::painting;
use super::{
    control::{Control, Wish},
    device,
    store::Store,
    training,
};
use crate::{
    RuntimeError,
    engine::{Device, Network, answer, infer, open},
    message::{DeviceReport, Event, Request, Stored},
    spec::ModelSpec,
};

/// The worker's state.
#[derive(Clone, Default)]
pub(super) struct Session {
    device: Rc<RefCell<Option<(Device, DeviceReport)>>>,
    control: Control,
    /// The network that answered the last inference, with what it was built from.
    served: Rc<RefCell<Option<(ModelSpec, Network)>>>,
}

thread_local! {
    static SESSION: Session = Session::default();
}

impl Session {
    /// The one session of this worker.
    pub(super) fn shared() -> Self {
        SESSION.with(Clone::clone)
    }

    /// Handles a request; its events go to `emit`.
    pub(super) async fn handle(&self, request: Request, emit: &mut dyn FnMut(Event)) {
        if let Err(error) = self.respond(request, emit).await {
            emit(Event::Failed { error });
        }
    }

    async fn respond(
        &self,
        request: Request,
        emit: &mut dyn FnMut(Event),
    ) -> Result<(), RuntimeError> {
        match request {
            Request::Start => {
                self.device().await?;
                let report = self.device.borrow().as_ref().map(|(_, report)| report.clone());
                if let Some(device) = report {
                    emit(Event::Ready { device });
                }
                #[cfg(feature = "cpu")]
                crate::engine::warm(&self.device().await?).await?;
            }
            Request::Train(job) => {
                let device = self.device().await?;
                if !self.control.begin() {
                    return Err(protocol("a training runs already; pause or cancel it first"));
                }
                training::run(*job, device, &self.control, emit).await;
                self.control.end();
            }
            #[cfg(feature = "studio")]
            Request::Paint(job) => {
                let device = self.device().await?;
                if !self.control.begin() {
                    return Err(protocol("a job runs already; cancel it first"));
                }
                painting::run(*job, device, &self.control, emit).await;
                self.control.end();
            }
            #[cfg(not(feature = "studio"))]
            Request::Paint(_) | Request::Provide { .. } | Request::Teach(_) => {
                return Err(protocol("pictures are painted by the studio's worker"));
            }
            #[cfg(feature = "studio")]
            Request::Provide { .. } | Request::Teach(_) => {
                emit(answer(request, &self.device().await?).await?)
            }
            Request::Pause => self.wish(Wish::Pause)?,
            Request::Resume => self.wish(Wish::Run)?,
            Request::Cancel { keep_checkpoint } => self.wish(Wish::Cancel { keep_checkpoint })?,
            Request::Infer { spec, parameters, inputs } => {
                let device = self.device().await?;
                let network = self.serve(&spec, parameters, &device)?;
                let rows = infer(&network, &spec, inputs.into_vec(), &device).await?;
                emit(Event::outputs(rows));
            }
            Request::ListCheckpoints => emit(Event::Checkpoints { kept: kept().await? }),
            Request::DropCheckpoint { job } => {
                if let Some(store) = Store::open().await {
                    store.delete(&job).await;
                }
                emit(Event::Checkpoints { kept: kept().await? });
            }
            Request::Initialize { .. }
            | Request::Evaluate { .. }
            | Request::Inspect { .. }
            | Request::Average { .. } => {
                emit(answer(request, &self.device().await?).await?);
            }
            Request::Import(_) | Request::ReadModel(_) | Request::Export { .. } => {
                return Err(protocol("files are read by the import worker"));
            }
        }
        Ok(())
    }

    async fn device(&self) -> Result<Device, RuntimeError> {
        if let Some((device, _)) = &*self.device.borrow() {
            return Ok(device.clone());
        }
        let (device, report) = device::open().await?;
        *self.device.borrow_mut() = Some((device.clone(), report));
        Ok(device)
    }

    fn wish(&self, wish: Wish) -> Result<(), RuntimeError> {
        if self.control.set(wish) { Ok(()) } else { Err(protocol("no training runs")) }
    }

    /// The network for an inference: the one served last if no parameters are given.
    fn serve(
        &self,
        spec: &ModelSpec,
        parameters: Stored,
        device: &Device,
    ) -> Result<Network, RuntimeError> {
        let mut served = self.served.borrow_mut();
        if parameters.is_empty() {
            return match &*served {
                Some((same, network)) if same == spec => Ok(network.clone()),
                _ => Err(protocol("no parameters were sent, and none of this model were before")),
            };
        }
        // Two models need not fit.
        *served = None;
        let network = open(spec, &parameters, device)?;
        *served = Some((spec.clone(), network.clone()));
        Ok(network)
    }
}

fn protocol(reason: &str) -> RuntimeError {
    RuntimeError::Protocol { reason: reason.into() }
}

async fn kept() -> Result<Vec<crate::message::CheckpointInfo>, RuntimeError> {
    match Store::open().await {
        Some(store) => store.list().await,
        None => Ok(Vec::new()),
    }
}
