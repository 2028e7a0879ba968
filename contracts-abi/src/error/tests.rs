use std::collections::BTreeMap;

use super::{ContractError, fill, words};
use crate::bindings::factory::ModelFactory as F;
use crate::bindings::jobs::Jobs as J;
use crate::bindings::model::Model as M;
use alloy_primitives::{Address, B256, Bytes, U256, hex};
use alloy_sol_types::{Panic, Revert, SolError};

fn sentence(error: impl SolError) -> String {
    ContractError::decode(&error.abi_encode()).to_string()
}

fn tokens(text: &str) -> U256 {
    crate::amount::parse(text).unwrap()
}

/// Every error of every ABI file: its signature and how many arguments it has.
fn declared() -> BTreeMap<String, usize> {
    let files = [
        include_str!("../../abi/Model.json"),
        include_str!("../../abi/ModelFactory.json"),
        include_str!("../../abi/Jobs.json"),
        include_str!("../../abi/Jury.json"),
        include_str!("../../abi/Roster.json"),
        include_str!("../../abi/Scores.json"),
        include_str!("../../abi/Vault.json"),
        include_str!("../../abi/ParameterStore.json"),
    ];
    let mut found = BTreeMap::new();
    for file in files {
        let abi: Vec<serde_json::Value> = serde_json::from_str(file).unwrap();
        for entry in abi.iter().filter(|entry| entry["type"] == "error") {
            let inputs = entry["inputs"].as_array().unwrap();
            let types: Vec<_> =
                inputs.iter().map(|input| input["type"].as_str().unwrap()).collect();
            let name = entry["name"].as_str().unwrap();
            found.insert(format!("{name}({})", types.join(",")), inputs.len());
        }
    }
    found
}

#[test]
fn every_declared_error_has_a_sentence() {
    let known: Vec<_> = words::SENTENCES.iter().map(|(signature, _)| *signature).collect();
    for signature in declared().keys() {
        assert!(known.contains(&signature.as_str()), "no sentence for {signature}");
    }
}

#[test]
fn sentences_name_only_arguments_there_are() {
    for (signature, template) in words::SENTENCES {
        let types = signature.split_once('(').unwrap().1.trim_end_matches(')');
        let count = if types.is_empty() { 0 } else { types.split(',').count() };
        for slot in template.split('{').skip(1) {
            let (slot, _) = slot.split_once('}').unwrap();
            let (index, kind) = slot.split_once(':').unwrap_or((slot, "number"));
            assert!(index.parse::<usize>().unwrap() < count, "{signature}: {slot}");
            assert!(
                ["number", "tokens", "short", "percent", "duration", "time", "account"]
                    .contains(&kind),
                "{signature}: {kind}"
            );
        }
    }
    for name in words::RETRYABLE {
        assert!(words::SENTENCES.iter().any(|(s, _)| s.split('(').next() == Some(name)), "{name}");
    }
}

#[test]
fn no_sentence_is_of_an_error_that_is_gone() {
    let declared = declared();
    // Declared by libraries inside the contracts, which the ABIs do not list, or by the randomness source.
    let inner = [
        "ETHTransferFailed()",
        "TransferFailed()",
        "TransferFromFailed()",
        "DeploymentFailed()",
        "ExpOverflow()",
        "FullMulDivFailed()",
        "RandomnessNotYet(uint64,uint256)",
    ];
    for (signature, _) in words::SENTENCES {
        assert!(declared.contains_key(*signature) || inner.contains(signature), "{signature}");
    }
}

#[test]
fn speaks_of_trainings() {
    assert_eq!(
        sentence(J::StaleBase { base: 4, head: 5 }),
        "Your training started from version 4, but the newest version is now 5. Train again, from version 5."
    );
    assert_eq!(
        sentence(J::RewardBelowMinimum { reward: tokens("12.5"), minReward: tokens("13") }),
        "The reward is 12.5 tokens now, less than the 13 you accept. Accept less, or train longer."
    );
    assert_eq!(
        sentence(J::AccuracyOutOfRange { accuracyPpm: 1_000_500, maximum: 1_000_000 }),
        "An accuracy of 100.05% cannot be: the most is 100%."
    );
    assert!(
        sentence(M::ParametersUnchanged { parametersHash: B256::ZERO })
            .starts_with("The training changed")
    );
}

#[test]
fn speaks_of_times() {
    assert_eq!(
        sentence(J::WindowOpen { until: 1_700_000_000 }),
        "Others can still doubt this until 2023-11-14 22:13 UTC. Try again then."
    );
    let duration = |seconds: u32| fill("{0:duration}", &[U256::from(seconds)]);
    assert_eq!(duration(1), "1 second");
    assert_eq!(duration(119), "119 seconds");
    assert_eq!(duration(3_600), "60 minutes");
    assert_eq!(duration(86_400), "24 hours");
    assert_eq!(duration(30 * 86_400), "30 days");
    let time = |seconds: u64| fill("{0:time}", &[U256::from(seconds)]);
    assert_eq!(time(0), "1970-01-01 00:00 UTC");
    assert_eq!(time(951_782_400), "2000-02-29 00:00 UTC");
    assert_eq!(time(4_107_542_399), "2100-02-28 23:59 UTC");
    assert_eq!(time(4_107_542_400), "2100-03-01 00:00 UTC");
    assert_eq!(time(u64::MAX), "9999-12-31 23:59 UTC");
}

#[test]
fn speaks_of_a_models_limits_and_uses() {
    assert_eq!(
        sentence(F::SupplyOutOfRange {
            supply: tokens("0.5"),
            minimum: tokens("1"),
            maximum: tokens("79228162514")
        }),
        "The supply is 0.5 tokens; it must be from 1 to 79,228,162,514."
    );
    assert_eq!(
        sentence(M::PriceAboveMaximum { price: tokens("0.02"), maxPrice: tokens("0.01") }),
        "The price has risen to 0.02 tokens, more than the 0.01 you accept. Accept more, or use the model less."
    );
    assert_eq!(
        sentence(M::InvalidRecipient { recipient: Address::ZERO }),
        "Tokens sent to 0x0000…0000 could never be moved again, so the transfer was stopped."
    );
}

#[test]
fn what_the_world_changed_can_be_tried_again() {
    let decode = |data: Vec<u8>| ContractError::decode(&data);
    assert!(decode(J::StaleBase { base: 1, head: 2 }.abi_encode()).is_retryable());
    assert!(!decode(M::InsufficientBalance {}.abi_encode()).is_retryable());
    assert_eq!(decode(M::InsufficientBalance {}.abi_encode()).name(), Some("InsufficientBalance"));
}

#[test]
fn every_input_has_an_answer() {
    assert_eq!(ContractError::decode(&[]), ContractError::NoReason);
    let reason = Revert { reason: "no".to_owned() };
    assert_eq!(sentence(reason), "The contract refused: no");
    let panic = Panic { code: U256::from(0x11) };
    assert!(sentence(panic).contains("code 17"));
    for data in [&[1u8][..], &[1, 2, 3, 4], &hex!("08c379a0"), &hex!("f4d678b800")] {
        let expected = ContractError::Unknown { data: Bytes::copy_from_slice(data) };
        assert_eq!(ContractError::decode(data), expected);
    }
    assert_eq!(ContractError::decode_hex("0x"), Some(ContractError::NoReason));
    assert_eq!(ContractError::decode_hex("0xzz"), None);
    // Missing and surplus arguments are no error of ours.
    let mut short = J::StaleBase { base: 1, head: 2 }.abi_encode();
    short.pop();
    assert!(matches!(ContractError::decode(&short), ContractError::Unknown { .. }));
}
