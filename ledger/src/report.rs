//! What a page shows of a log: epochs, workers, jobs, each with the numbers that it follows from.

use std::fmt::Write;

use alloy_primitives::{Address, B256};
use delea_contracts_abi::JobKind;
use delea_scoring::{Board, TEMPERATURE, WeightTree, epoch_of, score, weights, win_rates};
use serde::{Deserialize, Serialize};

use crate::{Ledger, Line};

/// What a node says of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// It holds the same log.
    Agrees,
    /// Its chain is another one.
    OtherChain,
    /// Its contract holds another hash: it, or the others, leave something out.
    OtherLog,
    /// It says nothing; why.
    Silent(String),
}

/// A node and its word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Witness {
    /// The node.
    pub endpoint: String,
    /// What it says.
    pub verdict: Verdict,
}

/// An epoch in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EpochHead {
    /// Its number.
    pub epoch: u64,
    /// Workers who did anything.
    pub workers: u32,
    /// Trainings settled.
    pub trainings: u32,
    /// Inferences settled, as jobs.
    pub inferences: u32,
    /// Sum of all scores, WAD.
    pub total: u128,
    /// Part of it from trainings, WAD.
    pub train: u128,
    /// Inferences that emission counts.
    pub units: u32,
    /// Tokens that they paid, base units.
    pub paid: u128,
}

/// A worker's line in an epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Who.
    pub worker: Address,
    /// Score of trainings, WAD.
    pub train: u128,
    /// Score of inferences, WAD.
    pub infer: u128,
    /// Trainings.
    pub trainings: u32,
    /// Inferences, as jobs.
    pub inferences: u32,
    /// Share of comparisons won, WAD.
    pub rate: u128,
    /// Weight, WAD.
    pub weight: u128,
    /// What a claim by weight needs.
    pub proof: Vec<B256>,
}

/// An epoch whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EpochReport {
    /// Its sums.
    pub head: EpochHead,
    /// Root over the weights: what is to be posted.
    pub root: B256,
    /// Its workers, the heaviest first.
    pub rows: Vec<Row>,
}

/// A worker's epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerEpoch {
    /// The epoch.
    pub head: EpochHead,
    /// Root over its weights.
    pub root: B256,
    /// The worker's line.
    pub row: Row,
    /// Tokens that its trainings were paid, base units.
    pub earned: u128,
}

/// A job with its score.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobLine {
    /// Place in the log.
    pub number: u32,
    /// Number of the job.
    pub job: u64,
    /// Whether it is a training.
    pub training: bool,
    /// Steps, or inferences.
    pub units: u32,
    /// Tokens paid, base units.
    pub amount: u128,
    /// Seconds that it took.
    pub latency: u32,
    /// Seconds that there were.
    pub timeout: u32,
    /// Block of the settlement.
    pub block: u64,
    /// Score, WAD.
    pub score: u128,
}

impl From<&Line> for JobLine {
    fn from(line: &Line) -> Self {
        Self {
            number: line.number,
            job: line.job,
            training: line.kind == JobKind::Train,
            units: line.units,
            amount: line.amount,
            latency: line.latency,
            timeout: line.timeout,
            block: line.block,
            score: score(line.kind, line.latency, line.timeout),
        }
    }
}

impl EpochHead {
    fn of(board: &Board, epoch: u64) -> Self {
        let sums = board.sums(epoch);
        let mut head = Self {
            epoch,
            workers: 0,
            trainings: 0,
            inferences: 0,
            total: sums.total,
            train: 0,
            units: sums.inferences,
            paid: sums.paid,
        };
        for (_, scores) in board.workers(epoch) {
            head.workers += 1;
            head.trainings += scores.trainings;
            head.inferences += scores.inferences;
            head.train += scores.train;
        }
        head
    }
}

impl Ledger {
    /// Epochs in which anybody worked for others, oldest first.
    pub fn epochs(&self) -> Vec<EpochHead> {
        let board = Self::board(&self.lines);
        board.epochs().map(|epoch| EpochHead::of(&board, epoch)).collect()
    }

    /// An epoch's scores, win rates, weights and proofs; nothing where nobody worked in it.
    pub fn report(&self, epoch: u64) -> Option<EpochReport> {
        let board = Self::board(self.epoch(epoch));
        let totals = board.totals(epoch);
        let rates = win_rates(&totals.iter().map(|(_, total)| *total).collect::<Vec<_>>());
        // The temperature is not zero.
        let weights = weights(&totals, TEMPERATURE).unwrap_or_default();
        let tree = WeightTree::new(&weights)?;
        // All three are in the order of addresses.
        let mut rows: Vec<Row> = board
            .workers(epoch)
            .zip(rates)
            .zip(&weights)
            .map(|(((worker, scores), rate), (_, weight))| Row {
                worker,
                train: scores.train,
                infer: scores.infer,
                trainings: scores.trainings,
                inferences: scores.inferences,
                rate,
                weight: *weight,
                proof: tree.proof(worker, *weight).unwrap_or_default(),
            })
            .collect();
        rows.sort_by_key(|row| std::cmp::Reverse(row.weight));
        Some(EpochReport { head: EpochHead::of(&board, epoch), root: tree.root(), rows })
    }

    /// The epochs in which a worker did anything, newest first, at most `most`.
    pub fn worker(&self, worker: Address, most: usize) -> Vec<WorkerEpoch> {
        let mut found: Vec<WorkerEpoch> = Vec::new();
        for line in self.lines.iter().rev().filter(|line| line.job != 0 && line.worker == worker) {
            let earned = if line.kind == JobKind::Train { line.amount } else { 0 };
            let epoch = epoch_of(line.block);
            if let Some(last) = found.last_mut().filter(|last| last.head.epoch == epoch) {
                last.earned += earned;
                continue;
            }
            if found.len() == most {
                break;
            }
            let Some(EpochReport { head, root, rows }) = self.report(epoch) else { continue };
            let row = rows.into_iter().find(|row| row.worker == worker);
            found.extend(row.map(|row| WorkerEpoch { head, root, row, earned }));
        }
        found
    }

    /// A worker's jobs in an epoch, or everybody's.
    pub fn jobs(&self, epoch: u64, worker: Option<Address>) -> Vec<JobLine> {
        let lines = self.epoch(epoch).iter();
        lines
            .filter(|line| line.job != 0 && worker.is_none_or(|worker| worker == line.worker))
            .map(JobLine::from)
            .collect()
    }
}

/// An epoch's jobs as a table of comma-separated values, with what each adds to its worker's score.
pub fn epoch_csv(ledger: &Ledger, epoch: u64) -> String {
    let mut text =
        String::from("number,job,epoch,block,worker,kind,units,amount,latency,timeout,score_wad\n");
    for line in ledger.epoch(epoch).iter().filter(|line| line.job != 0) {
        let kind = if line.kind == JobKind::Train { "train" } else { "infer" };
        let score = score(line.kind, line.latency, line.timeout);
        let _ = writeln!(
            text,
            "{},{},{},{},{},{kind},{},{},{},{},{score}",
            line.number,
            line.job,
            epoch_of(line.block),
            line.block,
            line.worker,
            line.units,
            line.amount,
            line.latency,
            line.timeout
        );
    }
    text
}
