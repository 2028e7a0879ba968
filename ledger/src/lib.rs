//! A model's job log, from any chain's node to the scores that follow from it.
//!
//! A [`Ledger`] reads `JobSettled` events in pieces that nodes accept, from several nodes if one fails, and checks each
//! entry's link to the one before against `Model.logHash`, so that no node can leave one out, change one or add one.
//! Old pieces are kept on a [`Shelf`] and not read again; what a reorganisation can still change is. What follows from
//! the log is [`delea_scoring`]'s.
//!
//! The crate knows no transport: a [`Source`] brings answers, in the page's worker (feature `worker`) as in a node.

mod error;
mod kept;
mod ledger;
pub mod message;
mod reader;
mod record;
mod report;
mod rpc;

#[cfg(feature = "worker")]
pub mod worker;

pub use error::LedgerError;
pub use kept::{Chunk, Forgetful, Memory, Shelf};
pub use ledger::{Ledger, Line};
pub use reader::{Progress, Standing, Target};
pub use record::Record;
pub use report::{EpochHead, EpochReport, JobLine, Row, Verdict, Witness, WorkerEpoch, epoch_csv};
pub use rpc::{RawLog, Source};
