//! The workers of this page: one for each kind of model and tier, started when first needed, and a fresh one for each
//! file.

use delea_model_runtime::{
    RuntimeError,
    message::{DeviceReport, Event, Request, Tier},
    spec::{Body, ModelSpec},
};
use leptos::prelude::*;
use leptos::reactive::owner::LocalStorage;

use super::client::Client;
use crate::config;

/// Handles to the page's workers. Copy.
#[derive(Clone, Copy)]
pub(crate) struct Pool {
    urls: StoredValue<config::Workers>,
    /// Those of layers, then those of graphs; of each the CPU's, then the GPU's.
    running: [[Slot; 2]; 2],
}

type Slot = StoredValue<Option<(Client, DeviceReport)>, LocalStorage>;

/// Which workers run a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Lists of layers, and whatever concerns no model.
    Layers,
    /// Graphs.
    Graphs,
}

impl Kind {
    /// Of a model.
    pub(crate) fn of(spec: &ModelSpec) -> Self {
        match spec.body {
            Body::Layers(_) => Self::Layers,
            Body::Graph(_) => Self::Graphs,
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
        if let Some((client, device)) = slot.get_value().filter(|(client, _)| client.alive()) {
            return Ok((client, device));
        }
        slot.set_value(None);
        let url = self.urls.with_value(|urls| {
            let engine = match kind {
                Kind::Layers => &urls.layers,
                Kind::Graphs => &urls.graphs,
            };
            match tier {
                Tier::Cpu => engine.cpu.clone(),
                Tier::Gpu => engine.gpu.clone(),
            }
        });
        let client = Client::spawn(&url).await?;
        match client.ask(Request::Start).await? {
            Event::Ready { device } => {
                slot.set_value(Some((client.clone(), device.clone())));
                Ok((client, device))
            }
            _ => {
                Err(RuntimeError::Protocol { reason: "the worker's device did not report".into() })
            }
        }
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
        self.running[usize::from(kind == Kind::Graphs)][usize::from(tier == Tier::Gpu)]
    }
}
