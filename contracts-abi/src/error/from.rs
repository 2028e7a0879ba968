//! From the generated error types to the one enum.

use super::ContractError as E;
use super::library::Library::LibraryErrors as L;
use crate::bindings::factory::ModelFactory::ModelFactoryErrors as F;
use crate::bindings::model::Model::ModelErrors as M;

impl From<M> for E {
    fn from(error: M) -> Self {
        match error {
            M::StaleBase(e) => Self::StaleBase { base: e.base, head: e.head },
            M::ZeroReward(_) => Self::ZeroReward,
            M::RewardBelowMinimum(e) => {
                Self::RewardBelowMinimum { reward: e.reward, min_reward: e.minReward }
            }
            M::AccuracyOutOfRange(e) => {
                Self::AccuracyOutOfRange { accuracy_ppm: e.accuracyPpm, maximum: e.maximum }
            }
            M::ParametersMissing(_) => Self::ParametersMissing,
            M::ParametersUnchanged(e) => {
                Self::ParametersUnchanged { parameters_hash: e.parametersHash }
            }
            M::PriceAboveMaximum(e) => {
                Self::PriceAboveMaximum { price: e.price, max_price: e.maxPrice }
            }
            M::UnknownVersion(e) => {
                Self::UnknownVersion { version: e.version, version_count: e.versionCount }
            }
            M::ZeroInferences(_) => Self::ZeroInferences,
            M::TooManyPoints(e) => Self::TooManyPoints { points: e.points, maximum: e.maximum },
            M::DeadlinePassed(e) => {
                Self::DeadlinePassed { deadline: e.deadline, timestamp: e.timestamp }
            }
            M::InsufficientBalance(_) => Self::InsufficientBalance,
            M::InsufficientAllowance(_) => Self::InsufficientAllowance,
            M::PermitExpired(_) => Self::PermitExpired,
            M::InvalidPermit(_) => Self::InvalidPermit,
            M::InvalidRecipient(e) => Self::InvalidRecipient { recipient: e.recipient },
            M::OnlyFactory(e) => Self::OnlyFactory { caller: e.caller },
            M::AlreadyInitialized(_) => Self::AlreadyInitialized,
            // The token's library declares these, but no path of the model leads to them.
            M::TotalSupplyOverflow(_) => Self::Internal { name: "TotalSupplyOverflow" },
            M::AllowanceOverflow(_) => Self::Internal { name: "AllowanceOverflow" },
            M::AllowanceUnderflow(_) => Self::Internal { name: "AllowanceUnderflow" },
            M::Permit2AllowanceIsFixedAtInfinity(_) => {
                Self::Internal { name: "Permit2AllowanceIsFixedAtInfinity" }
            }
        }
    }
}

impl From<F> for E {
    fn from(error: F) -> Self {
        match error {
            F::NameLengthOutOfRange(e) => Self::NameLengthOutOfRange {
                length: e.length,
                minimum: e.minimum,
                maximum: e.maximum,
            },
            F::SymbolLengthOutOfRange(e) => Self::SymbolLengthOutOfRange {
                length: e.length,
                minimum: e.minimum,
                maximum: e.maximum,
            },
            F::SupplyOutOfRange(e) => {
                Self::SupplyOutOfRange { supply: e.supply, minimum: e.minimum, maximum: e.maximum }
            }
            F::AlphaOutOfRange(e) => {
                Self::AlphaOutOfRange { alpha: e.alpha, minimum: e.minimum, maximum: e.maximum }
            }
            F::ReferenceStepsOutOfRange(e) => Self::ReferenceStepsOutOfRange {
                reference_steps: e.referenceSteps,
                minimum: e.minimum,
                maximum: e.maximum,
            },
            F::InferenceUnitOutOfRange(e) => Self::InferenceUnitOutOfRange {
                inference_unit: e.inferenceUnit,
                minimum: e.minimum,
                maximum: e.maximum,
            },
            F::ManifestMissing(_) => Self::ManifestMissing,
            F::GenesisMissing(_) => Self::GenesisMissing,
        }
    }
}

impl From<L> for E {
    fn from(error: L) -> Self {
        let name = match error {
            L::DeploymentFailed(_) => "DeploymentFailed",
            L::ExpOverflow(_) => "ExpOverflow",
            L::FullMulDivFailed(_) => "FullMulDivFailed",
        };
        Self::Internal { name }
    }
}
