//! What can go wrong in a node, in sentences.

use alloy::{primitives::B256, transports::TransportError};
use delea_contracts_abi::ContractError;
use delea_ledger::LedgerError;
use delea_model_runtime::RuntimeError;

/// An error of the node.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NodeError {
    /// The configuration cannot be used.
    #[error("{0}")]
    Config(String),
    /// A file of this machine.
    #[error("{path}: {source}")]
    File {
        /// Its path.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The chain's node did not answer well.
    #[error("the chain could not be asked for {what}: {source}")]
    Chain {
        /// What was asked.
        what: &'static str,
        /// Why.
        source: Box<TransportError>,
    },
    /// A contract refused.
    #[error("{0}")]
    Refused(ContractError),
    /// A transaction was mined and failed.
    #[error("transaction {0} was reverted")]
    Reverted(B256),
    /// The chain's answers contradict each other, or do not decode.
    #[error("the chain's node cannot be trusted: {0}; use another --rpc-url")]
    Untrusted(String),
    /// A blob cannot be had. Whoever withholds what was promised is at fault, or the network is.
    #[error("{what} is in no store that was asked ({cid})")]
    Missing {
        /// What it is.
        what: String,
        /// Its address.
        cid: String,
    },
    /// A store refused a blob.
    #[error("{what} could not be stored at {url}: {reason}")]
    Upload {
        /// What it is.
        what: String,
        /// Where.
        url: String,
        /// Why.
        reason: String,
    },
    /// The exact runtime itself failed: its file, the engine, or a trap.
    #[error("the exact runtime: {0}")]
    Engine(String),
    /// The runtime refused the work.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// A job log cannot be read whole.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// What was asked for does not exist or cannot be done now.
    #[error("{0}")]
    Cannot(String),
    /// The person stopped it.
    #[error("stopped")]
    Stopped,
}

impl NodeError {
    /// For errors of files.
    pub(crate) fn file(path: &std::path::Path, source: std::io::Error) -> Self {
        Self::File { path: path.display().to_string(), source }
    }

    /// The contract's error by name, to act on.
    pub(crate) fn name(&self) -> Option<&'static str> {
        match self {
            Self::Refused(ContractError::Custom { name, .. }) => Some(name),
            _ => None,
        }
    }
}
