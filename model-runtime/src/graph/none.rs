//! What an engine without the interpreter knows of a graph: that it is none of its own.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::IgnoredAny, ser::Error as _};

use crate::{RuntimeError, spec::Shape};

const ELSEWHERE: &str = "this runtime runs layers only; graphs have a runtime of their own";

/// Stands for a graph, whatever it is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Graph;

fn elsewhere() -> RuntimeError {
    RuntimeError::Protocol { reason: ELSEWHERE.into() }
}

impl Graph {
    /// Never succeeds.
    ///
    /// # Errors
    /// Always.
    pub fn validate_for(&self, _: &Shape) -> Result<(), RuntimeError> {
        Err(elsewhere())
    }

    /// Never succeeds.
    ///
    /// # Errors
    /// Always.
    pub fn parameter_count(&self) -> Result<u64, RuntimeError> {
        Err(elsewhere())
    }

    /// None.
    pub fn parameter_shapes(&self) -> Vec<(String, Vec<usize>)> {
        Vec::new()
    }

    /// None.
    pub fn values(&self) -> u64 {
        0
    }

    /// Nothing is noted.
    pub fn note_shapes(&mut self, _: &[Vec<usize>]) {}
}

impl<'de> Deserialize<'de> for Graph {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(from).map(|_| Self)
    }
}

impl Serialize for Graph {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(S::Error::custom(ELSEWHERE))
    }
}
