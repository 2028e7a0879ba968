//! Who owns a model: its holders, the two seats, going back to an older version, and splits.

use alloy_primitives::{Address, U256};
use alloy_sol_types::{SolCall, SolEvent};
use delea_contracts_abi::Model;
use futures_util::{future::try_join_all, try_join};
use serde_json::json;

use super::{
    contracts::{read, read_next},
    history,
    rpc::{Log, Rpc, RpcError},
};

/// Holders fetched in one call.
const PAGE: u64 = 200;
/// Holders read for display; beyond them only the seats are sure to be shown.
const MOST: u64 = 2_000;

/// The holders of a token.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Holders {
    /// The largest holder that is neither creator nor pool; zero without one.
    pub(crate) first: Address,
    /// The second largest.
    pub(crate) second: Address,
    /// Accounts that ever held any, seats and others.
    pub(crate) count: u64,
    /// The largest first, without those that hold nothing any more.
    pub(crate) list: Vec<(Address, U256)>,
}

/// Reads the holders.
pub(crate) async fn holders(rpc: &Rpc, model: Address) -> Result<Holders, RpcError> {
    let (seats, count) = try_join!(
        read(rpc, model, Model::seatsCall {}),
        read(rpc, model, Model::holderCountCall {}),
    )?;
    let count = u64::try_from(count).unwrap_or(u64::MAX);
    let pages = (0..count.min(MOST)).step_by(PAGE as usize).map(|offset| {
        let (offset, limit) = (U256::from(offset), U256::from(PAGE));
        read(rpc, model, Model::holdersCall { offset, limit })
    });
    let pages = try_join_all(pages).await?;
    let mut list: Vec<_> = pages
        .into_iter()
        .flat_map(|page| page.accounts.into_iter().zip(page.balances))
        .filter(|(_, balance)| !balance.is_zero())
        .collect();
    list.sort_by_key(|holder| std::cmp::Reverse(holder.1));
    Ok(Holders { first: seats.first, second: seats.second, count, list })
}

/// What an account may do to a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Rank {
    /// Nothing.
    #[default]
    Nobody,
    /// The largest holder.
    First,
    /// The second largest holder.
    Second,
    /// The creator, who comes after both.
    Creator,
}

impl Rank {
    /// Whether it is one of the two seats.
    pub(crate) fn has_seat(self) -> bool {
        matches!(self, Self::First | Self::Second)
    }
}

/// Reads an account's rank.
pub(crate) async fn rank(
    rpc: &Rpc,
    model: Address,
    creator: Address,
    account: Address,
) -> Result<Rank, RpcError> {
    if account == creator {
        return Ok(Rank::Creator);
    }
    let seat = read_next(rpc, model, Model::seatOfCall { account }).await?;
    Ok(match seat {
        seat if seat == U256::from(1) => Rank::First,
        seat if seat == U256::from(2) => Rank::Second,
        _ => Rank::Nobody,
    })
}

/// A waiting request to go back to an older version.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rollback {
    /// Who asked.
    pub(crate) requester: Address,
    /// The version to go back to.
    pub(crate) version: u32,
    /// First time at which it can be carried out, in seconds since 1970.
    pub(crate) executable_at: u64,
}

/// Reads the waiting request.
pub(crate) async fn rollback(rpc: &Rpc, model: Address) -> Result<Option<Rollback>, RpcError> {
    let request = read(rpc, model, Model::rollbackRequestCall {}).await?;
    Ok((request.requester != Address::ZERO).then_some(Rollback {
        requester: request.requester,
        version: request.version,
        executable_at: request.executableAt,
    }))
}

/// Something that happened to a request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Turn {
    /// Somebody asked to go back to a version.
    Asked {
        /// Who.
        by: Address,
        /// The version.
        version: u32,
    },
    /// Somebody stopped or withdrew a request.
    Stopped {
        /// Who had asked.
        asked: Address,
        /// Who stopped it.
        by: Address,
        /// The version.
        version: u32,
    },
    /// The model went back.
    Done {
        /// Who had asked.
        asked: Address,
        /// From a version,
        from: u32,
        /// to an older one.
        to: u32,
    },
}

/// All that happened to requests, newest first, with blocks.
pub(crate) async fn turns(
    rpc: &Rpc,
    model: Address,
    from: u64,
) -> Result<Vec<(Turn, u64)>, RpcError> {
    let events = [
        Model::RollbackRequested::SIGNATURE_HASH,
        Model::RollbackVetoed::SIGNATURE_HASH,
        Model::RolledBack::SIGNATURE_HASH,
    ];
    let mut turns: Vec<_> = history::logs(rpc, model, json!([events]), from)
        .await?
        .iter()
        .filter_map(|log| Some((turn(log)?, log.block)))
        .collect();
    turns.reverse();
    Ok(turns)
}

fn turn(log: &Log) -> Option<Turn> {
    let topics = || log.topics.iter().copied();
    if let Ok(e) = Model::RollbackRequested::decode_raw_log(topics(), &log.data) {
        return Some(Turn::Asked { by: e.requester, version: e.version });
    }
    if let Ok(e) = Model::RollbackVetoed::decode_raw_log(topics(), &log.data) {
        return Some(Turn::Stopped { asked: e.requester, by: e.by, version: e.version });
    }
    let e = Model::RolledBack::decode_raw_log(topics(), &log.data).ok()?;
    Some(Turn::Done { asked: e.requester, from: e.from, to: e.to })
}

/// Call data of `requestRollback`.
pub(crate) fn request_call(version: u32) -> Vec<u8> {
    Model::requestRollbackCall { version_: version }.abi_encode()
}

/// Call data of `vetoRollback`.
pub(crate) fn veto_call() -> Vec<u8> {
    Model::vetoRollbackCall {}.abi_encode()
}

/// Call data of `executeRollback`.
pub(crate) fn execute_call() -> Vec<u8> {
    Model::executeRollbackCall {}.abi_encode()
}

/// Reads who proposed which split; nothing without a proposal.
pub(crate) async fn proposal(
    rpc: &Rpc,
    model: Address,
) -> Result<Option<(Address, U256)>, RpcError> {
    let proposal = read(rpc, model, Model::splitProposalCall {}).await?;
    Ok((proposal.by != Address::ZERO).then_some((proposal.by, proposal.multiplier)))
}

/// Call data of `split`, with a factor as WAD.
pub(crate) fn split_call(multiplier: U256) -> Vec<u8> {
    Model::splitCall { multiplier }.abi_encode()
}
