//! Why a log could not be read, in sentences.

use alloy_primitives::B256;
use serde::{Deserialize, Serialize};

/// What went wrong with a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum LedgerError {
    /// No node answers.
    #[error(
        "no node of the chain answers ({endpoint}: {reason}); what was read is kept, so try again later"
    )]
    Unreachable {
        /// The one asked last.
        endpoint: String,
        /// Why.
        reason: String,
    },
    /// A node answers something else than JSON-RPC.
    #[error("{endpoint} answers {method} with something that is not JSON-RPC; use another node")]
    NotRpc {
        /// Which.
        endpoint: String,
        /// What it was asked.
        method: String,
    },
    /// A node refuses even the smallest question.
    #[error("{endpoint} refuses {method}: {message}")]
    Refused {
        /// Which.
        endpoint: String,
        /// What it was asked.
        method: String,
        /// JSON-RPC code.
        code: i64,
        /// Its words.
        message: String,
    },
    /// An entry that no contract of ours writes.
    #[error(
        "an entry of the log in block {block} is not as the contract writes them: {reason}; use another node"
    )]
    Malformed {
        /// Its block.
        block: u64,
        /// What is wrong.
        reason: String,
    },
    /// Entries are missing or changed, whichever node is asked.
    #[error(
        "the log is broken after entry {number}: blocks {first} to {last} hold an entry that does not follow from it, on every node asked; use another node"
    )]
    Broken {
        /// Number of the last entry that is right.
        number: u32,
        /// First block that was asked for.
        first: u64,
        /// Last one.
        last: u64,
    },
    /// The nodes leave the end of the log out.
    #[error(
        "the log ends at entry {number} with hash {found}, the contract holds {held}: the node leaves entries out; use another node"
    )]
    Short {
        /// Number of the last entry.
        number: u32,
        /// Hash there.
        found: B256,
        /// The contract's.
        held: B256,
    },
    /// What is kept cannot be opened.
    #[error("this browser's storage does not open ({reason}); the log is read anew at every visit")]
    Storage {
        /// Why.
        reason: String,
    },
    /// A request that does not fit what was read.
    #[error("{reason}")]
    Request {
        /// What does not fit.
        reason: String,
    },
}

impl LedgerError {
    pub(crate) fn malformed(block: u64, reason: impl ToString) -> Self {
        Self::Malformed { block, reason: reason.to_string() }
    }
}
