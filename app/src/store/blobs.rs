//! Blobs by content address: from this browser's cache, else from the store, checked either way.

use delea_model_runtime::{RuntimeError, content::Digest};
use gloo_timers::future::TimeoutFuture;
use js_sys::{ArrayBuffer, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Cache, Response};

use super::{hash::digest, onchain};
use crate::{
    config::Config,
    net::{Fetch, NetError},
};

/// Name of the Cache API store; another format of entries would get another name.
const CACHE: &str = "delea-blobs-1";
/// Milliseconds until a download or upload is given up: 128 MiB at 1 MB/s.
const TIMEOUT_MS: u32 = 150_000;
/// Tries of a download or upload.
const TRIES: u32 = 3;
/// Milliseconds before the second try; doubled for each further one.
const PAUSE_MS: u32 = 600;

/// Why a blob could not be had or kept.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum StoreError {
    /// The store does not have it.
    #[error("the content store does not have {what}")]
    NotFound {
        /// What was asked for.
        what: String,
    },
    /// The store did not answer well.
    #[error("{what} could not be fetched: {reason}")]
    Fetch {
        /// What was asked for.
        what: String,
        /// Why.
        reason: NetError,
    },
    /// The bytes are other ones.
    #[error(transparent)]
    WrongBytes(#[from] RuntimeError),
    /// The store refused a new blob for its size.
    #[error("the content store does not accept anything as large as {what}")]
    TooLarge {
        /// What was sent.
        what: String,
    },
    /// The store refused a new blob.
    #[error("{what} could not be stored: {reason}")]
    Upload {
        /// What was sent.
        what: String,
        /// Why.
        reason: NetError,
    },
}

/// A blob: from the cache, the content store, or the chain itself. `what` names it in messages.
pub(crate) async fn get(
    config: &Config,
    wanted: Digest,
    what: &str,
) -> Result<Vec<u8>, StoreError> {
    if let Some(bytes) = cached(wanted).await {
        return Ok(bytes);
    }
    match fetch(config, wanted, what).await {
        Ok(bytes) => Ok(bytes),
        // The store's error says more than the chain's.
        Err(error) => match onchain::get(config, wanted).await {
            Ok(Some(bytes)) => {
                keep(wanted, &bytes).await;
                Ok(bytes)
            }
            Ok(None) | Err(_) => Err(error),
        },
    }
}

/// A blob from the content store, kept for later.
async fn fetch(config: &Config, wanted: Digest, what: &str) -> Result<Vec<u8>, StoreError> {
    let url = config.content(&wanted.cid());
    let mut pause = PAUSE_MS;
    for attempt in 1.. {
        let error = match Fetch::get(&url, TIMEOUT_MS).bytes().await {
            Ok(bytes) if digest(&bytes).await == wanted => {
                keep(wanted, &bytes).await;
                return Ok(bytes);
            }
            // Hashes again only to word the error.
            Ok(bytes) => match wanted.check(what, &bytes) {
                Err(error) => StoreError::WrongBytes(error),
                Ok(()) => return Ok(bytes),
            },
            Err(NetError::Status { status: 404 | 410, .. }) => {
                return Err(StoreError::NotFound { what: what.to_owned() });
            }
            Err(reason) => StoreError::Fetch { what: what.to_owned(), reason },
        };
        if attempt == TRIES {
            return Err(error);
        }
        TimeoutFuture::new(pause).await;
        pause *= 2;
    }
    Err(StoreError::NotFound { what: what.to_owned() })
}

/// Stores a blob, here and in the store; its digest.
pub(crate) async fn put(config: &Config, bytes: &[u8], what: &str) -> Result<Digest, StoreError> {
    let digest = digest(bytes).await;
    keep(digest, bytes).await;
    let url = config.upload(&digest.cid());
    let mut pause = PAUSE_MS;
    for attempt in 1.. {
        let sent = Fetch {
            method: "PUT",
            url: &url,
            body: Some(Uint8Array::from(bytes).into()),
            content_type: Some("application/octet-stream"),
            timeout_ms: TIMEOUT_MS,
        };
        let reason = match sent.bytes().await {
            Ok(_) => return Ok(digest),
            Err(NetError::Status { status: 413, .. }) => {
                return Err(StoreError::TooLarge { what: what.to_owned() });
            }
            Err(reason) => reason,
        };
        // Another 4xx is the store's considered answer; asking again would not change it.
        let final_answer = matches!(reason, NetError::Status { status: 400..500, .. });
        if final_answer || attempt == TRIES {
            return Err(StoreError::Upload { what: what.to_owned(), reason });
        }
        TimeoutFuture::new(pause).await;
        pause *= 2;
    }
    Ok(digest)
}

/// A blob of this browser's cache, if it is there and still whole.
pub(crate) async fn cached(wanted: Digest) -> Option<Vec<u8>> {
    let cache = open().await?;
    let found = JsFuture::from(cache.match_with_str(&key(wanted))).await.ok()?;
    let response: Response = found.dyn_into().ok()?;
    let buffer: ArrayBuffer =
        JsFuture::from(response.array_buffer().ok()?).await.ok()?.unchecked_into();
    let bytes = Uint8Array::new(&buffer).to_vec();
    if digest(&bytes).await == wanted {
        return Some(bytes);
    }
    forget(wanted).await;
    None
}

/// Keeps a blob in this browser. Whether it was kept.
pub(crate) async fn keep(digest: Digest, bytes: &[u8]) -> bool {
    let Some(cache) = open().await else { return false };
    let body = Uint8Array::from(bytes);
    let Ok(response) = Response::new_with_opt_js_u8_array(Some(&body)) else { return false };
    JsFuture::from(cache.put_with_str(&key(digest), &response)).await.is_ok()
}

/// Drops a blob of this browser's cache.
pub(crate) async fn forget(digest: Digest) {
    if let Some(cache) = open().await {
        let _ = JsFuture::from(cache.delete_with_str(&key(digest))).await;
    }
}

/// Drops all cached blobs.
pub(crate) async fn forget_all() {
    if let Some(caches) = web_sys::window().and_then(|w| w.caches().ok()) {
        let _ = JsFuture::from(caches.delete(CACHE)).await;
    }
}

fn key(digest: Digest) -> String {
    format!("/blob/{}", digest.cid())
}

async fn open() -> Option<Cache> {
    let caches: JsValue = web_sys::window()?.caches().ok()?.into();
    // Undefined on insecure origins, where the browser offers no cache.
    if caches.is_undefined() {
        return None;
    }
    let caches: web_sys::CacheStorage = caches.unchecked_into();
    JsFuture::from(caches.open(CACHE)).await.ok()?.dyn_into().ok()
}
