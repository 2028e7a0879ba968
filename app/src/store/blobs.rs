//! Blobs by content address: from this browser's cache, else from the store, checked either way.

use delea_model_runtime::{RuntimeError, content::Digest};
use gloo_timers::future::TimeoutFuture;
use js_sys::{ArrayBuffer, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Cache, Response};

use super::{
    dag::{Cid, Codec},
    hash::digest,
    ipfs,
    onchain::{self, Found},
};
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

/// A blob that was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stored {
    /// Its digest.
    pub(crate) digest: Digest,
    /// The CID under which IPFS has it, where that is another than its own.
    pub(crate) tree: Option<Cid>,
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
    let sources = config.sources(&wanted.cid());
    let error = match ipfs::race(&sources, wanted, what, TIMEOUT_MS).await {
        Ok(bytes) => {
            keep(wanted, &bytes).await;
            return Ok(bytes);
        }
        Err(error) => error,
    };
    // Else the chain has it, or says under which CID IPFS has it.
    let bytes = match onchain::get(config, wanted).await {
        Ok(Some(Found::File(bytes))) => bytes,
        Ok(Some(Found::Trees(roots))) => {
            let mut whole = Err(error);
            for root in roots {
                match ipfs::file(config, root, what).await {
                    Ok(bytes) if digest(&bytes).await == wanted => {
                        whole = Ok(bytes);
                        break;
                    }
                    // Anybody can say anything of any file.
                    Ok(_) => {}
                    Err(other) => whole = Err(other),
                }
            }
            whole?
        }
        // The store's error says more than the chain's; it may do better another time.
        Ok(None) | Err(_) => again(&sources, wanted, what, error).await?,
    };
    keep(wanted, &bytes).await;
    Ok(bytes)
}

/// Further tries after one that failed.
async fn again(
    sources: &[String],
    wanted: Digest,
    what: &str,
    mut error: StoreError,
) -> Result<Vec<u8>, StoreError> {
    let mut pause = PAUSE_MS;
    for _ in 1..TRIES {
        // What no source has now, none will have in a second.
        if matches!(error, StoreError::NotFound { .. }) {
            break;
        }
        TimeoutFuture::new(pause).await;
        pause *= 2;
        match ipfs::race(sources, wanted, what, TIMEOUT_MS).await {
            Ok(bytes) => return Ok(bytes),
            Err(other) => error = other,
        }
    }
    Err(error)
}

/// Stores a blob, here and in the stores there are.
pub(crate) async fn put(config: &Config, bytes: &[u8], what: &str) -> Result<Stored, StoreError> {
    let digest = digest(bytes).await;
    keep(digest, bytes).await;
    let root = match &config.kubo_url {
        Some(kubo) => Some(ipfs::publish(kubo, bytes, what).await?),
        None => None,
    };
    let stored = Stored { digest, tree: root.filter(|root| root.codec == Codec::DagPb) };
    if config.upload_url.is_empty() {
        return Ok(stored);
    }
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
            Ok(_) => return Ok(stored),
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
    Ok(stored)
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
