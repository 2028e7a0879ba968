//! What can go wrong, said so that the reader knows what to do about it.

use serde::{Deserialize, Serialize};

/// An error of the runtime. Each message names the place, what was found and the limit or remedy.
#[derive(Debug, Clone, PartialEq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum RuntimeError {
    /// The spec itself is not acceptable.
    #[error("layer {layer} ({kind}): {reason}")]
    BadLayer {
        /// Position of the layer, as in `3` or, inside a residual block, `3.1`.
        layer: String,
        /// The layer's type, as in `dense`.
        kind: String,
        /// What is wrong and what is accepted.
        reason: String,
    },
    /// A layer got an activation of a shape that it cannot take.
    #[error("layer {layer} ({kind}) needs {expected} but gets {found}")]
    ShapeMismatch {
        /// Position of the layer.
        layer: String,
        /// The layer's type.
        kind: String,
        /// The shape or rank it needs.
        expected: String,
        /// The shape that arrives.
        found: String,
    },
    /// A field of a spec, a configuration or a header is outside its bounds.
    #[error("{field} is {found}, but must be {expected}")]
    OutOfBounds {
        /// The field's name.
        field: String,
        /// The value found.
        found: String,
        /// The values accepted.
        expected: String,
    },
    /// The model would not fit in the memory a tab has.
    #[error(
        "training this model needs about {needed_mib} MiB, more than the {limit_mib} MiB a tab can give; use fewer or narrower layers, or a smaller batch"
    )]
    OutOfMemory {
        /// Estimated need, in MiB.
        needed_mib: u64,
        /// The limit, in MiB.
        limit_mib: u64,
    },
    /// A file is larger than the limit, seen before reading it.
    #[error("{name} is {found_mib} MiB; the limit is {limit_mib} MiB")]
    FileTooLarge {
        /// The file's name.
        name: String,
        /// Its size in MiB, rounded up.
        found_mib: u64,
        /// The limit in MiB.
        limit_mib: u64,
    },
    /// A compressed file unpacks to more than the limit.
    #[error(
        "{name} unpacks to more than {limit_mib} MiB; it is refused before it fills the memory"
    )]
    UnpacksTooLarge {
        /// The file's name.
        name: String,
        /// The limit in MiB.
        limit_mib: u64,
    },
    /// A table has a bad cell.
    #[error("{name}, row {row}, column {column}: {reason}")]
    BadCell {
        /// The file's name.
        name: String,
        /// Row, counted from 1 as an editor shows it.
        row: usize,
        /// Column, counted from 1.
        column: usize,
        /// What was found and what is accepted.
        reason: String,
    },
    /// A file is not what it claims to be.
    #[error("{name}: {reason}")]
    BadFile {
        /// The file's name.
        name: String,
        /// What was found and what is accepted.
        reason: String,
    },
    /// A parameter file does not fit the spec.
    #[error("parameter {name}: {reason}")]
    BadParameter {
        /// The tensor's name.
        name: String,
        /// What was found and what was expected.
        reason: String,
    },
    /// A graph uses operators that this runtime does not have.
    #[error(
        "the graph has operators that this runtime does not know: {}",
        nodes.join("; ")
    )]
    UnknownOperators {
        /// Each operator, with the nodes that use it.
        nodes: Vec<String>,
    },
    /// A node of a graph cannot do what it should.
    #[error("node {node}: {reason}")]
    BadNode {
        /// Its operator and name.
        node: String,
        /// What is wrong and what is accepted.
        reason: String,
    },
    /// A value stopped being a number.
    #[error("{place} is not a finite number; lower the learning rate or check the data")]
    NotFinite {
        /// Where: a tensor, a cell or "the loss at step n".
        place: String,
    },
    /// The bytes do not hash to what was asked for.
    #[error(
        "{what} hashes to {found}, but {expected} was asked for; fetch it again or from another source"
    )]
    WrongDigest {
        /// What was fetched.
        what: String,
        /// The digest of the bytes at hand, hex.
        found: String,
        /// The digest asked for, hex.
        expected: String,
    },
    /// The device is missing, broken or lost.
    #[error("{reason}")]
    Device {
        /// Why, and what happens next.
        reason: String,
    },
    /// The browser's file store refused.
    #[error("the browser's storage refused: {reason}")]
    Storage {
        /// The browser's words.
        reason: String,
    },
    /// The page and the worker disagree about the state of a job.
    #[error("{reason}")]
    Protocol {
        /// What was asked and why it cannot be done now.
        reason: String,
    },
}

impl RuntimeError {
    /// Shorthand for [`RuntimeError::OutOfBounds`].
    pub fn bounds(
        field: impl Into<String>,
        found: impl ToString,
        expected: impl Into<String>,
    ) -> Self {
        Self::OutOfBounds {
            field: field.into(),
            found: found.to_string(),
            expected: expected.into(),
        }
    }

    /// Shorthand for [`RuntimeError::BadFile`].
    pub fn file(name: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::BadFile { name: name.into(), reason: reason.into() }
    }
}
