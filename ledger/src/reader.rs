//! Reading a log: in pieces, from several nodes, over outages, limits and reorganisations.

use alloy_primitives::{Address, B256};
use alloy_sol_types::{SolCall, SolEvent};
use delea_contracts_abi::Model;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    Chunk, Ledger, LedgerError, RawLog, Record, Shelf, Source,
    ledger::Mark,
    report::{Verdict, Witness},
    rpc::{self, Failure},
};

/// Blocks asked for at first: most public nodes accept that many.
const WIDTH: u64 = 10_000;
/// And at most.
const WIDEST: u64 = 320_000;
/// Entries from which a piece is wide enough.
const ENOUGH: usize = 4_000;
/// Answers without a refusal after which wider pieces are tried again.
const CALM: u32 = 16;
/// Rounds over all nodes before a question is given up, and milliseconds after the first; each pause is twice the last.
const ROUNDS: u32 = 6;
const PAUSE_MS: u32 = 250;
/// Entries from which an answer may have been cut without a word, and how often it is asked for again in halves.
const CUT: usize = 100;
const NARROWER: usize = 16;
/// Bytes of records that make a kept piece, and pieces read until one is kept in any case.
const KEPT_BYTES: usize = 1 << 18;
const KEPT_PIECES: u32 = 32;
/// A kept piece of fewer entries is put together with the next.
const SMALL: u32 = 500;

/// What is read, and from where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Nodes of the chain. The first is asked, the others where it fails, and all of them for their word in the end.
    pub urls: Vec<String>,
    /// The model.
    pub model: Address,
    /// First block that can hold its events.
    pub from_block: u64,
    /// Blocks after which one counts as final and what it holds is kept.
    pub confirmations: u64,
}

/// How far reading is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Progress {
    /// Entries that were kept are checked.
    Checked {
        /// So many.
        done: u64,
        /// Of so many.
        total: u64,
    },
    /// Blocks are read.
    Read {
        /// So many.
        done: u64,
        /// Of so many.
        total: u64,
        /// Entries known.
        entries: u64,
    },
}

/// What came of reading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// Latest block read.
    pub head: u64,
    /// Latest block that is kept.
    pub safe: u64,
    /// Entries that had been kept.
    pub kept: u64,
    /// What each node says of the log.
    pub witnesses: Vec<Witness>,
}

/// Nodes that are asked in turn.
struct Nodes<'a, S> {
    source: &'a S,
    urls: &'a [String],
    preferred: usize,
}

impl<'a, S: Source> Nodes<'a, S> {
    /// Nodes from the preferred one on.
    fn order(&self) -> impl Iterator<Item = usize> + use<S> {
        let (first, count) = (self.preferred, self.urls.len());
        (0..count).map(move |i| (first + i) % count)
    }

    /// The first answer of any node, over outages and refusals.
    async fn any<T, F: Future<Output = Result<T, Failure>>>(
        &mut self,
        question: impl Fn(&'a S, &'a str) -> F,
    ) -> Result<T, LedgerError> {
        Ok(self.any_but(usize::MAX, question).await?)
    }

    /// The same, but no more than so many refusals.
    async fn any_but<T, F: Future<Output = Result<T, Failure>>>(
        &mut self,
        mut refusals: usize,
        question: impl Fn(&'a S, &'a str) -> F,
    ) -> Result<T, Failure> {
        let mut last = Failure::Passing(LedgerError::Unreachable {
            endpoint: "none".into(),
            reason: "no address of a node is set".into(),
        });
        for round in 0..ROUNDS {
            for node in self.order() {
                match question(self.source, &self.urls[node]).await {
                    Ok(answer) => {
                        self.preferred = node;
                        return Ok(answer);
                    }
                    Err(failure) => {
                        refusals -= usize::from(matches!(failure, Failure::Refusal(_)));
                        if refusals == 0 {
                            return Err(failure);
                        }
                        last = failure;
                    }
                }
            }
            if round + 1 < ROUNDS {
                self.source.pause(PAUSE_MS << round).await;
            }
        }
        Err(last)
    }

    async fn log_hash(&mut self, model: Address, block: u64) -> Result<B256, LedgerError> {
        self.any(|source, url| log_hash(source, url, model, block)).await
    }

    async fn block_hash(&mut self, number: u64) -> Result<B256, LedgerError> {
        self.any(|source, url| rpc::block_hash(source, url, number)).await
    }
}

async fn log_hash<S: Source>(
    source: &S,
    url: &str,
    model: Address,
    block: u64,
) -> Result<B256, Failure> {
    let answer = rpc::call(source, url, model, &Model::logHashCall {}.abi_encode(), block).await?;
    Model::logHashCall::abi_decode_returns(&answer).map_err(|_| {
        Failure::Refusal(LedgerError::Request {
            reason: format!("there is no model at {model} on the chain of {}", rpc::host(url)),
        })
    })
}

async fn events<S: Source>(
    source: &S,
    url: &str,
    model: Address,
    from: u64,
    to: u64,
) -> Result<Vec<RawLog>, Failure> {
    let filter = json!([{
        "address": model,
        "topics": [Model::JobSettled::SIGNATURE_HASH],
        "fromBlock": format!("{from:#x}"),
        "toBlock": format!("{to:#x}"),
    }]);
    rpc::ask(source, url, "eth_getLogs", filter).await
}

/// How wide the next piece is.
struct Width {
    blocks: u64,
    most: u64,
    calm: u32,
}

impl Width {
    /// After a refusal.
    fn shrink(&mut self, asked: u64) {
        self.blocks = (asked / 2).max(1);
        self.most = self.blocks;
        self.calm = 0;
    }

    /// After an answer.
    fn grow(&mut self, entries: usize) {
        self.calm += 1;
        if self.calm.is_multiple_of(CALM) {
            self.most = (self.most * 2).min(WIDEST);
        }
        if entries < ENOUGH {
            self.blocks = (self.blocks * 2).min(self.most);
        }
    }
}

/// What a question for a piece came to.
enum Piece {
    /// It is added.
    Added {
        /// Entries that were not known.
        new: usize,
        /// Entries in the answer.
        told: usize,
    },
    /// It was too much at once.
    TooWide,
    /// Its first entry does not follow from the last one known.
    Gap,
}

/// Entries that are missing.
#[derive(Default)]
struct Gap {
    /// Entries before them.
    entries: usize,
    /// What was tried since.
    tries: usize,
    /// Entries in the answer that held the last one.
    told: usize,
}

impl Ledger {
    /// Reads what is new since the last time, or all of it. What was read is kept at once, so reading that was ended
    /// goes on where it was.
    ///
    /// # Errors
    /// [`LedgerError`] where no node gives a whole log.
    pub async fn read<S: Source, K: Shelf>(
        &mut self,
        source: &S,
        shelf: &K,
        target: &Target,
        on: &mut impl FnMut(Progress),
    ) -> Result<Standing, LedgerError> {
        let mut nodes = Nodes { source, urls: &target.urls, preferred: 0 };
        // First the end is read anew, since a reorganisation may have come between; then all of it, with another node
        // first each time, since one may have made a log up that only its end gives away.
        let mut others = 0..target.urls.len();
        let mut again = false;
        loop {
            let failed = match self.read_once(&mut nodes, shelf, target, on).await {
                Ok((standing, held)) if held == self.hash => return Ok(standing),
                Ok((_, held)) => {
                    LedgerError::Short { number: self.lines.len() as u32, found: self.hash, held }
                }
                Err(error @ LedgerError::Broken { .. }) => error,
                Err(error) => return Err(error),
            };
            if std::mem::replace(&mut again, true) {
                nodes.preferred = others.next().ok_or(failed)?;
                shelf.forget_from(0).await;
                *self = Self::default();
            }
        }
    }

    /// Reads to the latest block; the hash that the contract holds there.
    async fn read_once<S: Source, K: Shelf>(
        &mut self,
        nodes: &mut Nodes<'_, S>,
        shelf: &K,
        target: &Target,
        on: &mut impl FnMut(Progress),
    ) -> Result<(Standing, B256), LedgerError> {
        self.rewind();
        let head = nodes.any(|source, url| rpc::height(source, url)).await?;
        if self.marks.is_empty() {
            self.take_down(nodes, shelf, head, on).await?;
        } else {
            self.drop_reorganised(nodes, shelf, head).await?;
        }
        let kept = self.lines.len() as u64;
        let safe = head.saturating_sub(target.confirmations);
        let begin = self.marks.last().map_or(target.from_block, |mark| mark.chunk.to + 1);
        let total = (head + 1).saturating_sub(begin);
        let mut width = Width { blocks: WIDTH, most: WIDEST, calm: 0 };
        let (mut at, mut unkept, mut gap) = (begin, 0, Gap::default());
        let held = loop {
            if at > head {
                let held = nodes.log_hash(target.model, head).await?;
                if held == self.hash {
                    break held;
                }
                match self.go_back(nodes, target, &mut gap, &mut width) {
                    Some(since) => at = since,
                    None => break held,
                }
            }
            let end = if at <= safe { safe } else { head };
            let to = end.min(at.saturating_add(width.blocks - 1));
            match self.piece(nodes, target, at, to).await? {
                Piece::TooWide => {
                    width.shrink(to - at + 1);
                    continue;
                }
                Piece::Gap => {
                    let (number, first) = (self.lines.len() as u32, at);
                    at = self
                        .go_back(nodes, target, &mut gap, &mut width)
                        .ok_or(LedgerError::Broken { number, first, last: to })?;
                    continue;
                }
                Piece::Added { new, told } => {
                    if new > 0 {
                        gap.told = told;
                    }
                    width.grow(told);
                }
            }
            at = to + 1;
            unkept += 1;
            let full = self.tail.len() > KEPT_BYTES || unkept >= KEPT_PIECES;
            if to == safe || to < safe && full {
                self.keep(nodes, shelf, target.from_block, to).await?;
                unkept = 0;
            }
            let (done, entries) = (at.saturating_sub(begin), self.lines.len() as u64);
            on(Progress::Read { done: done.min(total), total, entries });
        };
        let witnesses = self.hear(nodes, target, safe, head, held).await?;
        Ok((Standing { head, safe, kept, witnesses }, held))
    }

    /// Where to begin again when entries are missing: with the block of the last one, at another node first, then in
    /// smaller pieces if the last answer may have been cut without a word, as some nodes do. Nowhere if all that was
    /// tried.
    fn go_back<S: Source>(
        &self,
        nodes: &mut Nodes<'_, S>,
        target: &Target,
        gap: &mut Gap,
        width: &mut Width,
    ) -> Option<u64> {
        if gap.entries != self.lines.len() {
            *gap = Gap { entries: self.lines.len(), tries: 0, told: gap.told };
        }
        let others = nodes.urls.len();
        if gap.tries >= others {
            if gap.told < CUT || gap.tries > others + NARROWER {
                return None;
            }
            width.shrink(width.blocks / 2);
        }
        nodes.preferred = (nodes.preferred + 1) % others;
        gap.tries += 1;
        Some(self.lines.last().map_or(target.from_block, |line| line.block))
    }

    /// Adds the entries of some blocks.
    async fn piece<S: Source>(
        &mut self,
        nodes: &mut Nodes<'_, S>,
        target: &Target,
        from: u64,
        to: u64,
    ) -> Result<Piece, LedgerError> {
        for node in nodes.order() {
            let url = &nodes.urls[node];
            let logs = match events(nodes.source, url, target.model, from, to).await {
                Ok(logs) => logs,
                Err(_) => {
                    // A limit is refused again, a mood passes.
                    let refusals = if to > from { 2 } else { usize::MAX };
                    let ask = |source, url| events(source, url, target.model, from, to);
                    match nodes.any_but(refusals, ask).await {
                        Ok(logs) => logs,
                        Err(Failure::Refusal(_)) if to > from => return Ok(Piece::TooWide),
                        Err(failure) => return Err(failure.into()),
                    }
                }
            };
            let known = self.lines.len();
            if self.follow_all(&logs)? {
                nodes.preferred = node;
                return Ok(Piece::Added { new: self.lines.len() - known, told: logs.len() });
            }
            // What came before the break is right as far as one can see; the rest is asked for again.
            if self.lines.len() > known && to > from {
                return Ok(Piece::TooWide);
            }
        }
        Ok(Piece::Gap)
    }

    fn follow_all(&mut self, logs: &[RawLog]) -> Result<bool, LedgerError> {
        for log in logs {
            let (record, stated) = Record::from_log(log)?;
            if !self.follow(&record, stated)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Puts what came since the last mark on the shelf.
    async fn keep<S: Source, K: Shelf>(
        &mut self,
        nodes: &mut Nodes<'_, S>,
        shelf: &K,
        begin: u64,
        to: u64,
    ) -> Result<(), LedgerError> {
        let block_hash = nodes.block_hash(to).await?;
        let mut records = std::mem::take(&mut self.tail);
        let mut chunk = Chunk {
            from: self.marks.last().map_or(begin, |mark| mark.chunk.to + 1),
            to,
            block_hash,
            entries: 0,
            log_hash: self.hash,
        };
        if let Some(small) = self.marks.pop_if(|mark| mark.chunk.entries < SMALL) {
            match shelf.get(small.chunk.from).await {
                Some(mut joined) => {
                    joined.append(&mut records);
                    (chunk.from, records) = (small.chunk.from, joined);
                }
                None => self.marks.push(small),
            }
        }
        let before = self.marks.last().map_or(0, |mark| mark.lines);
        chunk.entries = (self.lines.len() - before) as u32;
        shelf.put(chunk, &records).await;
        self.marks.push(Mark { chunk, lines: self.lines.len() });
        Ok(())
    }

    /// Takes what is kept from the shelf, as far as it is the chain's still and fits together.
    async fn take_down<S: Source, K: Shelf>(
        &mut self,
        nodes: &mut Nodes<'_, S>,
        shelf: &K,
        head: u64,
        on: &mut impl FnMut(Progress),
    ) -> Result<(), LedgerError> {
        let mut chunks = shelf.list().await;
        chunks.sort_unstable_by_key(|chunk| chunk.from);
        while let Some(last) = chunks.last().copied() {
            if self.is_current(nodes, &last, head).await? {
                break;
            }
            shelf.forget_from(last.from).await;
            chunks.pop();
            // A chain that began anew has none of them.
            if let Some(first) = chunks.first().copied()
                && !self.is_current(nodes, &first, head).await?
            {
                shelf.forget_from(first.from).await;
                return Ok(());
            }
        }
        let total = chunks.iter().map(|chunk| u64::from(chunk.entries)).sum();
        for chunk in chunks {
            let whole = match shelf.get(chunk.from).await {
                Some(records) => self.restore(chunk, &records),
                None => false,
            };
            if !whole {
                shelf.forget_from(chunk.from).await;
                break;
            }
            on(Progress::Checked { done: self.lines.len() as u64, total });
        }
        Ok(())
    }

    /// Forgets pieces that are not the chain's any more.
    async fn drop_reorganised<S: Source, K: Shelf>(
        &mut self,
        nodes: &mut Nodes<'_, S>,
        shelf: &K,
        head: u64,
    ) -> Result<(), LedgerError> {
        while let Some(mark) = self.marks.last().copied() {
            if self.is_current(nodes, &mark.chunk, head).await? {
                break;
            }
            shelf.forget_from(mark.chunk.from).await;
            self.marks.pop();
        }
        self.rewind();
        Ok(())
    }

    async fn is_current<S: Source>(
        &self,
        nodes: &mut Nodes<'_, S>,
        chunk: &Chunk,
        head: u64,
    ) -> Result<bool, LedgerError> {
        Ok(chunk.to <= head && nodes.block_hash(chunk.to).await? == chunk.block_hash)
    }

    /// Asks every node for its word: the same final block, and the same log.
    async fn hear<S: Source>(
        &self,
        nodes: &mut Nodes<'_, S>,
        target: &Target,
        safe: u64,
        head: u64,
        held: B256,
    ) -> Result<Vec<Witness>, LedgerError> {
        let ours = nodes.block_hash(safe).await?;
        let mut witnesses = Vec::with_capacity(nodes.urls.len());
        for (node, url) in nodes.urls.iter().enumerate() {
            let verdict = if node == nodes.preferred {
                Verdict::Agrees
            } else {
                match said(nodes.source, url, target.model, safe, head).await {
                    Ok((block, _)) if block != ours => Verdict::OtherChain,
                    Ok((_, log)) if log != held => Verdict::OtherLog,
                    Ok(_) => Verdict::Agrees,
                    Err(failure) => Verdict::Silent(LedgerError::from(failure).to_string()),
                }
            };
            witnesses.push(Witness { endpoint: rpc::host(url), verdict });
        }
        Ok(witnesses)
    }
}

async fn said<S: Source>(
    source: &S,
    url: &str,
    model: Address,
    safe: u64,
    head: u64,
) -> Result<(B256, B256), Failure> {
    let block = rpc::block_hash(source, url, safe).await?;
    Ok((block, log_hash(source, url, model, head).await?))
}
