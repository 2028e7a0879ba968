//! What a model is, off chain: one JSON blob, addressed by the digest that its contract stores.

use serde::{Deserialize, Serialize};

use crate::{RuntimeError, content::Digest, limits, spec::ModelSpec};

/// A manifest in its file, whose `format` says which kind it is.
#[derive(Serialize, Deserialize)]
#[serde(tag = "format")]
enum Format<M> {
    #[serde(rename = "delea-model-1")]
    One(M),
}

/// A model's description, spec, data set and training recipe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Title shown on cards.
    pub name: String,
    /// One or two sentences for a newcomer.
    pub description: String,
    /// The network.
    pub spec: ModelSpec,
    /// The data set that trainings use and are measured on.
    pub dataset: DatasetReference,
    /// How a training step is done.
    pub training: TrainingConfig,
    /// Digest of the exact runtime that the model was made for: the CPU worker's wasm. Its jobs name the
    /// manifest, and so the runtime.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime: Option<Digest>,
}

/// A data set by its digest, with what a page says about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatasetReference {
    /// Digest of the data set file (see [`crate::dataset`]).
    pub digest: Digest,
    /// Its name.
    pub name: String,
    /// Its licence, as an SPDX identifier or in words.
    pub licence: String,
    /// Who made it.
    pub attribution: String,
}

/// Everything that a training step depends on besides spec, parameters, data and seed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingConfig {
    /// How gradients change parameters.
    pub optimizer: Optimizer,
    /// Learning rate.
    pub learning_rate: f32,
    /// Examples a step.
    pub batch_size: usize,
    /// Steps offered to a trainer by default.
    pub steps: u32,
}

/// Optimisers, with their papers' symbols.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Optimizer {
    /// Adam (Kingma and Ba 2015, arXiv 1412.6980), with decoupled weight decay
    /// (Loshchilov and Hutter 2019, arXiv 1711.05101) when it is not zero.
    Adam {
        /// Decay of the first moment.
        #[serde(default = "beta1")]
        beta1: f32,
        /// Decay of the second moment.
        #[serde(default = "beta2")]
        beta2: f32,
        /// Decoupled weight decay.
        #[serde(default)]
        weight_decay: f32,
    },
    /// Stochastic gradient descent with classical momentum.
    Sgd {
        /// Momentum.
        #[serde(default)]
        momentum: f32,
    },
}

fn beta1() -> f32 {
    0.9
}

fn beta2() -> f32 {
    0.999
}

impl Default for Optimizer {
    fn default() -> Self {
        Self::Adam { beta1: beta1(), beta2: beta2(), weight_decay: 0.0 }
    }
}

impl TrainingConfig {
    /// Errors if a setting is outside its bounds.
    pub fn validate(&self) -> Result<(), RuntimeError> {
        let unit = |name: &str, value: f32| match (0.0..1.0).contains(&value) {
            true => Ok(()),
            false => Err(RuntimeError::bounds(name, value, "at least 0 and below 1")),
        };
        match self.optimizer {
            Optimizer::Adam { beta1, beta2, weight_decay } => {
                unit("beta1", beta1)?;
                unit("beta2", beta2)?;
                unit("weight decay", weight_decay)?;
            }
            Optimizer::Sgd { momentum } => unit("momentum", momentum)?,
        }
        if !(self.learning_rate > 0.0 && self.learning_rate <= 10.0) {
            return Err(RuntimeError::bounds(
                "learning rate",
                self.learning_rate,
                "above 0, at most 10",
            ));
        }
        if self.batch_size == 0 || self.batch_size > limits::MAX_BATCH {
            let expected = format!("1 to {}", limits::MAX_BATCH);
            return Err(RuntimeError::bounds("batch size", self.batch_size, expected));
        }
        if self.steps == 0 || self.steps > limits::MAX_STEPS {
            let expected = format!("1 to {}", limits::MAX_STEPS);
            return Err(RuntimeError::bounds("steps", self.steps, expected));
        }
        Ok(())
    }
}

impl Manifest {
    /// Parses and validates a manifest.
    ///
    /// # Errors
    /// [`RuntimeError::BadFile`] for what is no manifest, else the first setting out of bounds.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RuntimeError> {
        let Format::One(manifest): Format<Self> = serde_json::from_slice(bytes)
            .map_err(|error| RuntimeError::file("model manifest", error.to_string()))?;
        manifest.spec.validate()?;
        manifest.training.validate()?;
        manifest.spec.check_memory(manifest.training.batch_size)?;
        Ok(manifest)
    }

    /// The bytes that are published and hashed.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(&Format::One(self)).unwrap_or_default()
    }
}
