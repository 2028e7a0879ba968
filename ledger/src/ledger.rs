//! The log as it is known: lines that scores depend on, and the pieces that they came in.

use alloy_primitives::{Address, B256};
use delea_contracts_abi::JobKind;
use delea_scoring::{Board, EPOCH_BLOCKS, Job};

use crate::{Chunk, LedgerError, Progress, Record, Shelf};

/// One settled job, as far as scores depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    /// Place in the log, from 1.
    pub number: u32,
    /// Number of the job; 0 for what a user ran alone, which scores nothing.
    pub job: u64,
    /// What was done.
    pub kind: JobKind,
    /// Who did it.
    pub worker: Address,
    /// Steps trained, or inferences made.
    pub units: u32,
    /// Tokens paid, base units.
    pub amount: u128,
    /// Seconds that it took.
    pub latency: u32,
    /// Seconds that there were.
    pub timeout: u32,
    /// Block of the settlement.
    pub block: u64,
}

impl Line {
    /// What the scores take; nothing for what a user ran alone.
    pub fn scored(&self) -> Option<Job> {
        (self.job != 0).then_some(Job {
            worker: self.worker,
            kind: self.kind,
            latency: self.latency,
            timeout: self.timeout,
            units: self.units,
            amount: self.amount,
            block: self.block,
        })
    }
}

/// The end of a kept piece.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark {
    pub(crate) chunk: Chunk,
    /// Lines up to its end.
    pub(crate) lines: usize,
}

/// A model's log.
#[derive(Debug, Default)]
pub struct Ledger {
    pub(crate) lines: Vec<Line>,
    /// Hash over all lines.
    pub(crate) hash: B256,
    pub(crate) marks: Vec<Mark>,
    /// Records after the last mark.
    pub(crate) tail: Vec<u8>,
}

impl Ledger {
    /// Its entries, in order.
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// Hash over them; `Model.logHash` where it is whole.
    pub fn log_hash(&self) -> B256 {
        self.hash
    }

    /// Lines of an epoch.
    pub fn epoch(&self, epoch: u64) -> &[Line] {
        let first = |epoch: u64| {
            let begin = epoch.saturating_mul(EPOCH_BLOCKS);
            self.lines.partition_point(|line| line.block < begin)
        };
        &self.lines[first(epoch)..first(epoch.saturating_add(1))]
    }

    /// Scores of some lines.
    pub fn board(lines: &[Line]) -> Board {
        let mut board = Board::default();
        board.extend(lines.iter().filter_map(Line::scored));
        board
    }

    /// Adds an entry that follows from the last one, with the hash that it states, and its record. Whether it did; one
    /// that is there already is passed over.
    ///
    /// # Errors
    /// [`LedgerError::Malformed`] for fields that no contract writes.
    pub fn follow(&mut self, record: &Record, stated: B256) -> Result<bool, LedgerError> {
        let known = self.lines.len();
        let follows = self.link(record, Some(stated))?;
        if self.lines.len() > known {
            record.write(&mut self.tail);
        }
        Ok(follows)
    }

    /// The same, where the record is kept already.
    fn link(&mut self, record: &Record, stated: Option<B256>) -> Result<bool, LedgerError> {
        let number = record.number()?;
        let last = self.lines.len() as u32;
        if number <= last {
            return Ok(true);
        }
        let hash = record.hash(self.hash);
        if number != last + 1 || stated.is_some_and(|stated| stated != hash) {
            return Ok(false);
        }
        self.lines.push(record.line()?);
        self.hash = hash;
        Ok(true)
    }

    /// Forgets what came after the last mark: a reorganisation may have changed it.
    pub(crate) fn rewind(&mut self) {
        let (lines, hash) =
            self.marks.last().map_or((0, B256::ZERO), |mark| (mark.lines, mark.chunk.log_hash));
        self.lines.truncate(lines);
        self.hash = hash;
        self.tail.clear();
    }

    /// Adds the records of a kept piece. Whether they are whole and give its hash; if not, nothing is added.
    pub(crate) fn restore(&mut self, chunk: Chunk, mut records: &[u8]) -> bool {
        let before = (self.lines.len(), self.hash);
        let mut whole = true;
        while whole && !records.is_empty() {
            whole = match Record::read(&mut records) {
                Some(record) => self.link(&record, None) == Ok(true),
                None => false,
            };
        }
        whole &= self.hash == chunk.log_hash;
        if whole {
            self.marks.push(Mark { chunk, lines: self.lines.len() });
        } else {
            self.lines.truncate(before.0);
            self.hash = before.1;
        }
        whole
    }

    /// Goes through all raw entries once more, from the first: hashes each, and reads what scores depend on. Gives the
    /// lines that follow.
    ///
    /// # Errors
    /// [`LedgerError::Storage`] where a kept piece is gone; [`LedgerError::Broken`] where it is not what it was.
    pub async fn recompute<K: Shelf>(
        &self,
        shelf: &K,
        mut on: impl FnMut(Progress),
    ) -> Result<Ledger, LedgerError> {
        let mut again = Self::default();
        let total = self.lines.len() as u64;
        for mark in &self.marks {
            let records = shelf.get(mark.chunk.from).await.ok_or_else(|| LedgerError::Storage {
                reason: "a piece of the log is gone".into(),
            })?;
            if !again.restore(mark.chunk, &records) {
                return Err(LedgerError::Broken {
                    number: again.lines.len() as u32,
                    first: mark.chunk.from,
                    last: mark.chunk.to,
                });
            }
            on(Progress::Checked { done: again.lines.len() as u64, total });
        }
        let mut rest = &self.tail[..];
        while let Some(record) = Record::read(&mut rest) {
            again.link(&record, None)?;
        }
        on(Progress::Checked { done: again.lines.len() as u64, total });
        Ok(again)
    }
}
