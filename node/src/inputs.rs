//! All that a training depends on, fetched by hash: the runtime, the model's manifest, its data, the
//! parameters it starts from.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use alloy::primitives::Address;
use delea_contracts_abi::{Model, bindings::jobs::IJobs, training_seed};
use delea_model_runtime::{
    content::Digest,
    inference::{self, Question},
    manifest::Manifest,
    message::{Floats, TrainJob},
};

use crate::{chain::Chain, config::Config, error::NodeError, exact::Runtime, store::Blobs};

/// What an inference's input is called.
pub(crate) const QUESTION: &str = "the question";

/// Chain, stores and runtime: what every command works with.
#[derive(Clone)]
pub(crate) struct Desk {
    /// The configuration.
    pub(crate) config: Config,
    /// The chain.
    pub(crate) chain: Chain,
    /// The stores.
    pub(crate) blobs: Blobs,
    /// The runtime of layers.
    pub(crate) runtime: Runtime,
    /// Others that were asked for: compiling one takes seconds.
    others: Arc<Mutex<HashMap<Digest, Runtime>>>,
}

impl Desk {
    /// Loads the runtime and brings all together.
    ///
    /// # Errors
    /// [`NodeError`] of whatever is missing.
    pub(crate) async fn open(config: Config, chain: Chain) -> Result<Self, NodeError> {
        let blobs = Blobs::open(&config)?.on(chain.clone());
        let wasm = match config.runtime.contains("://") {
            true => {
                let bad = |error: reqwest::Error| {
                    NodeError::Config(format!("{}: {error}", config.runtime))
                };
                let response = reqwest::get(&config.runtime).await;
                let response = response.and_then(reqwest::Response::error_for_status);
                response.map_err(bad)?.bytes().await.map_err(bad)?.to_vec()
            }
            false => read_file(&config.runtime)?,
        };
        let runtime = compile(wasm).await?;
        Ok(Self { config, chain, blobs, runtime, others: Arc::default() })
    }

    /// A model's manifest.
    ///
    /// # Errors
    /// [`NodeError`] of the chain, the stores, or the file itself.
    pub(crate) async fn manifest(&self, model: Address) -> Result<Manifest, NodeError> {
        let digest = self.chain.read(model, Model::manifestCall {}).await?;
        let bytes = self.blobs.get(Digest(digest.0), "the model's description").await?;
        Ok(Manifest::from_bytes(&bytes)?)
    }

    /// The runtime that a manifest asks for, with the base network if the model adapts one.
    ///
    /// # Errors
    /// [`NodeError::Missing`] if nobody has the one or the other.
    pub(crate) async fn runtime_of(&self, manifest: &Manifest) -> Result<Runtime, NodeError> {
        let runtime = self.named_runtime(manifest).await?;
        match manifest.spec.base() {
            Some(base) => Ok(runtime.on(self.blobs.get(base, "the base network").await?.into())),
            None => Ok(runtime),
        }
    }

    /// This node's own, or another version, or that of another kind of models, by its hash.
    async fn named_runtime(&self, manifest: &Manifest) -> Result<Runtime, NodeError> {
        let Some(digest) = manifest.runtime.filter(|digest| *digest != self.runtime.digest) else {
            return Ok(self.runtime.clone());
        };
        if let Some(known) = self.others.lock().ok().and_then(|all| all.get(&digest).cloned()) {
            return Ok(known);
        }
        let wasm = self.blobs.get(digest, "the runtime that the model was made for").await?;
        let runtime = compile(wasm).await?;
        if let Ok(mut all) = self.others.lock() {
            all.insert(digest, runtime.clone());
        }
        Ok(runtime)
    }

    /// This desk on behalf of another account.
    pub(crate) fn on(&self, chain: Chain) -> Self {
        Self { blobs: self.blobs.clone().on(chain.clone()), chain, ..self.clone() }
    }

    /// What an inference asks, once it has been seen to ask something of its model.
    ///
    /// # Errors
    /// [`NodeError`] of whatever cannot be had; [`NodeError::Runtime`] for a question that cannot be answered.
    pub(crate) async fn question(
        &self,
        job: &IJobs::Job,
        manifest: &Manifest,
    ) -> Result<Question, NodeError> {
        let bytes = self.blobs.get(Digest(job.input.0), QUESTION).await?;
        Ok(Question::from_bytes(&bytes, &manifest.spec, job.units)?)
    }

    /// The answer to an inference, made by the exact runtime.
    ///
    /// # Errors
    /// As [`Desk::question`], and those of the engine.
    pub(crate) async fn answer(&self, job: &IJobs::Job) -> Result<Vec<u8>, NodeError> {
        let manifest = self.manifest(job.model).await?;
        let question = self.question(job, &manifest).await?;
        self.answer_to(job.model, job.base, question).await
    }

    /// A version's answer to a question, made by the exact runtime.
    ///
    /// # Errors
    /// [`NodeError`] of whatever cannot be had, and those of the engine.
    pub(crate) async fn answer_to(
        &self,
        model: Address,
        base: u32,
        question: Question,
    ) -> Result<Vec<u8>, NodeError> {
        let manifest = self.manifest(model).await?;
        let runtime = self.runtime_of(&manifest).await?;
        let parameters = self.parameters(model, base).await?;
        let request = question.request(manifest.spec, parameters);
        blocking(move || Ok(inference::answer(runtime.open()?.ask(request)?)?)).await
    }

    /// The parameters of a version.
    async fn parameters(&self, model: Address, version: u32) -> Result<Vec<u8>, NodeError> {
        let base = self.chain.read(model, Model::versionCall { id: version }).await?;
        let parameters = Digest(base.parametersHash.0);
        self.blobs.get(parameters, "the parameters it starts from").await
    }

    /// A training job as the chain fixes it.
    ///
    /// # Errors
    /// [`NodeError`] of whatever cannot be had.
    pub(crate) async fn training(
        &self,
        id: u64,
        job: &IJobs::Job,
        manifest: &Manifest,
    ) -> Result<TrainJob, NodeError> {
        let seed = training_seed(self.chain.seed(id, job).await?);
        let parameters = self.parameters(job.model, job.base).await?;
        let dataset = self.blobs.get(manifest.dataset.digest, "the data set").await?;
        let mut config = manifest.training.clone();
        config.steps = job.units;
        Ok(TrainJob {
            job: format!("{id}"),
            spec: manifest.spec.clone(),
            config,
            seed,
            parameters: parameters.into(),
            dataset: dataset.into(),
            evaluate_every: 0,
            keep_leaves: true,
            segment: None,
            previews: Floats::default(),
        })
    }
}

fn read_file(path: &str) -> Result<Vec<u8>, NodeError> {
    let path = std::path::Path::new(path);
    std::fs::read(path).map_err(|e| NodeError::file(path, e))
}

async fn compile(wasm: Vec<u8>) -> Result<Runtime, NodeError> {
    blocking(move || Runtime::new(&wasm)).await
}

/// Runs what computes on a thread of its own.
///
/// # Errors
/// Those of `work`.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, NodeError> + Send + 'static,
) -> Result<T, NodeError> {
    tokio::task::spawn_blocking(work).await.map_err(|e| NodeError::Engine(e.to_string()))?
}
