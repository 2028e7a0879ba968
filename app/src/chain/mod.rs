//! The chain, read by plain JSON-RPC and written through the visitor's wallet.

pub(crate) mod bonds;
pub(crate) mod contracts;
pub(crate) mod health;
pub(crate) mod history;
pub(crate) mod jobs;
pub(crate) mod located;
pub(crate) mod quotes;
pub(crate) mod roster;
pub(crate) mod rounds;
pub(crate) mod rpc;
pub(crate) mod scores;
pub(crate) mod seats;
pub(crate) mod transaction;
