//! What a settled job did. An ABI file describes an enum as a bare byte; this is the enum again.

use crate::bindings::model::IModel;

/// What a job did, in the contract's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JobKind {
    /// Trained a version and was paid.
    Train,
    /// Used a version and paid.
    Infer,
}

/// A kind of job that this code does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown kind of job: {kind}")]
pub struct UnknownJobKind {
    /// The number in the log.
    pub kind: u8,
}

impl TryFrom<u8> for JobKind {
    type Error = UnknownJobKind;

    fn try_from(kind: u8) -> Result<Self, Self::Error> {
        match kind {
            0 => Ok(Self::Train),
            1 => Ok(Self::Infer),
            _ => Err(UnknownJobKind { kind }),
        }
    }
}

impl From<JobKind> for u8 {
    fn from(kind: JobKind) -> Self {
        match kind {
            JobKind::Train => 0,
            JobKind::Infer => 1,
        }
    }
}

impl TryFrom<IModel::JobKind> for JobKind {
    type Error = UnknownJobKind;

    fn try_from(kind: IModel::JobKind) -> Result<Self, Self::Error> {
        kind.into_underlying().try_into()
    }
}

impl From<JobKind> for IModel::JobKind {
    fn from(kind: JobKind) -> Self {
        Self::from_underlying(kind.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_survives_its_number() {
        for kind in [JobKind::Train, JobKind::Infer] {
            assert_eq!(JobKind::try_from(u8::from(kind)), Ok(kind));
            assert_eq!(JobKind::try_from(IModel::JobKind::from(kind)), Ok(kind));
        }
        assert_eq!(JobKind::try_from(2), Err(UnknownJobKind { kind: 2 }));
    }
}
