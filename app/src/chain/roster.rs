//! Who waits for a model's jobs, and whose turn one is.

use alloy_primitives::{Address, U256};
use alloy_sol_types::SolCall;
use delea_contracts_abi::{JobKind, Roster};

use super::{
    contracts::{read, read_next},
    jobs::Job,
    rpc::{Rpc, RpcError},
};

/// Blocks after which a worker that says nothing may be taken off, as the contract has it.
const SILENCE_BLOCKS: u64 = 720;

/// A worker's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seat {
    /// Kinds of jobs that it waits for, as bits; none without a place.
    pub(crate) kinds: u8,
    /// Block in which it was last heard of.
    seen: u64,
}

impl Seat {
    /// Whether it is time to say that one is still there.
    pub(crate) fn is_silent(self, block: u64) -> bool {
        self.kinds != 0 && block > self.seen + SILENCE_BLOCKS / 2
    }
}

/// The bits of kinds.
pub(crate) fn bits(train: bool, infer: bool) -> u8 {
    let bit = |wanted: bool, kind: JobKind| u8::from(wanted) << u8::from(kind);
    bit(train, JobKind::Train) | bit(infer, JobKind::Infer)
}

/// How many workers wait for questions to a model.
pub(crate) async fn waiting(rpc: &Rpc, roster: Address, model: Address) -> Result<u32, RpcError> {
    let kind = JobKind::Infer.into();
    read(rpc, roster, Roster::waitingCall { model, kind }).await
}

/// A worker's place at a model.
pub(crate) async fn seat(
    rpc: &Rpc,
    roster: Address,
    model: Address,
    worker: Address,
) -> Result<Seat, RpcError> {
    let seat = read(rpc, roster, Roster::seatOfCall { model, worker }).await?;
    Ok(Seat { kinds: seat.kinds, seen: seat.seen.to::<u64>() })
}

/// From when on a worker may take an open job, in seconds since 1970; nothing before it was drawn.
pub(crate) async fn turn(
    rpc: &Rpc,
    roster: Address,
    job: &Job,
    worker: Address,
) -> Result<Option<u64>, RpcError> {
    let kind = if job.training { JobKind::Train } else { JobKind::Infer };
    let call = Roster::turnOfCall {
        model: job.model,
        kind: kind.into(),
        job: job.id,
        worker,
        drawBlock: U256::from(job.draw_block),
        since: U256::from(job.claimed_at),
    };
    Ok(read_next(rpc, roster, call).await?.try_into().ok())
}

/// Call data of `enlist`: waits for jobs of kinds.
pub(crate) fn enlist_call(model: Address, kinds: u8) -> Vec<u8> {
    Roster::enlistCall { model, kinds }.abi_encode()
}

/// Call data of `renew`: says that one is still there.
pub(crate) fn renew_call(model: Address) -> Vec<u8> {
    Roster::renewCall { model }.abi_encode()
}

/// Call data of `delist`: waits no longer, and has the bond back.
pub(crate) fn delist_call(model: Address) -> Vec<u8> {
    Roster::delistCall { model }.abi_encode()
}
