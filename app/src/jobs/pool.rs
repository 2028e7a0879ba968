//! The workers of this page: one for each kind of model and tier, started when first needed, and a fresh one for each
//! file.

use delea_model_runtime::{
    RuntimeError,
    content::Digest,
    message::{DeviceReport, Event, Request, Tier},
    spec::{Body, ModelSpec},
};
use leptos::prelude::*;
use leptos::reactive::owner::LocalStorage;

use super::client::Client;
use crate::{
    config::{self, Config},
    store::studio,
};

/// Handles to the page's workers. Copy.
#[derive(Clone, Copy)]
pub(crate) struct Pool {
    urls: StoredValue<config::Workers>,
    /// By kind; of each the CPU's, then the GPU's.
    running: [[Slot; 2]; KINDS],
}

type Slot = StoredValue<Option<Running>, LocalStorage>;

#[derive(Clone)]
struct Running {
    client: Client,
    device: DeviceReport,
    /// The base network that it has for those who adapt it.
    base: Option<Digest>,
}

/// How many kinds of models have workers of their own.
const KINDS: usize = 3;

/// Which workers run a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Lists of layers, and whatever concerns no model.
    Layers,
    /// Graphs.
    Graphs,
    /// Painters.
    Painters,
}

impl Kind {
    /// Of a model.
    pub(crate) fn of(spec: &ModelSpec) -> Self {
        match spec.body {
            Body::Layers(_) => Self::Layers,
            Body::Graph(_) => Self::Graphs,
            Body::Painter(_) => Self::Painters,
        }
    }
}

impl Pool {
    /// No worker yet.
    pub(crate) fn new(urls: config::Workers) -> Self {
        Self {
            urls: StoredValue::new(urls),
            running: std::array::from_fn(|_| std::array::from_fn(|_| StoredValue::new_local(None))),
        }
    }

    /// The worker of a kind and tier, its device ready.
    ///
    /// # Errors
    /// [`RuntimeError::Device`] with the reason in words.
    pub(crate) async fn get(
        self,
        kind: Kind,
        tier: Tier,
    ) -> Result<(Client, DeviceReport), RuntimeError> {
        let slot = self.slot(kind, tier);
        if let Some(running) = slot.get_value().filter(|running| running.client.alive()) {
            return Ok((running.client, running.device));
        }
        slot.set_value(None);
        let url = self.urls.with_value(|urls| {
            let engine = match kind {
                Kind::Layers => &urls.layers,
                Kind::Graphs => &urls.graphs,
                Kind::Painters => &urls.studio,
            };
            match tier {
                Tier::Cpu => engine.cpu.clone(),
                Tier::Gpu => engine.gpu.clone(),
            }
        });
        let client = Client::spawn(&url).await?;
        match client.ask(Request::Start).await? {
            Event::Ready { device } => {
                let running =
                    Running { client: client.clone(), device: device.clone(), base: None };
                slot.set_value(Some(running));
                Ok((client, device))
            }
            _ => {
                Err(RuntimeError::Protocol { reason: "the worker's device did not report".into() })
            }
        }
    }

    /// The worker that runs a model, with the base network if the model adapts one.
    ///
    /// # Errors
    /// As [`Pool::get`]; [`RuntimeError::Storage`] if the base cannot be had.
    pub(crate) async fn ready(
        self,
        config: &Config,
        spec: &ModelSpec,
        tier: Tier,
    ) -> Result<(Client, DeviceReport), RuntimeError> {
        self.with_base(config, Kind::of(spec), spec.base(), tier).await
    }

    /// The worker of a kind and tier, with a base network's file.
    ///
    /// # Errors
    /// As [`Pool::ready`].
    pub(crate) async fn with_base(
        self,
        config: &Config,
        kind: Kind,
        base: Option<Digest>,
        tier: Tier,
    ) -> Result<(Client, DeviceReport), RuntimeError> {
        let (client, device) = self.get(kind, tier).await?;
        let slot = self.slot(kind, tier);
        let has = slot.with_value(|running| running.as_ref().and_then(|running| running.base));
        if base.is_some() && base != has {
            provide(&client, config, base).await?;
            slot.update_value(|running| {
                if let Some(running) = running {
                    running.base = base;
                }
            });
        }
        Ok((client, device))
    }

    /// Ends a worker: the next use starts a fresh one.
    pub(crate) fn end(self, kind: Kind, tier: Tier) {
        self.slot(kind, tier).set_value(None);
    }

    /// Asks a CPU worker one thing.
    ///
    /// # Errors
    /// The worker's.
    pub(crate) async fn ask_cpu(self, kind: Kind, request: Request) -> Result<Event, RuntimeError> {
        let (client, _) = self.get(kind, Tier::Cpu).await?;
        client.ask(request).await
    }

    /// A worker that reads one file; dropping it frees the file's memory.
    ///
    /// # Errors
    /// [`RuntimeError::Device`] with the reason in words.
    pub(crate) async fn importer(self) -> Result<Client, RuntimeError> {
        let url = self.urls.with_value(|urls| urls.import.clone());
        Client::spawn(&url).await
    }

    fn slot(self, kind: Kind, tier: Tier) -> Slot {
        self.running[kind as usize][usize::from(tier == Tier::Gpu)]
    }
}

/// Gives a worker a base network's file, if there is one.
///
/// # Errors
/// [`RuntimeError::Storage`] if it cannot be had, and the worker's.
pub(crate) async fn provide(
    client: &Client,
    config: &Config,
    base: Option<Digest>,
) -> Result<(), RuntimeError> {
    let Some(base) = base else { return Ok(()) };
    let file = studio::file(config, base, "the base network").await;
    let file = file.map_err(|error| RuntimeError::Storage { reason: error.to_string() })?;
    client.ask(Request::Provide { file: file.into() }).await.map(drop)
}
