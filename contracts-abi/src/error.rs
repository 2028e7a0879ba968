//! Why the chain refused a transaction, as a type to act on and a sentence to read.
//!
//! A contract refuses with a few bytes. [`ContractError::decode`] turns them into one variant per reason, whose
//! `Display` says in plain English what happened and, where something can be done, what to do.

mod from;
#[cfg(test)]
mod tests;
mod words;

use alloy_primitives::{Address, B256, Bytes, U256, hex};
use alloy_sol_types::{Panic, Revert, SolError, SolInterface};

use self::words::{panic_meaning, percent, seconds, stale_base, text_length, unknown_version, wad};
use crate::amount::{format, format_short};
use crate::bindings::factory::ModelFactory::ModelFactoryErrors;
use crate::bindings::model::Model::ModelErrors;

/// Errors of the libraries inside the contracts, which their ABIs do not list.
#[allow(missing_docs, unreachable_pub)]
mod library {
    alloy_sol_types::sol! {
        interface Library {
            error DeploymentFailed();
            error ExpOverflow();
            error FullMulDivFailed();
        }
    }
}
use library::Library::LibraryErrors;

/// A reason for which a contract refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ContractError {
    // ─── Training ────────────────────────────────────────────────────────────────────────────────────────────────
    /// The training started from a version that is not the newest.
    #[error("{}", stale_base(*base, *head))]
    StaleBase {
        /// Version the training started from.
        base: u32,
        /// Newest version now.
        head: u32,
    },
    /// The training would be paid nothing.
    #[error("This training would earn nothing: it has too few steps, or the pool is nearly empty.")]
    ZeroReward,
    /// The reward has fallen since it was quoted.
    #[error(
        "The reward has fallen to {} tokens, less than the {} you accept. Accept less, or train longer.",
        format(*reward), format(*min_reward)
    )]
    RewardBelowMinimum {
        /// Reward now, in base units.
        reward: U256,
        /// Least the worker accepts, in base units.
        min_reward: U256,
    },
    /// The claimed accuracy is above 100%.
    #[error(
        "An accuracy of {}% cannot be: the most is {}%.",
        percent(*accuracy_ppm), percent(*maximum)
    )]
    AccuracyOutOfRange {
        /// Claimed accuracy, in parts per million.
        accuracy_ppm: u32,
        /// Largest accuracy, in parts per million.
        maximum: u32,
    },
    /// The submission names no parameters.
    #[error("The submission does not name the parameters that the training produced.")]
    ParametersMissing,
    /// The training changed nothing.
    #[error("The training changed nothing: its parameters are those it started from.")]
    ParametersUnchanged {
        /// Hash of the parameters.
        parameters_hash: B256,
    },

    // ─── Use ─────────────────────────────────────────────────────────────────────────────────────────────────────
    /// The price has risen since it was quoted.
    #[error(
        "The price has risen to {} tokens, more than the {} you accept. Accept more, or use the model less.",
        format(*price), format(*max_price)
    )]
    PriceAboveMaximum {
        /// Price now, in base units.
        price: U256,
        /// Most the user accepts, in base units.
        max_price: U256,
    },
    /// There is no such version.
    #[error("{}", unknown_version(*version, *version_count))]
    UnknownVersion {
        /// Version asked for.
        version: u32,
        /// Number of versions.
        version_count: u32,
    },
    /// A request for no inference.
    #[error("Ask the model at least once.")]
    ZeroInferences,
    /// A path of too many points.
    #[error("{points} points are too many to draw at once: the most is {maximum}.")]
    TooManyPoints {
        /// Points asked for.
        points: U256,
        /// Most points at once.
        maximum: U256,
    },

    // ─── Training and use ────────────────────────────────────────────────────────────────────────────────────────
    /// The transaction was settled after its own deadline.
    #[error(
        "Your offer ran out {} before the chain came to it. Nothing was paid: send it again.",
        seconds(timestamp.saturating_sub(U256::from(*deadline)))
    )]
    DeadlinePassed {
        /// Last timestamp at which it could be settled, in seconds.
        deadline: u64,
        /// Timestamp of the block, in seconds.
        timestamp: U256,
    },

    // ─── Token ───────────────────────────────────────────────────────────────────────────────────────────────────
    /// The sender does not hold enough tokens.
    #[error("You do not hold enough of this model's tokens. Train the model to earn some.")]
    InsufficientBalance,
    /// The owner allowed less than the transaction moves.
    #[error("The owner of these tokens has not allowed you to move that many.")]
    InsufficientAllowance,
    /// A signed permit is used after its deadline.
    #[error("The signed permit has run out. Sign a new one.")]
    PermitExpired,
    /// A permit that its owner did not sign for this use.
    #[error(
        "The permit does not carry its owner's signature, or has been used before. Sign a new one."
    )]
    InvalidPermit,
    /// Tokens sent to where they could never move again.
    #[error("Tokens sent to {recipient} could never be moved again, so the transfer was stopped.")]
    InvalidRecipient {
        /// The model itself, or the zero address.
        recipient: Address,
    },

    // ─── Creation ────────────────────────────────────────────────────────────────────────────────────────────────
    /// The name is empty or too long.
    #[error("{}", text_length("name", *length, *minimum, *maximum))]
    NameLengthOutOfRange {
        /// Length in bytes.
        length: U256,
        /// Shortest length.
        minimum: U256,
        /// Longest length.
        maximum: U256,
    },
    /// The symbol is empty or too long.
    #[error("{}", text_length("symbol", *length, *minimum, *maximum))]
    SymbolLengthOutOfRange {
        /// Length in bytes.
        length: U256,
        /// Shortest length.
        minimum: U256,
        /// Longest length.
        maximum: U256,
    },
    /// The supply is too small or too large.
    #[error(
        "The supply is {} tokens; it must be from {} to {}.",
        format(*supply), format(*minimum), format_short(*maximum, 0)
    )]
    SupplyOutOfRange {
        /// Supply, in base units.
        supply: U256,
        /// Smallest supply.
        minimum: U256,
        /// Largest supply.
        maximum: U256,
    },
    /// One reference training would earn next to nothing, or more than half of the pool.
    #[error(
        "The speed of the reward curve (alpha) is {}; it must be from {} to {}, so that one reference training \
         earns between a millionth and half of the pool.",
        wad(*alpha), wad(*minimum), wad(*maximum)
    )]
    AlphaOutOfRange {
        /// Alpha, as WAD.
        alpha: u64,
        /// Smallest alpha.
        minimum: u64,
        /// Largest alpha.
        maximum: u64,
    },
    /// A reference training without steps.
    #[error(
        "A reference training has {reference_steps} steps; it must have from {minimum} to {maximum}."
    )]
    ReferenceStepsOutOfRange {
        /// Steps of one reference training.
        reference_steps: u32,
        /// Fewest steps.
        minimum: u32,
        /// Most steps.
        maximum: u32,
    },
    /// One inference weighs nothing, or more than a reference training.
    #[error(
        "One inference weighs {} of a reference training; it must weigh from {} to {}.",
        wad(*inference_unit), wad(*minimum), wad(*maximum)
    )]
    InferenceUnitOutOfRange {
        /// Weight of one inference, as WAD.
        inference_unit: u64,
        /// Smallest weight.
        minimum: u64,
        /// Largest weight.
        maximum: u64,
    },
    /// The model has no manifest.
    #[error("The model needs a manifest, which names its architecture and its data.")]
    ManifestMissing,
    /// The model has no first parameters.
    #[error("The model needs first parameters to start from.")]
    GenesisMissing,
    /// Somebody other than the factory tried to set up a model.
    #[error("Only the factory sets up a model; {caller} is not the factory.")]
    OnlyFactory {
        /// Who tried.
        caller: Address,
    },
    /// The model is set up already.
    #[error("The model has been set up before.")]
    AlreadyInitialized,

    // ─── Anything else ───────────────────────────────────────────────────────────────────────────────────────────
    /// A reason in words, from a contract that is not ours.
    #[error("The contract refused: {reason}")]
    Message {
        /// What it said.
        reason: String,
    },
    /// A check of the language itself failed.
    #[error("The contract stopped on a fault of its own: {} (code {code}).", panic_meaning(*code))]
    Panic {
        /// Solidity's panic code.
        code: U256,
    },
    /// A library inside the contract refused; no input through the page should lead here.
    #[error("The contract stopped on a fault of its own: {name}.")]
    Internal {
        /// Name of the library's error.
        name: &'static str,
    },
    /// The contract gave no reason: mostly too little gas, or an address without this contract.
    #[error(
        "The contract refused without a reason. Is this the right network, and is there enough gas?"
    )]
    NoReason,
    /// Bytes that no known contract would send.
    #[error("The contract refused for a reason this page does not know ({data}).")]
    Unknown {
        /// The bytes.
        data: Bytes,
    },
}

impl ContractError {
    /// The reason in the bytes with which a call or transaction was refused. Every input has an answer.
    pub fn decode(data: &[u8]) -> Self {
        if data.is_empty() {
            return Self::NoReason;
        }
        if let Ok(error) = ModelErrors::abi_decode(data) {
            return error.into();
        }
        if let Ok(error) = ModelFactoryErrors::abi_decode(data) {
            return error.into();
        }
        if let Ok(error) = LibraryErrors::abi_decode(data) {
            return error.into();
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

    /// Whether the same intent may succeed when it is quoted or started anew: the world moved, nobody erred.
    pub fn is_retryable(&self) -> bool {
        matches!(
            self,
            Self::StaleBase { .. }
                | Self::RewardBelowMinimum { .. }
                | Self::PriceAboveMaximum { .. }
                | Self::DeadlinePassed { .. }
                | Self::PermitExpired
        )
    }
}
