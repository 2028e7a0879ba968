//! Small parameter files on the chain itself: read where every other store fails, written when a
//! creator asks for it.

use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_sol_types::{SolCall, SolEvent};
use delea_contracts_abi::{ParameterStore, STORED_PART as PART};
use delea_model_runtime::{content::Digest, dag::Cid};
use serde_json::json;

use crate::{
    chain::{
        contracts::read,
        history,
        rpc::{Rpc, RpcError},
    },
    config::Config,
};

/// CIDs of one file that are tried: anybody can write any number.
const MOST_TREES: usize = 4;
/// Largest file that is written, in bytes: three parts, which fit one transaction (EIP-7825).
pub(crate) const MOST: usize = 3 * PART;

/// What the chain has of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    /// The file itself.
    File(Vec<u8>),
    /// CIDs under which IPFS has it, as somebody says.
    Trees(Vec<Cid>),
}

/// What somebody stored under a hash: the file, or the binary CID of its tree; nothing if nobody did. A file is checked, a
/// CID is anybody's word.
pub(crate) async fn get(config: &Config, wanted: Digest) -> Result<Option<Found>, RpcError> {
    let rpc = Rpc::new(&config.rpc_url);
    let store = config.contracts.parameter_store;
    let topics = json!([ParameterStore::Stored::SIGNATURE_HASH, B256::from(wanted.0)]);
    let mut trees = Vec::new();
    for log in history::logs(&rpc, store, topics, config.from_block).await? {
        let topics = log.topics.iter().copied();
        let Ok(stored) = ParameterStore::Stored::decode_raw_log(topics, &log.data) else {
            continue;
        };
        let bytes = parts(&rpc, store, stored.writer, stored.hash, stored.size as usize).await?;
        // Anybody can store anything under any hash.
        if Digest::of(&bytes) == wanted {
            return Ok(Some(Found::File(bytes)));
        }
        trees.extend(Cid::from_bytes(&bytes).filter(|_| trees.len() < MOST_TREES));
    }
    Ok((!trees.is_empty()).then_some(Found::Trees(trees)))
}

/// Call data that says under which CID IPFS has a file; nothing if `writer` has said so before.
pub(crate) async fn tree_call(
    config: &Config,
    writer: Address,
    digest: Digest,
    root: Cid,
) -> Result<Option<Vec<u8>>, RpcError> {
    store_call(config, writer, digest, &root.to_bytes()).await
}

async fn parts(
    rpc: &Rpc,
    store: Address,
    writer: Address,
    hash: B256,
    size: usize,
) -> Result<Vec<u8>, RpcError> {
    let mut bytes = Vec::new();
    for part in 0..size.div_ceil(PART) {
        let call = ParameterStore::readCall { writer, hash, part: U256::from(part) };
        bytes.extend_from_slice(&read(rpc, store, call).await?);
    }
    Ok(bytes)
}

/// Call data that stores what is missing of a file of at most [`MOST`] bytes; nothing if `writer` has
/// stored all of it before.
pub(crate) async fn store_call(
    config: &Config,
    writer: Address,
    digest: Digest,
    bytes: &[u8],
) -> Result<Option<Vec<u8>>, RpcError> {
    let rpc = Rpc::new(&config.rpc_url);
    let hash = B256::from(digest.0);
    let call = ParameterStore::progressCall { writer, hash };
    let first = read(&rpc, config.contracts.parameter_store, call).await?.parts;
    let done = usize::try_from(first).unwrap_or(usize::MAX);
    let parts: Vec<_> = bytes.chunks(PART).skip(done).map(Bytes::copy_from_slice).collect();
    let size = bytes.len() as u32;
    Ok((!parts.is_empty())
        .then(|| ParameterStore::storeCall { hash, size, first, parts }.abi_encode()))
}
