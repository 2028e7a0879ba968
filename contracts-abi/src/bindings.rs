//! Types generated from the checked-in ABI files: calls, return values, events, errors, structs.
//!
//! `node contracts-abi/extract.mjs` writes those files from the compiled contracts, and with `--check`
//! fails when they are stale, so a binding can never describe a contract that no longer exists.
//!
//! What each item means stands in the NatSpec of `solidity/src/interfaces/`, which an ABI file does not carry.

/// A model: trainable, usable, and its own token.
#[allow(missing_docs, unreachable_pub, clippy::too_many_arguments)]
pub mod model {
    alloy_sol_types::sol!(
        #[sol(all_derives)]
        Model,
        "abi/Model.json"
    );
}

/// The registry that creates models.
#[allow(missing_docs, unreachable_pub, clippy::too_many_arguments)]
pub mod factory {
    alloy_sol_types::sol!(
        #[sol(all_derives)]
        ModelFactory,
        "abi/ModelFactory.json"
    );
}

/// Both ABI files describe a model's card; this makes the registry's the same type as the model's own.
impl From<factory::IModel::ModelSummary> for model::IModel::ModelSummary {
    fn from(card: factory::IModel::ModelSummary) -> Self {
        Self {
            model: card.model,
            creator: card.creator,
            name: card.name,
            symbol: card.symbol,
            manifest: card.manifest,
            head: card.head,
            headParametersHash: card.headParametersHash,
            accuracyPpm: card.accuracyPpm,
            referenceSteps: card.referenceSteps,
            supply: card.supply,
            pool: card.pool,
            inferencePrice: card.inferencePrice,
            referenceReward: card.referenceReward,
            versionCount: card.versionCount,
            jobCount: card.jobCount,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::model::{IModel, Model};
    use crate::JobKind;
    use alloy_primitives::{Address, B256, LogData, U256, b256};
    use alloy_sol_types::{SolCall, SolEvent};

    /// Read from `forge inspect Model abi`.
    #[test]
    fn selectors_are_the_contracts() {
        assert_eq!(Model::trainCall::SELECTOR, [0x85, 0x2a, 0xec, 0xfe]);
        assert_eq!(Model::inferCall::SELECTOR, [0x1f, 0xed, 0x5d, 0x11]);
        assert_eq!(Model::summaryCall::SELECTOR, [0xb1, 0x6a, 0x86, 0x7c]);
        assert_eq!(
            Model::JobSettled::SIGNATURE_HASH,
            b256!("0xb6c7c32f666b492b135de548c10ea9acf20cec9fcca4661e653e4a817f710b88")
        );
    }

    #[test]
    fn a_submission_survives_encoding() {
        let submission = IModel::TrainSubmission {
            base: 4,
            steps: 500,
            parametersHash: B256::repeat_byte(1),
            checkpointRoot: B256::repeat_byte(2),
            accuracyPpm: 912_345,
            minReward: U256::from(7),
            deadline: 1_700_000_000,
        };
        let call = Model::trainCall { submission };
        let decoded = Model::trainCall::abi_decode(&call.abi_encode()).unwrap();
        assert_eq!(decoded, call);
    }

    #[test]
    fn a_job_survives_its_log() {
        let event = Model::JobSettled {
            job: 3,
            kind: JobKind::Infer.into(),
            worker: Address::repeat_byte(9),
            base: 1,
            version: 1,
            units: 2,
            input: B256::repeat_byte(3),
            output: B256::repeat_byte(4),
            checkpointRoot: B256::ZERO,
            accuracyPpm: 5,
            amount: U256::from(6),
            pool: U256::from(7),
        };
        let log = LogData::new_unchecked(
            event.encode_topics().into_iter().map(|topic| topic.0).collect(),
            event.encode_data().into(),
        );
        assert_eq!(Model::JobSettled::decode_log_data(&log).unwrap(), event);
    }
}
