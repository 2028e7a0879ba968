//! Blocks from any trustless gateway (<https://specs.ipfs.tech/http-gateways/trustless-gateway/>), several asked side by
//! side, each block checked; and to a Kubo node by its RPC (<https://docs.ipfs.tech/reference/kubo/rpc/>).

use std::{cell::RefCell, collections::HashMap};

use delea_model_runtime::{
    content::Digest,
    dag::{Assembly, Block, Cid, MAX_BLOCK, Tree, build, leaves},
};
use futures_util::{StreamExt, future::join_all, stream::FuturesUnordered};
use gloo_timers::future::TimeoutFuture;
use js_sys::{Array, Uint8Array};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use web_sys::{Blob, FormData};

use super::{
    blobs::{self, StoreError},
    files::{self, Origin, Writer},
    hash::{bytes_of, digest, digest_of},
};
use crate::{
    config::Config,
    net::{Fetch, NetError},
};

/// Milliseconds until a block is given up.
const BLOCK_MS: u32 = 30_000;
/// Milliseconds in which a source must begin to answer.
const ANSWER_MS: u32 = 10_000;
/// Milliseconds that a source has before the next one is asked too.
const STAGGER_MS: u32 = 800;
/// Blocks asked for at once.
const PARALLEL: usize = 6;

thread_local! {
    /// What the URLs of the source begin with that had a block last.
    static FAVOURITE: RefCell<String> = const { RefCell::new(String::new()) };
}

fn folder(url: &str) -> &str {
    url.rsplit_once('/').map_or(url, |(folder, _)| folder)
}

/// The file with a digest from whichever source has them first. `what` names them in messages.
///
/// # Errors
/// [`StoreError::NotFound`] if every source says so; else what the first source said that answered otherwise.
pub(crate) async fn race(
    sources: &[String],
    wanted: Digest,
    what: &str,
    timeout_ms: u32,
) -> Result<Blob, StoreError> {
    let mut sources = sources.to_vec();
    // The one that answered last is asked first.
    let favourite = FAVOURITE.with_borrow(Clone::clone);
    sources.sort_by_key(|source| folder(source) != favourite);
    let ask = |(place, source): (usize, String)| async move {
        TimeoutFuture::new(place as u32 * STAGGER_MS).await;
        let asked = Fetch::get(&source, timeout_ms);
        let file = match asked.file_if_begun(ANSWER_MS).await {
            Ok(file) => file,
            Err(NetError::Status { status: 404 | 410, .. }) => {
                return Err(StoreError::NotFound { what: what.to_owned() });
            }
            Err(reason) => return Err(StoreError::Fetch { what: what.to_owned(), reason }),
        };
        let found = digest_of(&file).await.ok_or_else(|| blobs::unread(what))?;
        wanted.matches(what, found)?;
        FAVOURITE.set(folder(&source).to_owned());
        Ok(file)
    };
    let mut asked: FuturesUnordered<_> = sources.into_iter().enumerate().map(ask).collect();
    let mut worst = StoreError::NotFound { what: what.to_owned() };
    while let Some(answer) = asked.next().await {
        match answer {
            Ok(file) => return Ok(file),
            Err(StoreError::NotFound { .. }) => {}
            Err(error) => worst = error,
        }
    }
    Err(worst)
}

/// A file by the CID of its tree, written to disk as its blocks come. Blocks that were read before the tab was closed are
/// not read again. Nothing if the tree is of another file than `wanted`.
///
/// # Errors
/// Those of [`race`], and what is wrong with the tree.
pub(crate) async fn file(
    config: &Config,
    root: Cid,
    wanted: Digest,
    what: &str,
) -> Result<Option<Blob>, StoreError> {
    let mut sink = Sink { hash: Sha256::new(), parts: Array::new(), writer: None };
    sink.writer = Writer::begin(wanted, Origin::Fetched).await;
    let mut kept = Vec::new();
    let read = read_tree(config, root, what, &mut sink, &mut kept).await;
    let Sink { hash, parts, writer } = sink;
    let is_wanted = Digest(hash.finalize().into()) == wanted;
    if read.is_err() || !is_wanted {
        if let Some(writer) = writer {
            writer.give_up().await;
        }
        return read.map(|()| None);
    }
    let file = match writer {
        Some(writer) => {
            writer.end().await;
            files::open(wanted).await.map(Blob::from)
        }
        None => Blob::new_with_u8_array_sequence(&parts).ok(),
    };
    join_all(kept.into_iter().map(files::remove)).await;
    file.map(Some).ok_or_else(|| blobs::unread(what))
}

/// Where a file's bytes go: to disk, or to memory where there is no disk.
struct Sink {
    hash: Sha256,
    parts: Array,
    writer: Option<Writer>,
}

impl Sink {
    async fn take(&mut self, bytes: &[u8]) -> bool {
        self.hash.update(bytes);
        match &self.writer {
            Some(writer) => writer.write(bytes).await,
            None => {
                self.parts.push(&Uint8Array::from(bytes));
                true
            }
        }
    }
}

async fn read_tree(
    config: &Config,
    root: Cid,
    what: &str,
    sink: &mut Sink,
    kept: &mut Vec<Digest>,
) -> Result<(), StoreError> {
    let mut assembly = Assembly::new(root);
    let mut ready: HashMap<Cid, Vec<u8>> = HashMap::new();
    loop {
        let wanted = assembly.wanted(PARALLEL);
        let Some(first) = wanted.first().copied() else { return Ok(()) };
        let missing = wanted.into_iter().filter(|cid| !ready.contains_key(cid));
        let fetched =
            join_all(missing.map(|cid| async move { (cid, block(config, cid, what).await) }));
        for (cid, bytes) in fetched.await {
            ready.insert(cid, bytes?);
            kept.push(cid.digest);
        }
        let bytes = ready.remove(&first).unwrap_or_default();
        // A file may have the same block twice.
        if assembly.wanted(PARALLEL)[1..].contains(&first) {
            ready.insert(first, bytes.clone());
        }
        if !sink.take(&assembly.take(&bytes)?).await {
            return Err(StoreError::NoRoom { what: what.to_owned() });
        }
    }
}

async fn block(config: &Config, cid: Cid, what: &str) -> Result<Vec<u8>, StoreError> {
    if let Some(bytes) = blobs::kept(cid.digest).await {
        return Ok(bytes);
    }
    let what = format!("a part of {what}");
    let file = race(&config.sources(&cid.to_string()), cid.digest, &what, BLOCK_MS).await?;
    blobs::keep_file(cid.digest, &file).await;
    bytes_of(&file).await.ok_or_else(|| blobs::unread(&what))
}

async fn tree(file: &[u8]) -> Tree {
    let mut digests = Vec::new();
    for range in leaves(file.len()) {
        digests.push(digest(&file[range]).await);
    }
    build(file.len(), &digests)
}

/// Stores a file's blocks in a Kubo node, pinned; the CID under which IPFS then has it.
///
/// # Errors
/// [`StoreError::Upload`] with what the node said.
pub(crate) async fn publish(kubo: &str, file: &[u8], what: &str) -> Result<Cid, StoreError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Put {
        key: String,
    }
    let refused = |reason: NetError| StoreError::Upload { what: what.to_owned(), reason };
    let odd = |text: &str| refused(NetError::Unreachable(text.to_owned()));
    let kubo = kubo.trim_end_matches('/');
    let Tree { root, blocks } = tree(file).await;
    for (cid, block) in blocks {
        let (codec, bytes) = match &block {
            Block::Leaf(range) => ("raw", &file[range.clone()]),
            Block::Node(bytes) => ("dag-pb", &bytes[..]),
        };
        debug_assert!(bytes.len() <= MAX_BLOCK);
        let form = FormData::new().map_err(|_| odd("the browser makes no form"))?;
        let blob = Blob::new_with_u8_array_sequence(&Array::of1(&Uint8Array::from(bytes)));
        let blob = blob.map_err(|_| odd("the browser makes no file"))?;
        form.append_with_blob("data", &blob).map_err(|_| odd("the browser fills no form"))?;
        let url = format!("{kubo}/api/v0/block/put?cid-codec={codec}&mhtype=sha2-256&pin=true");
        let sent = Fetch {
            method: "POST",
            url: &url,
            body: Some(form.into()),
            content_type: None,
            timeout_ms: BLOCK_MS,
        };
        let text = sent.text().await.map_err(refused)?;
        let answer: Put =
            serde_json::from_str(&text).map_err(|_| odd("the node’s answer cannot be read"))?;
        if Cid::parse(&answer.key) != Some(cid) {
            return Err(odd(&format!("the node calls a part {}, not {cid}", answer.key)));
        }
    }
    Ok(root)
}
