//! What the page and its worker say to each other: JSON texts.

use alloy_primitives::Address;
use serde::{Deserialize, Serialize};

use crate::{
    EpochHead, EpochReport, JobLine, LedgerError, Progress, Target, WorkerEpoch, reader::Standing,
};

/// A message and the number of the request that it belongs to; 0 for what nobody asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope<T> {
    /// The request's number.
    pub id: u32,
    /// The message.
    pub body: T,
}

/// What the page asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// Reads a model's log, or what is new in it.
    Read {
        /// What to read, and from where.
        target: Target,
        /// The chain, by its first block: one that began anew is another one.
        chain: String,
    },
    /// Something of a log that was read.
    About {
        /// The model.
        model: Address,
        /// What.
        question: Question,
    },
    /// Answers after a while: unlike a page, a worker is not slowed down in the background.
    Wait {
        /// Milliseconds.
        ms: u32,
    },
}

/// What the page asks of a log that was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Question {
    /// Goes through all raw entries once more.
    Recompute,
    /// An epoch whole.
    Epoch(u64),
    /// Jobs of an epoch.
    Jobs {
        /// Its number.
        epoch: u64,
        /// One worker's, or everybody's.
        worker: Option<Address>,
    },
    /// A worker's newest epochs.
    Worker(Address),
    /// An epoch's jobs as comma-separated values.
    Csv(u64),
}

/// What was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overview {
    /// How it was read.
    pub standing: Standing,
    /// Entries of the log.
    pub entries: u64,
    /// Epochs, oldest first.
    pub epochs: Vec<EpochHead>,
    /// Why nothing is kept between visits, if so.
    pub unkept: Option<String>,
}

/// What going through the log once more gave.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recomputed {
    /// Entries, each of which follows from the one before.
    pub entries: u64,
    /// Whether all of them, and the epochs' sums, are what they were.
    pub same: bool,
    /// Milliseconds of decoding and hashing.
    pub hash_ms: f64,
    /// Milliseconds of scoring.
    pub score_ms: f64,
}

/// What the worker answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// The worker listens.
    Listening,
    /// How far it is.
    Progress(Progress),
    /// The log was read.
    Read(Overview),
    /// The log was gone through once more.
    Recomputed(Recomputed),
    /// An epoch; nothing where nobody worked in it.
    Epoch(Option<EpochReport>),
    /// Jobs.
    Jobs(Vec<JobLine>),
    /// A worker's epochs, newest first.
    Worker(Vec<WorkerEpoch>),
    /// A text.
    Text(String),
    /// The while is over.
    Waited,
    /// It cannot be done.
    Failed(LedgerError),
}
