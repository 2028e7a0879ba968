//! Blobs by content address: a folder of this machine before the stores of the network, checked either
//! way.

use std::path::{Path, PathBuf};

use delea_model_runtime::{content::Digest, limits::MAX_FILE_BYTES};
use tracing::{debug, warn};

use crate::{config::Config, error::NodeError};

/// Where blobs are read and written.
#[derive(Debug, Clone)]
pub(crate) struct Blobs {
    folder: PathBuf,
    content: Vec<String>,
    upload: String,
    client: reqwest::Client,
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
        Ok(Self { folder, content: config.content.clone(), upload: config.upload.clone(), client })
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
        let cid = digest.cid();
        for base in &self.content {
            match self.fetch(&format!("{base}{cid}")).await {
                Ok(Some(bytes)) if Digest::of(&bytes) == digest => {
                    self.keep(digest, &bytes)?;
                    return Ok(bytes);
                }
                Ok(Some(bytes)) => warn!(
                    %base, what, found = %Digest::of(&bytes).cid(), wanted = %cid,
                    "a store sent other bytes than asked for"
                ),
                Ok(None) => debug!(%base, what, "not there"),
                Err(error) => warn!(%base, what, %error, "a store did not answer"),
            }
        }
        Err(NodeError::Missing { what: what.to_owned(), cid })
    }

    async fn fetch(&self, url: &str) -> Result<Option<Vec<u8>>, reqwest::Error> {
        let mut response = self.client.get(url).send().await?;
        if !response.status().is_success() {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        while let Some(part) = response.chunk().await? {
            bytes.extend_from_slice(&part);
            if bytes.len() as u64 > MAX_FILE_BYTES {
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
    let part = path.with_extension(format!("{}.part", std::process::id()));
    std::fs::write(&part, bytes).map_err(|e| NodeError::file(&part, e))?;
    std::fs::rename(&part, path).map_err(|e| NodeError::file(path, e))
}
