//! Where the node works: a site's `/delea.json`, a file, flags and the environment, the later over the
//! earlier.

use std::path::{Path, PathBuf};

use alloy::{
    primitives::{Address, hex},
    signers::local::PrivateKeySigner,
};
use clap::Args;
use serde::Deserialize;

use crate::error::NodeError;

/// Flags of every command; each may also stand in the file under the same name.
#[derive(Debug, Clone, Default, Args, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(crate) struct Flags {
    /// A running Delea page, whose /delea.json names chain, contracts and store.
    #[arg(long, env = "DELEA_SITE", global = true)]
    pub(crate) site: Option<String>,
    /// JSON-RPC endpoint of the chain, if not the page's.
    #[arg(long, env = "DELEA_RPC_URL", global = true)]
    pub(crate) rpc_url: Option<String>,
    /// The exact runtime's file or URL, if not the page's.
    #[arg(long, env = "DELEA_RUNTIME", global = true)]
    pub(crate) runtime: Option<String>,
    /// Folder for blobs, checkpoints and state.
    #[arg(long, env = "DELEA_DATA", global = true)]
    pub(crate) data: Option<PathBuf>,
    /// Encrypted key (Ethereum keystore); its password comes from DELEA_PASSWORD.
    #[arg(long, env = "DELEA_KEYSTORE", global = true)]
    pub(crate) keystore: Option<PathBuf>,
    /// More content stores to read from: URLs before the CID.
    #[arg(long = "content", global = true)]
    pub(crate) content: Vec<String>,
    /// Milliseconds between looks at the chain.
    #[arg(long, global = true)]
    pub(crate) poll: Option<u64>,
}

/// `/delea.json`, as far as a node needs it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Site {
    chain_id: u64,
    rpc_url: String,
    #[serde(default)]
    other_rpc_urls: Vec<String>,
    #[serde(default = "confirmations")]
    confirmations: u64,
    contracts: Contracts,
    #[serde(default)]
    from_block: u64,
    content_url: String,
    #[serde(default)]
    gateways: Vec<String>,
    upload_url: String,
    workers: Workers,
}

#[derive(Debug, Clone, Deserialize)]
struct Workers {
    layers: Engine,
}

#[derive(Debug, Clone, Deserialize)]
struct Engine {
    cpu: String,
}

/// Addresses of the protocol's contracts.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Contracts {
    /// Work and rounds.
    pub(crate) jobs: Address,
    /// Auditors and juries.
    pub(crate) jury: Address,
    /// Bonds.
    pub(crate) vault: Address,
    /// Whose turn an open job is.
    pub(crate) roster: Address,
    /// Scores.
    pub(crate) scores: Address,
    /// Small files, and where large ones lie.
    pub(crate) parameter_store: Address,
}

fn confirmations() -> u64 {
    12
}

/// All that a node needs to know.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// EIP-155 number of the chain.
    pub(crate) chain_id: u64,
    /// JSON-RPC endpoint.
    pub(crate) rpc_url: String,
    /// Others, which read job logs where the first fails, and are compared with it.
    pub(crate) other_rpc_urls: Vec<String>,
    /// Blocks after which one counts as final.
    pub(crate) confirmations: u64,
    /// The contracts.
    pub(crate) contracts: Contracts,
    /// First block that can hold our events.
    pub(crate) from_block: u64,
    /// Blobs are read at `{url}{cid}`, from the first that has them.
    pub(crate) content: Vec<String>,
    /// Blobs are stored at `{upload}/{cid}`.
    pub(crate) upload: String,
    /// The runtime's file or URL.
    pub(crate) runtime: String,
    /// Folder of this node.
    pub(crate) data: PathBuf,
    /// Milliseconds between looks at the chain.
    pub(crate) poll: u64,
}

impl Flags {
    /// These flags over those of a file.
    ///
    /// # Errors
    /// [`NodeError::Config`] for a file that is not readable or has an unknown key.
    pub(crate) fn over(self, file: Option<&Path>) -> Result<Self, NodeError> {
        let Some(path) = file else { return Ok(self) };
        let text = std::fs::read_to_string(path).map_err(|e| NodeError::file(path, e))?;
        let below: Self = toml::from_str(&text).map_err(|error| {
            NodeError::Config(format!("{}: {}", path.display(), error.message()))
        })?;
        Ok(Self {
            site: self.site.or(below.site),
            rpc_url: self.rpc_url.or(below.rpc_url),
            runtime: self.runtime.or(below.runtime),
            data: self.data.or(below.data),
            keystore: self.keystore.or(below.keystore),
            content: [self.content, below.content].concat(),
            poll: self.poll.or(below.poll),
        })
    }

    /// The whole configuration, with what the site says.
    ///
    /// # Errors
    /// [`NodeError::Config`] that says what is missing.
    pub(crate) async fn resolve(&self) -> Result<Config, NodeError> {
        let site = self.site.as_deref().ok_or_else(|| {
            NodeError::Config("--site is missing: the address of a running Delea page".into())
        })?;
        let site = site.trim_end_matches('/');
        let absolute = |url: &str| match url.starts_with('/') {
            true => format!("{site}{url}"),
            false => url.to_owned(),
        };
        let text = fetch_text(&format!("{site}/delea.json")).await?;
        let found: Site = serde_json::from_str(&text)
            .map_err(|error| NodeError::Config(format!("{site}/delea.json: {error}")))?;
        let runtime = match &self.runtime {
            Some(runtime) => runtime.clone(),
            None => {
                // The worker's entry script names the wasm by its hash.
                let script = absolute(&found.workers.layers.cpu);
                let text = fetch_text(&script).await?;
                let name = text
                    .split(['"', '\''])
                    .find(|part| part.ends_with(".wasm"))
                    .map(|part| part.trim_start_matches("./"))
                    .ok_or_else(|| NodeError::Config(format!("{script} names no runtime")))?;
                let folder = script.rsplit_once('/').map_or("", |(folder, _)| folder);
                format!("{folder}/{name}")
            }
        };
        let mut content = vec![absolute(&found.content_url)];
        content.extend(found.gateways.iter().map(|gateway| absolute(gateway)));
        content.extend(self.content.iter().cloned());
        Ok(Config {
            chain_id: found.chain_id,
            rpc_url: self.rpc_url.clone().unwrap_or(found.rpc_url),
            other_rpc_urls: found.other_rpc_urls,
            confirmations: found.confirmations,
            contracts: found.contracts,
            from_block: found.from_block,
            content,
            upload: absolute(&found.upload_url).trim_end_matches('/').to_owned(),
            runtime,
            data: self.data.clone().unwrap_or_else(|| PathBuf::from("delea-node-data")),
            poll: self.poll.unwrap_or(1_000),
        })
    }

    /// The accounts: that of the keystore, else those of `DELEA_PRIVATE_KEY`, with commas between them. At least one.
    ///
    /// # Errors
    /// [`NodeError::Config`] that says how to give one.
    pub(crate) fn signers(&self) -> Result<Vec<PrivateKeySigner>, NodeError> {
        if let Some(path) = &self.keystore {
            let password = std::env::var("DELEA_PASSWORD").unwrap_or_default();
            let signer = PrivateKeySigner::decrypt_keystore(path, password).map_err(|error| {
                NodeError::Config(format!("{}: {error}; is DELEA_PASSWORD right?", path.display()))
            });
            return Ok(vec![signer?]);
        }
        let keys = std::env::var("DELEA_PRIVATE_KEY").map_err(|_| {
            NodeError::Config("no account: give --keystore FILE or DELEA_PRIVATE_KEY".into())
        })?;
        keys.split(',')
            .map(|key| {
                let bytes = hex::decode(key.trim()).ok();
                bytes.and_then(|bytes| PrivateKeySigner::from_slice(&bytes).ok()).ok_or_else(|| {
                    NodeError::Config(
                        "DELEA_PRIVATE_KEY is not a private key of 32 bytes in hex".into(),
                    )
                })
            })
            .collect()
    }

    /// The account of a command that works for one.
    ///
    /// # Errors
    /// As [`Flags::signers`], and where there are several.
    pub(crate) fn signer(&self) -> Result<PrivateKeySigner, NodeError> {
        match <[_; 1]>::try_from(self.signers()?) {
            Ok([signer]) => Ok(signer),
            Err(_) => Err(NodeError::Config(
                "DELEA_PRIVATE_KEY has several keys; only serve works for several accounts".into(),
            )),
        }
    }
}

async fn fetch_text(url: &str) -> Result<String, NodeError> {
    let bad = |error: reqwest::Error| NodeError::Config(format!("{url}: {error}"));
    let response = reqwest::get(url).await.and_then(reqwest::Response::error_for_status);
    response.map_err(bad)?.text().await.map_err(bad)
}
