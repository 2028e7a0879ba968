//! Pieces of a log that are kept between visits.

use alloy_primitives::B256;
use serde::{Deserialize, Serialize};

/// A piece of a log: all entries of some blocks that are deep enough to stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    /// First block.
    pub from: u64,
    /// Last block.
    pub to: u64,
    /// Its hash: another one means that the chain was reorganised.
    pub block_hash: B256,
    /// Entries in the piece.
    pub entries: u32,
    /// Hash over the log up to the piece's end.
    pub log_hash: B256,
}

/// Where pieces are kept. It may lose them: then they are read again.
pub trait Shelf {
    /// Pieces that are kept, in any order.
    fn list(&self) -> impl Future<Output = Vec<Chunk>>;
    /// Records of the piece that begins at a block.
    fn get(&self, from: u64) -> impl Future<Output = Option<Vec<u8>>>;
    /// Keeps a piece.
    fn put(&self, chunk: Chunk, records: &[u8]) -> impl Future<Output = ()>;
    /// Forgets all pieces that begin at a block or after it.
    fn forget_from(&self, from: u64) -> impl Future<Output = ()>;
}

/// Keeps nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Forgetful;

impl Shelf for Forgetful {
    async fn list(&self) -> Vec<Chunk> {
        Vec::new()
    }
    async fn get(&self, _: u64) -> Option<Vec<u8>> {
        None
    }
    async fn put(&self, _: Chunk, _: &[u8]) {}
    async fn forget_from(&self, _: u64) {}
}

/// Keeps pieces in memory.
#[derive(Debug, Default)]
pub struct Memory(std::sync::Mutex<std::collections::BTreeMap<u64, (Chunk, Vec<u8>)>>);

impl Memory {
    fn pieces(
        &self,
    ) -> std::sync::MutexGuard<'_, std::collections::BTreeMap<u64, (Chunk, Vec<u8>)>> {
        // Nothing panics while it holds the lock.
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Shelf for Memory {
    async fn list(&self) -> Vec<Chunk> {
        self.pieces().values().map(|(chunk, _)| *chunk).collect()
    }
    async fn get(&self, from: u64) -> Option<Vec<u8>> {
        self.pieces().get(&from).map(|(_, records)| records.clone())
    }
    async fn put(&self, chunk: Chunk, records: &[u8]) {
        self.pieces().insert(chunk.from, (chunk, records.to_vec()));
    }
    async fn forget_from(&self, from: u64) {
        self.pieces().retain(|start, _| *start < from);
    }
}
