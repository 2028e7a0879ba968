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

/// Work on models, from a request to a proven and paid result; and its rounds.
#[allow(missing_docs, unreachable_pub, clippy::too_many_arguments)]
pub mod jobs {
    alloy_sol_types::sol!(
        #[sol(all_derives)]
        Jobs,
        "abi/Jobs.json"
    );
}

/// Auditors and the juries drawn from them.
#[allow(missing_docs, unreachable_pub, clippy::too_many_arguments)]
pub mod jury {
    alloy_sol_types::sol!(
        #[sol(all_derives)]
        Jury,
        "abi/Jury.json"
    );
}

/// Workers who wait for others' jobs, and whose turn it is.
#[allow(missing_docs, unreachable_pub, clippy::too_many_arguments)]
pub mod roster {
    alloy_sol_types::sol!(
        #[sol(all_derives)]
        Roster,
        "abi/Roster.json"
    );
}

/// Scores, weights and emission of each epoch.
#[allow(missing_docs, unreachable_pub, clippy::too_many_arguments)]
pub mod scores {
    alloy_sol_types::sol!(
        #[sol(all_derives)]
        Scores,
        "abi/Scores.json"
    );
}

/// Small files on the chain itself.
#[allow(missing_docs, unreachable_pub, clippy::too_many_arguments)]
pub mod parameters {
    alloy_sol_types::sol!(
        #[sol(all_derives)]
        ParameterStore,
        "abi/ParameterStore.json"
    );
}

/// Bonds and stakes.
#[allow(missing_docs, unreachable_pub, clippy::too_many_arguments)]
pub mod vault {
    alloy_sol_types::sol!(
        #[sol(all_derives)]
        Vault,
        "abi/Vault.json"
    );
}

#[cfg(test)]
mod tests {
    use super::jobs::{IJobs, Jobs};
    use super::model::{IModel, Model};
    use crate::JobKind;
    use alloy_primitives::{Address, B256, LogData, U256, keccak256};
    use alloy_sol_types::{SolCall, SolEvent, SolValue};

    #[test]
    fn a_request_survives_encoding() {
        let request = IJobs::Request {
            model: Address::repeat_byte(7),
            kind: JobKind::Train.into(),
            proof: 1,
            base: 4,
            units: 500,
            input: B256::repeat_byte(1),
            maxPrice: U256::from(7),
        };
        let result = IJobs::Result {
            output: B256::repeat_byte(2),
            checkpointRoot: B256::repeat_byte(3),
            accuracyPpm: 912_345,
        };
        let call = Jobs::submitCall { request, minReward: alloy_primitives::Uint::from(9), result };
        assert_eq!(Jobs::submitCall::abi_decode(&call.abi_encode()).unwrap(), call);
    }

    fn settled() -> Model::JobSettled {
        Model::JobSettled {
            job: 3,
            kind: JobKind::Infer.into(),
            worker: Address::repeat_byte(9),
            settlement: IModel::Settlement {
                requester: Address::repeat_byte(8),
                base: 1,
                units: 2,
                input: B256::repeat_byte(3),
                output: B256::repeat_byte(4),
                checkpointRoot: B256::ZERO,
                accuracyPpm: 5,
                latency: 6,
                timeout: 7,
            },
            amount: U256::from(6),
            pool: U256::from(7),
            number: 8,
            logHash: B256::repeat_byte(5),
        }
    }

    #[test]
    fn a_job_survives_its_log() {
        let event = settled();
        let log = LogData::new_unchecked(
            event.encode_topics().into_iter().map(|topic| topic.0).collect(),
            event.encode_data().into(),
        );
        assert_eq!(Model::JobSettled::decode_log_data(&log).unwrap(), event);
    }

    /// The contract hashes the same words in `abi.encode`; `Model.t.sol` shows its side.
    #[test]
    fn the_logs_hash_covers_every_field() {
        let event = settled();
        let hash = |event: &Model::JobSettled| {
            keccak256(crate::job::entry(B256::ZERO, event).abi_encode_params())
        };
        let mut other = event.clone();
        other.settlement.latency += 1;
        assert_ne!(hash(&event), hash(&other));
        // Seven words beside the nine of the settlement.
        assert_eq!(crate::job::entry(B256::ZERO, &event).abi_encode_params().len(), 32 * 16);
    }
}
