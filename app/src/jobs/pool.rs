//! The workers of this page: one a tier, started when first needed, and a fresh one for each file.

use delea_model_runtime::{
    RuntimeError,
    message::{DeviceReport, Event, Request, Tier},
};
use leptos::prelude::*;
use leptos::reactive::owner::LocalStorage;

use super::client::Client;
use crate::config;

/// Handles to the page's workers. Copy.
#[derive(Clone, Copy)]
pub(crate) struct Pool {
    urls: StoredValue<config::Workers>,
    cpu: StoredValue<Option<(Client, DeviceReport)>, LocalStorage>,
    gpu: StoredValue<Option<(Client, DeviceReport)>, LocalStorage>,
}

impl Pool {
    /// No worker yet.
    pub(crate) fn new(urls: config::Workers) -> Self {
        Self {
            urls: StoredValue::new(urls),
            cpu: StoredValue::new_local(None),
            gpu: StoredValue::new_local(None),
        }
    }

    /// The worker of a tier, its device ready.
    ///
    /// # Errors
    /// [`RuntimeError::Device`] with the reason in words.
    pub(crate) async fn get(self, tier: Tier) -> Result<(Client, DeviceReport), RuntimeError> {
        let slot = self.slot(tier);
        if let Some((client, device)) = slot.get_value().filter(|(client, _)| client.alive()) {
            return Ok((client, device));
        }
        slot.set_value(None);
        let url = self.urls.with_value(|urls| match tier {
            Tier::Cpu => urls.cpu.clone(),
            Tier::Gpu => urls.gpu.clone(),
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

    /// Ends a tier's worker: the next use starts a fresh one.
    pub(crate) fn end(self, tier: Tier) {
        self.slot(tier).set_value(None);
    }

    /// Asks the CPU worker one thing.
    ///
    /// # Errors
    /// The worker's.
    pub(crate) async fn ask_cpu(self, request: Request) -> Result<Event, RuntimeError> {
        let (client, _) = self.get(Tier::Cpu).await?;
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

    fn slot(self, tier: Tier) -> StoredValue<Option<(Client, DeviceReport)>, LocalStorage> {
        match tier {
            Tier::Cpu => self.cpu,
            Tier::Gpu => self.gpu,
        }
    }
}
