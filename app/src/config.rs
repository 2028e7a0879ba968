//! `/delea.json`: which chain, contracts, store and workers this copy of the page uses.

use alloy_primitives::Address;
use delea_model_runtime::{
    content::Digest,
    spec::{Body, ModelSpec},
};
use serde::Deserialize;

use crate::net::{Fetch, NetError};

/// The file's place, on the page's own origin.
const URL: &str = "/delea.json";
/// Milliseconds until the file counts as missing.
const TIMEOUT_MS: u32 = 10_000;
/// The local development chain, the only one on which a key may lie in the browser's storage.
const LOCAL_CHAIN: u64 = 31_337;

/// The file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Config {
    /// EIP-155 number.
    pub(crate) chain_id: u64,
    /// The chain's name for people.
    pub(crate) chain_name: String,
    /// JSON-RPC endpoint.
    pub(crate) rpc_url: String,
    /// Further endpoints, which read the job log where the first fails, and are compared with it.
    #[serde(default)]
    pub(crate) other_rpc_urls: Vec<String>,
    /// Blocks after which one counts as final.
    #[serde(default = "confirmations")]
    pub(crate) confirmations: u64,
    /// The protocol's contracts.
    pub(crate) contracts: Contracts,
    /// First block that can hold our events.
    #[serde(default)]
    pub(crate) from_block: u64,
    /// Blobs are read at `{content_url}{cid}`.
    pub(crate) content_url: String,
    /// Further trustless gateways, each as `content_url`.
    #[serde(default)]
    pub(crate) gateways: Vec<String>,
    /// Blobs are stored at `{upload_url}/{cid}`; empty where there is no such store.
    #[serde(default)]
    pub(crate) upload_url: String,
    /// RPC of a Kubo node that stores blobs on IPFS.
    #[serde(default)]
    pub(crate) kubo_url: Option<String>,
    /// Block explorer, if there is one.
    #[serde(default)]
    pub(crate) explorer_url: Option<String>,
    /// Whether a burner wallet may be offered.
    #[serde(default)]
    pub(crate) burner: bool,
    /// The chain's coin, shown when a wallet must learn the chain.
    #[serde(default = "coin")]
    pub(crate) currency: String,
    /// Worker scripts.
    pub(crate) workers: Workers,
}

/// Addresses of the protocol's contracts, as the deployment's address book names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Contracts {
    /// Makes and lists models.
    #[serde(rename = "ModelFactory")]
    pub(crate) factory: Address,
    /// Work and rounds.
    pub(crate) jobs: Address,
    /// Auditors and juries.
    pub(crate) jury: Address,
    /// Whose turn an open job is.
    pub(crate) roster: Address,
    /// Scores and weights of epochs.
    pub(crate) scores: Address,
    /// Bonds.
    pub(crate) vault: Address,
    /// Small files on the chain itself.
    pub(crate) parameter_store: Address,
}

fn confirmations() -> u64 {
    12
}

fn coin() -> String {
    "ETH".to_owned()
}

/// URLs of the worker scripts.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Workers {
    /// Those that run lists of layers.
    pub(crate) layers: Engine,
    /// Those that run graphs, as uploaded models are.
    pub(crate) graphs: Engine,
    /// Those that paint.
    pub(crate) studio: Engine,
    /// The file reader.
    pub(crate) import: String,
    /// The reader of job logs.
    pub(crate) ledger: String,
    /// Runs other versions of the exact tier.
    pub(crate) host: String,
}

/// URLs of the workers that run models of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Engine {
    /// The exact tier.
    pub(crate) cpu: String,
    /// The fast tier.
    pub(crate) gpu: String,
    /// Digest of the exact tier's wasm, which new models name.
    #[serde(default)]
    pub(crate) runtime: Option<Digest>,
}

impl Workers {
    /// Those that run a model.
    pub(crate) fn of(&self, spec: &ModelSpec) -> &Engine {
        match spec.body {
            Body::Layers(_) => &self.layers,
            Body::Graph(_) => &self.graphs,
            Body::Painter(_) => &self.studio,
        }
    }
}

/// Why the page has no configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ConfigError {
    /// Not served.
    #[error("{URL} could not be loaded: {0}")]
    Missing(#[from] NetError),
    /// Served, but not readable.
    #[error("{URL} is not readable: {0}")]
    Unreadable(String),
}

impl Config {
    /// Loads the file.
    pub(crate) async fn load() -> Result<Self, ConfigError> {
        Self::parse(&Fetch::get(URL, TIMEOUT_MS).text().await?)
    }

    /// Reads the file's text.
    pub(crate) fn parse(text: &str) -> Result<Self, ConfigError> {
        if text.trim_start().starts_with('<') {
            // A single-page server answers a missing file with the page itself.
            let why = "the server sent a web page in its place".to_owned();
            return Err(ConfigError::Unreadable(why));
        }
        serde_json::from_str(text).map_err(|e| ConfigError::Unreadable(e.to_string()))
    }

    /// Whether the burner wallet is allowed: asked for, and the money is certainly play money.
    pub(crate) fn burner_allowed(&self) -> bool {
        self.burner && self.chain_id == LOCAL_CHAIN && is_loopback(&self.rpc_url)
    }

    /// Where a block is read, the first source first. Gateways send a page about a block unless they are asked for it raw.
    pub(crate) fn sources(&self, cid: &str) -> Vec<String> {
        let all = std::iter::once(&self.content_url).chain(&self.gateways);
        all.map(|gateway| format!("{gateway}{cid}?format=raw")).collect()
    }

    /// Where a blob is stored.
    pub(crate) fn upload(&self, cid: &str) -> String {
        format!("{}/{cid}", self.upload_url.trim_end_matches('/'))
    }

    /// The explorer's page of a transaction.
    pub(crate) fn transaction_page(&self, hash: &str) -> Option<String> {
        let base = self.explorer_url.as_ref()?;
        Some(format!("{}/tx/{hash}", base.trim_end_matches('/')))
    }
}

/// Whether `url` points at this very machine. A path on our own origin counts only by its full URL.
fn is_loopback(url: &str) -> bool {
    let Some((_, rest)) = url.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = match authority.rsplit_once('@') {
        Some((_, host)) => host,
        None => authority,
    };
    let host = match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    host == "localhost" || host == "::1" || host.starts_with("127.") && is_ipv4(host)
}

fn is_ipv4(host: &str) -> bool {
    host.parse::<std::net::Ipv4Addr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{"chainId":31337,"chainName":"Delea local","rpcUrl":"http://127.0.0.1:8545",
        "contracts":{"ModelFactory":"0x5FbDB2315678afecb367f032d93F642f64180aa3","Scores":"0x5FbDB2315678afecb367f032d93F642f64180aa4",
        "Jobs":"0x5FbDB2315678afecb367f032d93F642f64180aa5","Jury":"0x5FbDB2315678afecb367f032d93F642f64180aa6","Roster":"0x5FbDB2315678afecb367f032d93F642f64180aa9",
        "Vault":"0x5FbDB2315678afecb367f032d93F642f64180aa7","ParameterStore":"0x5FbDB2315678afecb367f032d93F642f64180aa8"},"fromBlock":0,"contentUrl":"/ipfs/",
        "uploadUrl":"/ipfs","explorerUrl":null,"burner":true,
        "workers":{"layers":{"cpu":"/workers/cpu-worker.js","gpu":"/workers/gpu-worker.js"},"graphs":{"cpu":"/workers/graph-cpu-worker.js","gpu":"/workers/graph-gpu-worker.js"},"studio":{"cpu":"/workers/studio-cpu-worker.js","gpu":"/workers/studio-gpu-worker.js"},"import":"/workers/import-worker.js","ledger":"/workers/ledger-worker.js","host":"/workers/host/worker.js"}}"#;

    #[test]
    fn the_documented_file_is_read() {
        let config = Config::parse(TEXT).unwrap();
        assert_eq!(config.sources("bafk"), ["/ipfs/bafk?format=raw"]);
        assert_eq!(config.upload("bafk"), "/ipfs/bafk");
        assert!(config.burner_allowed());
        assert_eq!(config.transaction_page("0x1"), None);
    }

    #[test]
    fn a_page_in_place_of_the_file_is_named() {
        let error = Config::parse("<!doctype html>").unwrap_err().to_string();
        assert!(error.contains("web page"), "{error}");
        assert!(Config::parse("{}").is_err());
    }

    #[test]
    fn a_burner_needs_the_local_chain_on_this_machine() {
        let mut config = Config::parse(TEXT).unwrap();
        for url in ["http://localhost:1", "http://[::1]:8545/x", "http://u:p@127.0.0.1:8545"] {
            config.rpc_url = url.into();
            assert!(config.burner_allowed(), "{url}");
        }
        for url in [
            "http://127.0.0.1.evil.com",
            "https://rpc.example",
            "http://localhost@evil.com",
            "/rpc",
        ] {
            config.rpc_url = url.into();
            assert!(!config.burner_allowed(), "{url}");
        }
        config.rpc_url = "http://127.0.0.1:8545".into();
        config.chain_id = 1;
        assert!(!config.burner_allowed());
    }
}
