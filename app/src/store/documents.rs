//! Manifests and data set previews, read once and shared by every page that shows them.

use std::{cell::RefCell, collections::HashMap, sync::Arc};

use delea_model_runtime::{content::Digest, manifest::Manifest};

use super::{
    blobs::{self, StoreError},
    preview::Preview,
};
use crate::config::Config;

thread_local! {
    static MANIFESTS: RefCell<HashMap<Digest, Arc<Manifest>>> = RefCell::default();
    static PREVIEWS: RefCell<HashMap<Digest, Arc<Preview>>> = RefCell::default();
}

/// A model's description.
pub(crate) async fn manifest(config: &Config, digest: Digest) -> Result<Arc<Manifest>, StoreError> {
    if let Some(known) = MANIFESTS.with_borrow(|known| known.get(&digest).cloned()) {
        return Ok(known);
    }
    let bytes = blobs::get(config, digest, "the model's description").await?;
    let manifest = Arc::new(Manifest::from_bytes(&bytes)?);
    MANIFESTS.with_borrow_mut(|known| known.insert(digest, Arc::clone(&manifest)));
    Ok(manifest)
}

/// Some examples of a data set, and its figures.
pub(crate) async fn preview(config: &Config, digest: Digest) -> Result<Arc<Preview>, StoreError> {
    if let Some(known) = PREVIEWS.with_borrow(|known| known.get(&digest).cloned()) {
        return Ok(known);
    }
    let bytes = blobs::get(config, digest, "the data set").await?;
    let preview = Arc::new(Preview::read(&bytes)?);
    PREVIEWS.with_borrow_mut(|known| known.insert(digest, Arc::clone(&preview)));
    Ok(preview)
}
