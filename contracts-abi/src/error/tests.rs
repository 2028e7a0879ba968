use super::ContractError;
use crate::bindings::factory::ModelFactory as F;
use crate::bindings::model::Model as M;
use alloy_primitives::{Address, B256, Bytes, U256, hex};
use alloy_sol_types::{Panic, Revert, SolError};

fn sentence(error: impl SolError) -> String {
    ContractError::decode(&error.abi_encode()).to_string()
}

fn tokens(text: &str) -> U256 {
    crate::amount::parse(text).unwrap()
}

#[test]
fn speaks_of_trainings() {
    assert_eq!(
        sentence(M::StaleBase { base: 4, head: 5 }),
        "Someone else published version 5 while you were training on version 4. Train again, from version 5."
    );
    assert_eq!(
        sentence(M::StaleBase { base: 9, head: 5 }),
        "Version 9 does not exist yet: the newest is version 5. Train from that one."
    );
    assert_eq!(
        sentence(M::RewardBelowMinimum { reward: tokens("12.5"), minReward: tokens("13") }),
        "The reward has fallen to 12.5 tokens, less than the 13 you accept. Accept less, or train longer."
    );
    assert_eq!(
        sentence(M::AccuracyOutOfRange { accuracyPpm: 1_000_500, maximum: 1_000_000 }),
        "An accuracy of 100.05% cannot be: the most is 100%."
    );
    assert!(sentence(M::ZeroReward {}).starts_with("This training would earn nothing"));
    assert!(
        sentence(M::ParametersUnchanged { parametersHash: B256::ZERO })
            .starts_with("The training changed")
    );
}

#[test]
fn speaks_of_uses() {
    assert_eq!(
        sentence(M::PriceAboveMaximum { price: tokens("0.02"), maxPrice: tokens("0.01") }),
        "The price has risen to 0.02 tokens, more than the 0.01 you accept. Accept more, or use the model less."
    );
    assert_eq!(
        sentence(M::UnknownVersion { version: 7, versionCount: 5 }),
        "There is no version 7: this model has versions 0 to 4."
    );
    assert_eq!(
        sentence(M::UnknownVersion { version: 7, versionCount: 1 }),
        "There is no version 7: this model has only version 0 so far."
    );
    assert_eq!(
        sentence(M::UnknownVersion { version: 7, versionCount: 0 }),
        "This model has no versions: it has not been set up."
    );
}

#[test]
fn speaks_of_deadlines_in_seconds() {
    let at =
        |timestamp| sentence(M::DeadlinePassed { deadline: 100, timestamp: U256::from(timestamp) });
    assert_eq!(
        at(135),
        "Your offer ran out 35 seconds before the chain came to it. Nothing was paid: send it again."
    );
    assert!(at(101).contains("ran out 1 second before"));
}

#[test]
fn speaks_of_a_models_limits() {
    assert_eq!(
        sentence(F::SupplyOutOfRange {
            supply: tokens("0.5"),
            minimum: tokens("1"),
            maximum: U256::ONE << 120,
        }),
        "The supply is 0.5 tokens; it must be from 1 to 1,329,227,995,784,915,872."
    );
    assert_eq!(
        sentence(F::NameLengthOutOfRange {
            length: U256::ZERO,
            minimum: U256::ONE,
            maximum: U256::from(31)
        }),
        "The name is empty; it must have from 1 to 31 bytes."
    );
    assert!(
        sentence(F::SymbolLengthOutOfRange {
            length: U256::from(12),
            minimum: U256::ONE,
            maximum: U256::from(11)
        })
        .starts_with("The symbol takes 12 bytes; it must have from 1 to 11.")
    );
    assert!(
        sentence(F::AlphaOutOfRange { alpha: 1, minimum: 10_u64.pow(12), maximum: 693_147_180_559_945_309 })
            .starts_with("The speed of the reward curve (alpha) is 0.000000000000000001; it must be from 0.000001")
    );
}

/// The token's errors by the selectors that Solady writes in assembly.
#[test]
fn knows_the_tokens_errors() {
    assert_eq!(ContractError::decode(&hex!("f4d678b8")), ContractError::InsufficientBalance);
    assert_eq!(ContractError::decode(&hex!("13be252b")), ContractError::InsufficientAllowance);
    assert_eq!(ContractError::decode(&hex!("1a15a3cc")), ContractError::PermitExpired);
    assert_eq!(ContractError::decode(&hex!("ddafbaef")), ContractError::InvalidPermit);
    assert_eq!(
        ContractError::decode(&hex!("a37bfec9")),
        ContractError::Internal { name: "ExpOverflow" }
    );
}

/// Every error of both ABIs decodes to a variant of its own name, and to a sentence without leftovers.
#[test]
fn has_a_sentence_for_every_error_of_the_contracts() {
    let zeros = [0_u8; 96];
    let selectors = M::ModelErrors::SELECTORS.iter().chain(F::ModelFactoryErrors::SELECTORS);
    let mut count = 0;
    for selector in selectors {
        let error = ContractError::decode(&[&selector[..], &zeros].concat());
        assert!(!matches!(error, ContractError::Unknown { .. }), "unknown: {selector:?}");
        let text = error.to_string();
        assert!(text.ends_with(['.', '?']) && !text.contains('{'), "{text}");
        count += 1;
    }
    assert_eq!(count, 30, "an error came or went: look at its sentence");
}

#[test]
fn knows_the_languages_own_errors() {
    let message = Revert { reason: "not today".to_owned() }.abi_encode();
    assert_eq!(ContractError::decode(&message).to_string(), "The contract refused: not today");
    let panic = Panic { code: U256::from(0x11) }.abi_encode();
    assert_eq!(
        ContractError::decode(&panic).to_string(),
        "The contract stopped on a fault of its own: arithmetic underflow or overflow (code 17)."
    );
}

#[test]
fn answers_any_bytes() {
    assert_eq!(ContractError::decode(&[]), ContractError::NoReason);
    let odd = [1, 2, 3];
    assert_eq!(
        ContractError::decode(&odd),
        ContractError::Unknown { data: Bytes::copy_from_slice(&odd) }
    );
    // A known selector, cut short.
    let mut cut = M::StaleBase { base: 1, head: 2 }.abi_encode();
    cut.truncate(20);
    assert!(matches!(ContractError::decode(&cut), ContractError::Unknown { .. }));
}

#[test]
fn reads_hexadecimal() {
    assert_eq!(ContractError::decode_hex("0xf4d678b8"), Some(ContractError::InsufficientBalance));
    assert_eq!(ContractError::decode_hex(" f4d678b8\n"), Some(ContractError::InsufficientBalance));
    assert_eq!(ContractError::decode_hex("0x"), Some(ContractError::NoReason));
    assert_eq!(ContractError::decode_hex("execution reverted"), None);
}

#[test]
fn tells_what_may_be_tried_again() {
    assert!(ContractError::StaleBase { base: 1, head: 2 }.is_retryable());
    assert!(!ContractError::InsufficientBalance.is_retryable());
    assert!(!ContractError::InvalidRecipient { recipient: Address::ZERO }.is_retryable());
}
