//! What Rust knows of the contracts: typed calls, events and errors from the compiled ABIs, the sentence for each
//! way a transaction can be refused, the contract's curve bit for bit, and token amounts as people write them.
//!
//! It knows no transport and no page: [`alloy_sol_types`] encodes and decodes, and whoever calls sends the bytes.

pub mod amount;
pub mod bindings;
pub mod curve;
pub mod error;
pub mod job;

/// Bytes of a part of a file in [`ParameterStore`], as the contract cuts it (`PART`).
pub const STORED_PART: usize = 24_575;

pub use bindings::factory::{IModelFactory, ModelFactory};
pub use bindings::jobs::Jobs;
pub use bindings::jury::Jury;
pub use bindings::model::{IModel, Model};
pub use bindings::parameters::ParameterStore;
pub use bindings::roster::Roster;
pub use bindings::scores::Scores;
pub use bindings::vault::Vault;
pub use error::ContractError;
pub use job::{JobKind, JobState, seed_of_claim, training_seed};
