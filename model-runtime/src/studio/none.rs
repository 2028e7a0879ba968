//! What an engine without painters knows of one: that it is none of its own.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::IgnoredAny, ser::Error as _};

use crate::{
    RuntimeError,
    content::Digest,
    spec::{Shape, Task},
};

const ELSEWHERE: &str = "this runtime paints nothing; painters have a runtime of their own";

/// Stands for a painter, whatever it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Painter;

impl Painter {
    /// Never succeeds.
    ///
    /// # Errors
    /// Always.
    pub fn validate_for(&self, _: &Shape, _: &Task) -> Result<(), RuntimeError> {
        Err(RuntimeError::Protocol { reason: ELSEWHERE.into() })
    }

    /// None.
    pub fn base(&self) -> Option<Digest> {
        None
    }

    /// None.
    pub fn parameter_shapes(&self) -> Vec<(String, Vec<usize>)> {
        Vec::new()
    }

    /// None.
    pub fn parameter_count(&self) -> u64 {
        0
    }

    /// None.
    pub fn base_bytes(&self) -> u64 {
        0
    }

    /// None.
    pub fn values(&self) -> u64 {
        0
    }
}

/// Lessons, which are taught elsewhere.
pub mod lesson {
    use serde::{Deserialize, Serialize};

    /// Stands for a lesson, whatever it is.
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    pub struct Lesson;
}

impl<'de> Deserialize<'de> for Painter {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(from).map(|_| Self)
    }
}

impl Serialize for Painter {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(S::Error::custom(ELSEWHERE))
    }
}
