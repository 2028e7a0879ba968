//! Why the chain refused a transaction, as a name to act on and a sentence to read.
//!
//! A contract refuses with a few bytes. [`ContractError::decode`] turns them into a sentence that says what happened
//! and, where something can be done, what to do. The sentences stand in [`words`], one for each error of the ABIs.

#[cfg(test)]
mod tests;
mod words;

use std::fmt;

use alloy_primitives::{Address, Bytes, U256, hex, keccak256};
use alloy_sol_types::{Panic, Revert, SolError};

use crate::amount;

/// A reason for which a contract refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ContractError {
    /// An error of our contracts.
    Custom {
        /// Its name in Solidity.
        name: &'static str,
        /// What it says, with its arguments.
        sentence: String,
    },
    /// A reason in words, from a contract that is not ours.
    Message {
        /// What it said.
        reason: String,
    },
    /// A check of the language itself failed.
    Panic {
        /// Solidity's panic code.
        code: U256,
    },
    /// The contract gave no reason: mostly too little gas, or an address without this contract.
    NoReason,
    /// Bytes that no known contract would send.
    Unknown {
        /// The bytes.
        data: Bytes,
    },
}

impl fmt::Display for ContractError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Custom { sentence, .. } => f.write_str(sentence),
            Self::Message { reason } => write!(f, "The contract refused: {reason}"),
            Self::Panic { code } => {
                let meaning = Panic { code: *code }.kind().map_or("an unknown failure", |k| k.as_str());
                write!(f, "The contract stopped on a fault of its own: {meaning} (code {code}).")
            }
            Self::NoReason => f.write_str(
                "The contract refused without a reason. Is this the right network, and is there enough gas?",
            ),
            Self::Unknown { data } => {
                write!(f, "The contract refused for a reason this page does not know ({data}).")
            }
        }
    }
}

impl std::error::Error for ContractError {}

impl ContractError {
    /// The reason in the bytes with which a call or transaction was refused. Every input has an answer.
    pub fn decode(data: &[u8]) -> Self {
        if data.is_empty() {
            return Self::NoReason;
        }
        if let Some(custom) = Self::custom(data) {
            return custom;
        }
        if let Ok(Revert { reason }) = Revert::abi_decode(data) {
            return Self::Message { reason };
        }
        match Panic::abi_decode(data) {
            Ok(Panic { code }) => Self::Panic { code },
            Err(_) => Self::Unknown { data: Bytes::copy_from_slice(data) },
        }
    }

    /// Like [`decode`](Self::decode), for the hexadecimal text of a JSON-RPC answer, with or without `0x`.
    /// `None` when the text is not hexadecimal.
    pub fn decode_hex(text: &str) -> Option<Self> {
        hex::decode(text.trim()).ok().map(|data| Self::decode(&data))
    }

    /// The error's name in Solidity, if it is one of our contracts'.
    pub fn name(&self) -> Option<&'static str> {
        match self {
            Self::Custom { name, .. } => Some(name),
            _ => None,
        }
    }

    /// Whether the same intent may succeed when it is quoted or started anew: the world moved, nobody erred.
    pub fn is_retryable(&self) -> bool {
        self.name().is_some_and(|name| words::RETRYABLE.contains(&name))
    }

    fn custom(data: &[u8]) -> Option<Self> {
        let (selector, arguments) = data.split_first_chunk::<4>()?;
        let (signature, template) = words::SENTENCES
            .iter()
            .find(|(signature, _)| keccak256(signature.as_bytes()).starts_with(selector))?;
        let (name, types) = signature.split_once('(')?;
        let count = if types == ")" { 0 } else { types.split(',').count() };
        if arguments.len() != 32 * count {
            return None;
        }
        let words: Vec<U256> = arguments.chunks(32).map(U256::from_be_slice).collect();
        Some(Self::Custom { name, sentence: fill(template, &words) })
    }
}

/// Puts the arguments into a template: `{0}`, or `{0:kind}` with the kinds of [`show`].
fn fill(template: &str, arguments: &[U256]) -> String {
    let mut out = String::with_capacity(template.len() + 32);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let Some((slot, tail)) = after.split_once('}') else { break };
        let (index, kind) = slot.split_once(':').unwrap_or((slot, "number"));
        let value = index.parse().ok().and_then(|i: usize| arguments.get(i)).copied();
        out.push_str(&show(kind, value.unwrap_or_default()));
        rest = tail;
    }
    out.push_str(rest);
    out
}

fn show(kind: &str, value: U256) -> String {
    match kind {
        // Tokens and coins have eighteen decimals both, and so has a fixed-point number.
        "tokens" => amount::format(value),
        "short" => amount::format_short(value, 0),
        "percent" => percent(value),
        "duration" => duration(value),
        "time" => time(value),
        "account" => {
            let text = Address::from_word(value.into()).to_checksum(None);
            format!("{}…{}", &text[..6], &text[text.len() - 4..])
        }
        _ => value.to_string(),
    }
}

/// Parts per million as a percentage, without needless zeros.
fn percent(ppm: U256) -> String {
    let text = format!("{}.{:04}", ppm / U256::from(10_000), ppm % U256::from(10_000));
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Seconds in the largest unit that says enough.
fn duration(seconds: U256) -> String {
    let seconds = u64::try_from(seconds).unwrap_or(u64::MAX);
    let (count, unit) = match seconds {
        0..120 => (seconds, "second"),
        120..7_200 => (seconds / 60, "minute"),
        7_200..172_800 => (seconds / 3_600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

/// Seconds since 1970 as a date and time of day.
fn time(seconds: U256) -> String {
    let seconds = u64::try_from(seconds).unwrap_or(0).min(253_402_300_799);
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Civil date of a day count, after H. Hinnant's `civil_from_days`; all days are after 1970.
    let z = days + 719_468;
    let (era, day_of_era) = (z / 146_097, z % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year}-{month:02}-{day:02} {:02}:{:02} UTC", rest / 3_600, rest % 3_600 / 60)
}
