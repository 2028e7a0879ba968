//! Blobs by content address: from this browser's files, else from the stores there are, checked either way.

use delea_model_runtime::{
    RuntimeError,
    content::Digest,
    dag::{Cid, Codec},
    message::Bytes,
};
use gloo_timers::future::TimeoutFuture;
use js_sys::{Array, Uint8Array};
use web_sys::Blob;

use super::{
    files::{self, Origin, Writer},
    hash::{bytes_of, digest},
    ipfs,
    onchain::{self, Found},
};
use crate::{
    config::Config,
    net::{Fetch, NetError},
};

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
    /// There is no room on this device.
    #[error("{what} does not fit this browser's storage; free some space on the account page")]
    NoRoom {
        /// What was to be kept.
        what: String,
    },
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

/// A blob: from this browser's files, the content stores, or the chain itself. `what` names it in messages.
pub(crate) async fn get(
    config: &Config,
    wanted: Digest,
    what: &str,
) -> Result<Vec<u8>, StoreError> {
    get_from(config, None, wanted, what).await
}

/// [`get`], from `first` before any other source.
pub(crate) async fn get_from(
    config: &Config,
    first: Option<&str>,
    wanted: Digest,
    what: &str,
) -> Result<Vec<u8>, StoreError> {
    if let Some(bytes) = kept(wanted).await {
        return Ok(bytes);
    }
    bytes_of(&fetch(config, first, wanted, what).await?).await.ok_or_else(|| unread(what))
}

/// A blob for a worker, which reads and checks it: this page never holds it.
pub(crate) async fn file(config: &Config, wanted: Digest, what: &str) -> Result<Bytes, StoreError> {
    file_from(config, None, wanted, what).await
}

/// [`file`], from `first` before any other source.
pub(crate) async fn file_from(
    config: &Config,
    first: Option<&str>,
    wanted: Digest,
    what: &str,
) -> Result<Bytes, StoreError> {
    let file = match files::open(wanted).await {
        Some(file) => file.into(),
        None => fetch(config, first, wanted, what).await?,
    };
    Ok(Bytes::of_file(file, Some(wanted)))
}

/// The error for a file that went away while it was read.
pub(crate) fn unread(what: &str) -> StoreError {
    let reason = NetError::Unreachable("the browser cannot read it any more".to_owned());
    StoreError::Fetch { what: what.to_owned(), reason }
}

async fn fetch(
    config: &Config,
    first: Option<&str>,
    wanted: Digest,
    what: &str,
) -> Result<Blob, StoreError> {
    let mut sources = config.sources(&wanted.cid());
    sources.splice(0..0, first.map(str::to_owned));
    let error = match ipfs::race(&sources, wanted, what, TIMEOUT_MS).await {
        Ok(file) => return Ok(keep_file(wanted, &file).await.unwrap_or(file)),
        Err(error) => error,
    };
    // Else the chain has it, or says under which CID IPFS has it.
    match onchain::get(config, wanted).await {
        Ok(Some(Found::File(bytes))) => {
            keep(wanted, &bytes, Origin::Fetched).await;
            let parts = Array::of1(&Uint8Array::from(&bytes[..]));
            Blob::new_with_u8_array_sequence(&parts).map_err(|_| unread(what))
        }
        Ok(Some(Found::Trees(roots))) => {
            let mut worst = error;
            for root in roots {
                match ipfs::file(config, root, wanted, what).await {
                    Ok(Some(file)) => return Ok(file),
                    // Anybody can say anything of any file.
                    Ok(None) => {}
                    Err(other) => worst = other,
                }
            }
            Err(worst)
        }
        // The store's error says more than the chain's; it may do better another time.
        Ok(None) | Err(_) => {
            let file = again(&sources, wanted, what, error).await?;
            Ok(keep_file(wanted, &file).await.unwrap_or(file))
        }
    }
}

/// Further tries after one that failed.
async fn again(
    sources: &[String],
    wanted: Digest,
    what: &str,
    mut error: StoreError,
) -> Result<Blob, StoreError> {
    let mut pause = PAUSE_MS;
    for _ in 1..TRIES {
        // What no source has now, none will have in a second.
        if matches!(error, StoreError::NotFound { .. }) {
            break;
        }
        TimeoutFuture::new(pause).await;
        pause *= 2;
        match ipfs::race(sources, wanted, what, TIMEOUT_MS).await {
            Ok(file) => return Ok(file),
            Err(other) => error = other,
        }
    }
    Err(error)
}

/// Stores a blob in the stores there are, and here. What others have is here as if it had been fetched.
pub(crate) async fn put(config: &Config, bytes: &[u8], what: &str) -> Result<Stored, StoreError> {
    let digest = digest(bytes).await;
    let stored = store(config, digest, bytes, what).await?;
    if config.kubo_url.is_none() && config.upload_url.is_empty() {
        keep(digest, bytes, Origin::Own).await;
    } else if keep(digest, bytes, Origin::Fetched).await {
        files::let_go(digest).await;
    }
    Ok(stored)
}

async fn store(
    config: &Config,
    digest: Digest,
    bytes: &[u8],
    what: &str,
) -> Result<Stored, StoreError> {
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

/// A blob of this browser's files, if it is there and still whole.
pub(crate) async fn kept(wanted: Digest) -> Option<Vec<u8>> {
    let bytes = bytes_of(&files::open(wanted).await?.into()).await?;
    if digest(&bytes).await == wanted {
        return Some(bytes);
    }
    files::remove(wanted).await;
    None
}

/// Keeps a blob in this browser. Whether it was kept.
pub(crate) async fn keep(digest: Digest, bytes: &[u8], origin: Origin) -> bool {
    let Some(writer) = Writer::begin(digest, origin).await else { return false };
    match writer.write(bytes).await {
        true => writer.end().await,
        false => {
            writer.give_up().await;
            false
        }
    }
}

/// Keeps a blob that was fetched; the file that it now is.
pub(crate) async fn keep_file(digest: Digest, file: &Blob) -> Option<Blob> {
    let writer = Writer::begin(digest, Origin::Fetched).await?;
    if !writer.write_file(file).await {
        writer.give_up().await;
        return None;
    }
    writer.end().await;
    Some(files::open(digest).await?.into())
}
