//! The studio's base network, whose files this site ships beside its workers.

use std::{cell::RefCell, sync::Arc};

use delea_model_runtime::{content::Digest, message::Bytes, studio::Base};

use super::blobs::{self, StoreError};
use crate::{
    config::Config,
    net::{Fetch, NetError},
};

/// What the site says of the base.
const BASE: &str = "/studio/base.json";
/// Milliseconds until it counts as missing.
const TIMEOUT_MS: u32 = 10_000;

thread_local! {
    static KNOWN: RefCell<Option<Arc<Base>>> = const { RefCell::new(None) };
}

/// Why this site has no studio.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum StudioError {
    /// Not served.
    #[error("{BASE} could not be loaded: {0}")]
    Missing(#[from] NetError),
    /// Served, but not readable.
    #[error("{BASE} is not readable: {0}")]
    Unreadable(String),
}

/// The base network.
///
/// # Errors
/// [`StudioError`].
pub(crate) async fn base() -> Result<Arc<Base>, StudioError> {
    if let Some(known) = KNOWN.with_borrow(Clone::clone) {
        return Ok(known);
    }
    let text = Fetch::get(BASE, TIMEOUT_MS).text().await?;
    let base: Base =
        serde_json::from_str(&text).map_err(|error| StudioError::Unreadable(error.to_string()))?;
    let base = Arc::new(base);
    KNOWN.set(Some(Arc::clone(&base)));
    Ok(base)
}

/// Where this site has a file of the base, if it does.
async fn own_url(wanted: Digest) -> Option<&'static str> {
    let base = base().await.ok()?;
    match wanted {
        _ if wanted == base.parameters => Some("/studio/base.safetensors"),
        _ if Some(wanted) == base.prior => Some("/studio/prior.safetensors"),
        _ => None,
    }
}

/// A base network's file for a worker: this site's own, or one that other sites have.
///
/// # Errors
/// [`StoreError`].
pub(crate) async fn file(config: &Config, wanted: Digest, what: &str) -> Result<Bytes, StoreError> {
    blobs::file_from(config, own_url(wanted).await, wanted, what).await
}

/// The known pictures that an adapter is trained beside.
///
/// # Errors
/// [`StoreError`].
pub(crate) async fn prior(config: &Config, wanted: Digest) -> Result<Vec<u8>, StoreError> {
    blobs::get_from(config, own_url(wanted).await, wanted, "the known pictures").await
}
