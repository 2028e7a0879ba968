//! Manifests and data set previews, read once and shared by every page that shows them.

use std::{cell::RefCell, collections::HashMap, sync::Arc, thread::LocalKey};

use delea_model_runtime::{RuntimeError, content::Digest, manifest::Manifest, spec::Task};
use serde::Deserialize;

use super::{
    blobs::{self, StoreError},
    preview::Preview,
};
use crate::config::Config;

/// How messages name a manifest.
const DESCRIPTION: &str = "the model's description";

type Known<T> = RefCell<HashMap<Digest, Arc<T>>>;

thread_local! {
    static CARDS: Known<Card> = RefCell::default();
    static MANIFESTS: Known<Manifest> = RefCell::default();
    static PREVIEWS: Known<Preview> = RefCell::default();
}

/// What a card shows of a manifest. Whoever only looks at cards needs no code that reads networks.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Card {
    /// As [`Manifest::description`].
    pub(crate) description: String,
    spec: CardSpec,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct CardSpec {
    task: Task,
}

impl Card {
    fn read(bytes: &[u8]) -> Result<Self, RuntimeError> {
        serde_json::from_slice(bytes)
            .map_err(|error| RuntimeError::file("model manifest", error.to_string()))
    }

    /// What the model's output means.
    pub(crate) fn task(&self) -> &Task {
        &self.spec.task
    }
}

/// What a card shows of a model's description.
pub(crate) async fn card(config: &Config, digest: Digest) -> Result<Arc<Card>, StoreError> {
    once(&CARDS, config, digest, DESCRIPTION, Card::read).await
}

/// A model's description.
pub(crate) async fn manifest(config: &Config, digest: Digest) -> Result<Arc<Manifest>, StoreError> {
    once(&MANIFESTS, config, digest, DESCRIPTION, Manifest::from_bytes).await
}

/// Some examples of a data set, and its figures.
pub(crate) async fn preview(config: &Config, digest: Digest) -> Result<Arc<Preview>, StoreError> {
    once(&PREVIEWS, config, digest, "the data set", Preview::read).await
}

async fn once<T>(
    known: &'static LocalKey<Known<T>>,
    config: &Config,
    digest: Digest,
    what: &str,
    read: fn(&[u8]) -> Result<T, RuntimeError>,
) -> Result<Arc<T>, StoreError> {
    if let Some(found) = known.with_borrow(|known| known.get(&digest).cloned()) {
        return Ok(found);
    }
    let found = Arc::new(read(&blobs::get(config, digest, what).await?)?);
    known.with_borrow_mut(|known| known.insert(digest, Arc::clone(&found)));
    Ok(found)
}

#[cfg(test)]
mod tests {
    use delea_model_runtime::{
        manifest::{DatasetReference, TrainingConfig},
        spec::{Body, LayerSpec, ModelSpec, Shape},
    };

    use super::*;

    #[test]
    fn a_card_says_what_the_manifest_says() {
        let manifest = Manifest {
            name: "Sum".into(),
            description: "Adds what it is given.".into(),
            spec: ModelSpec {
                input: Shape::Features { size: 2 },
                body: Body::Layers(vec![LayerSpec::Dense { units: 1 }]),
                task: Task::Regression { outputs: vec!["sum".into()] },
            },
            dataset: DatasetReference {
                digest: Digest::of(b""),
                name: "Sums".into(),
                licence: "CC0-1.0".into(),
                attribution: "nobody".into(),
            },
            training: TrainingConfig {
                optimizer: Default::default(),
                learning_rate: 0.01,
                batch_size: 8,
                steps: 10,
            },
            runtime: None,
        };
        let card = Card::read(&manifest.to_bytes()).unwrap();
        assert_eq!(card.description, manifest.description);
        assert_eq!(card.task(), &manifest.spec.task);
        let error = Card::read(b"{}").unwrap_err().to_string();
        assert!(error.contains("description"), "{error}");
    }
}
