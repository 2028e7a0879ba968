//! Blobs by content address: a folder of this machine before the stores of the network, checked either
//! way.

use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use alloy::primitives::B256;
use delea_model_runtime::{
    content::Digest,
    dag::{Assembly, Cid, Codec, MAX_BLOCK},
    limits::MAX_PARAMETERS_BYTES,
};
use tracing::{debug, warn};

use crate::{chain::Chain, config::Config, error::NodeError};

/// Where blobs are read and written.
#[derive(Debug, Clone)]
pub(crate) struct Blobs {
    folder: PathBuf,
    content: Vec<String>,
    upload: String,
    client: reqwest::Client,
    /// Where it is told under which CIDs IPFS has large files.
    chain: Option<Chain>,
}

impl Blobs {
    /// The stores of a configuration.
    ///
    /// # Errors
    /// [`NodeError::File`] if the folder cannot be made.
    pub(crate) fn open(config: &Config) -> Result<Self, NodeError> {
        let folder = config.data.join("blobs");
        std::fs::create_dir_all(&folder).map_err(|e| NodeError::file(&folder, e))?;
        let client = reqwest::Client::builder()
            .connect_timeout(std::time::Duration::from_secs(10))
            .timeout(std::time::Duration::from_secs(150))
            .build()
            .map_err(|error| NodeError::Config(error.to_string()))?;
        let (content, upload) = (config.content.clone(), config.upload.clone());
        Ok(Self { folder, content, upload, client, chain: None })
    }

    /// The same, with what a chain says of files.
    pub(crate) fn on(self, chain: Chain) -> Self {
        Self { chain: Some(chain), ..self }
    }

    /// The folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// A blob of this machine, if it is whole.
    pub(crate) fn local(&self, digest: Digest) -> Option<Vec<u8>> {
        let bytes = std::fs::read(self.folder.join(digest.cid())).ok()?;
        (Digest::of(&bytes) == digest).then_some(bytes)
    }

    /// Keeps a blob on this machine.
    ///
    /// # Errors
    /// [`NodeError::File`].
    pub(crate) fn keep(&self, digest: Digest, bytes: &[u8]) -> Result<(), NodeError> {
        write_whole(&self.folder.join(digest.cid()), bytes)
    }

    /// A blob from wherever it is. `what` names it in messages.
    ///
    /// # Errors
    /// [`NodeError::Missing`] if nobody has it whole.
    pub(crate) async fn get(&self, digest: Digest, what: &str) -> Result<Vec<u8>, NodeError> {
        if let Some(bytes) = self.local(digest) {
            return Ok(bytes);
        }
        let cid = Cid { codec: Codec::Raw, digest };
        let found = match self.block(cid, what, MAX_PARAMETERS_BYTES).await {
            Some(bytes) => Some(bytes),
            None => self.elsewhere(digest, what).await?,
        };
        let missing = || NodeError::Missing { what: what.to_owned(), cid: digest.cid() };
        let bytes = found.ok_or_else(missing)?;
        self.keep(digest, &bytes)?;
        Ok(bytes)
    }

    /// A block from the first store that has it whole.
    async fn block(&self, cid: Cid, what: &str, most: u64) -> Option<Vec<u8>> {
        for base in &self.content {
            match self.fetch(&format!("{base}{cid}?format=raw"), most).await {
                Ok(Some(bytes)) if Digest::of(&bytes) == cid.digest => return Some(bytes),
                Ok(Some(bytes)) => warn!(
                    %base, what, found = %Digest::of(&bytes).cid(), wanted = %cid,
                    "a store sent other bytes than asked for"
                ),
                Ok(None) => debug!(%base, what, "not there"),
                Err(error) => warn!(%base, what, %error, "a store did not answer"),
            }
        }
        None
    }

    /// A file that the chain has, or of which it says under which CID IPFS has it.
    async fn elsewhere(&self, digest: Digest, what: &str) -> Result<Option<Vec<u8>>, NodeError> {
        let Some(chain) = &self.chain else { return Ok(None) };
        for stored in chain.stored(B256::from(digest.0)).await? {
            if Digest::of(&stored) == digest {
                return Ok(Some(stored));
            }
            let Some(root) = Cid::from_bytes(&stored) else { continue };
            match self.tree(root, what).await {
                Ok(Some(bytes)) if Digest::of(&bytes) == digest => return Ok(Some(bytes)),
                Ok(_) => debug!(%root, what, "not there, or another file"),
                // Anybody can say anything of any file.
                Err(error) => warn!(%root, what, %error, "a tree cannot be read"),
            }
        }
        Ok(None)
    }

    /// A file by the CID of its tree, if all its blocks are somewhere.
    async fn tree(&self, root: Cid, what: &str) -> Result<Option<Vec<u8>>, NodeError> {
        let (mut assembly, mut whole) = (Assembly::new(root), Vec::new());
        while let Some(cid) = assembly.wanted(1).first().copied() {
            let Some(block) = self.block(cid, what, MAX_BLOCK as u64).await else {
                return Ok(None);
            };
            whole.extend_from_slice(&assembly.take(&block)?);
        }
        Ok(Some(whole))
    }

    async fn fetch(&self, url: &str, most: u64) -> Result<Option<Vec<u8>>, reqwest::Error> {
        let mut response = self.client.get(url).send().await?;
        if !response.status().is_success() {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        while let Some(part) = response.chunk().await? {
            bytes.extend_from_slice(&part);
            if bytes.len() as u64 > most {
                return Ok(None);
            }
        }
        Ok(Some(bytes))
    }

    /// Keeps a blob here and puts it into the network's store; its digest.
    ///
    /// # Errors
    /// [`NodeError::Upload`] with the store's reason.
    pub(crate) async fn publish(&self, bytes: Vec<u8>, what: &str) -> Result<Digest, NodeError> {
        let digest = Digest::of(&bytes);
        self.keep(digest, &bytes)?;
        let url = format!("{}/{}", self.upload, digest.cid());
        let failed =
            |reason: String| NodeError::Upload { what: what.to_owned(), url: url.clone(), reason };
        let sent = self.client.put(&url).body(bytes).send().await;
        let sent = sent.map_err(|error| failed(error.to_string()))?;
        match sent.status().is_success() {
            true => Ok(digest),
            false => Err(failed(sent.status().to_string())),
        }
    }
}

/// Writes a file so that a kill leaves either the old one or the new one.
///
/// # Errors
/// [`NodeError::File`].
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), NodeError> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let part = path.with_extension(format!("{}-{number}.part", std::process::id()));
    std::fs::write(&part, bytes).map_err(|e| NodeError::file(&part, e))?;
    std::fs::rename(&part, path).map_err(|e| NodeError::file(path, e))
}
