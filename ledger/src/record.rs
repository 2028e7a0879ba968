//! One entry of the log: its words as the contract hashes them, and a short form to keep.

use alloy_primitives::{Address, B256, keccak256};
use alloy_sol_types::SolEvent;
use delea_contracts_abi::{JobKind, Model};

use crate::{LedgerError, ledger::Line, rpc::RawLog};

/// Words of an entry in the order in which the contract hashes them after the hash before: job, kind, worker, the nine
/// of the settlement, amount, pool, number. Source: `IModel.JobSettled`.
const WORDS: usize = 15;
const WORD: usize = 32;
/// Words of the settlement and what follows it, and with the hash the whole of the event's data.
const DATA: usize = 12 * WORD;

/// Places of words.
const JOB: usize = 0;
const KIND: usize = 1;
const WORKER: usize = 2;
const UNITS: usize = 5;
const LATENCY: usize = 10;
const TIMEOUT: usize = 11;
const AMOUNT: usize = 12;
const NUMBER: usize = 14;

/// One entry of the log, without the hash that follows from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    block: u64,
    words: [u8; WORDS * WORD],
}

impl Record {
    /// An event of a model, and the hash that it states.
    ///
    /// # Errors
    /// [`LedgerError::Malformed`] for another event or another shape.
    pub fn from_log(log: &RawLog) -> Result<(Self, B256), LedgerError> {
        let malformed = |reason: String| LedgerError::malformed(log.block_number, reason);
        let [signature, topics @ ..] = &log.topics[..] else {
            return Err(malformed("it has no signature".into()));
        };
        if *signature != Model::JobSettled::SIGNATURE_HASH || topics.len() != 3 {
            return Err(malformed(format!("{signature} is another event")));
        }
        if log.data.len() != DATA + WORD {
            return Err(malformed(format!(
                "it has {} bytes of data, {} are needed",
                log.data.len(),
                DATA + WORD
            )));
        }
        let mut words = [0; WORDS * WORD];
        for (place, topic) in words.chunks_exact_mut(WORD).zip(topics) {
            place.copy_from_slice(topic.as_slice());
        }
        words[3 * WORD..].copy_from_slice(&log.data[..DATA]);
        Ok((Self { block: log.block_number, words }, B256::from_slice(&log.data[DATA..])))
    }

    /// Hash over the log up to this entry, from the hash before it.
    /// Equal to [`delea_contracts_abi::job::log_hash`] of the decoded event.
    pub fn hash(&self, before: B256) -> B256 {
        let mut input = [0; (WORDS + 1) * WORD];
        input[..WORD].copy_from_slice(before.as_slice());
        input[WORD..].copy_from_slice(&self.words);
        keccak256(input)
    }

    /// Place in the log, from 1.
    ///
    /// # Errors
    /// [`LedgerError::Malformed`] where it is no number of 32 bits.
    pub fn number(&self) -> Result<u32, LedgerError> {
        self.small(NUMBER, "number")
    }

    /// What scores depend on.
    ///
    /// # Errors
    /// [`LedgerError::Malformed`] for fields that no contract writes.
    pub fn line(&self) -> Result<Line, LedgerError> {
        let kind = JobKind::try_from(self.small::<u8>(KIND, "kind")?)
            .map_err(|error| LedgerError::malformed(self.block, error))?;
        Ok(Line {
            number: self.number()?,
            job: self.small(JOB, "job")?,
            kind,
            worker: self.worker()?,
            units: self.small(UNITS, "units")?,
            amount: self.small(AMOUNT, "amount")?,
            latency: self.small(LATENCY, "latency")?,
            timeout: self.small(TIMEOUT, "timeout")?,
            block: self.block,
        })
    }

    fn word(&self, place: usize) -> &[u8] {
        &self.words[place * WORD..][..WORD]
    }

    fn worker(&self) -> Result<Address, LedgerError> {
        let word = self.word(WORKER);
        match word[..12].iter().all(|byte| *byte == 0) {
            true => Ok(Address::from_slice(&word[12..])),
            false => Err(LedgerError::malformed(self.block, "its worker is no address")),
        }
    }

    fn small<T: TryFrom<u128>>(&self, place: usize, what: &str) -> Result<T, LedgerError> {
        let (high, low) = self.word(place).split_at(16);
        let number = low.iter().fold(0, |number, byte| number << 8 | u128::from(*byte));
        let fits = high.iter().all(|byte| *byte == 0);
        T::try_from(number).ok().filter(|_| fits).ok_or_else(|| {
            LedgerError::malformed(
                self.block,
                format!("its {what} is larger than the contract allows"),
            )
        })
    }

    /// Appends the short form: the block, then each word without its leading zeros, after its length.
    pub fn write(&self, to: &mut Vec<u8>) {
        to.extend_from_slice(&self.block.to_be_bytes());
        for word in self.words.chunks_exact(WORD) {
            let zeros = word.iter().take_while(|byte| **byte == 0).count();
            to.push((WORD - zeros) as u8);
            to.extend_from_slice(&word[zeros..]);
        }
    }

    /// Takes one record off the front; nothing if it is cut or no record.
    pub fn read(from: &mut &[u8]) -> Option<Self> {
        let (block, mut rest) = from.split_first_chunk()?;
        let mut words = [0; WORDS * WORD];
        for word in words.chunks_exact_mut(WORD) {
            let (length, tail) = rest.split_first()?;
            let length = usize::from(*length);
            let (digits, tail) = tail.split_at_checked(length)?;
            word.get_mut(WORD.checked_sub(length)?..)?.copy_from_slice(digits);
            rest = tail;
        }
        let block = u64::from_be_bytes(*block);
        *from = rest;
        Some(Self { block, words })
    }
}
