//! The parts of the sentences that depend on their numbers.

use alloy_primitives::U256;
use alloy_sol_types::Panic;

use crate::amount;

pub(super) fn stale_base(base: u32, head: u32) -> String {
    if base < head {
        format!(
            "Someone else published version {head} while you were training on version {base}. \
             Train again, from version {head}."
        )
    } else {
        format!(
            "Version {base} does not exist yet: the newest is version {head}. Train from that one."
        )
    }
}

pub(super) fn unknown_version(version: u32, count: u32) -> String {
    match count.checked_sub(1) {
        None => "This model has no versions: it has not been set up.".to_owned(),
        Some(0) => format!("There is no version {version}: this model has only version 0 so far."),
        Some(last) => {
            format!("There is no version {version}: this model has versions 0 to {last}.")
        }
    }
}

pub(super) fn text_length(what: &str, length: U256, minimum: U256, maximum: U256) -> String {
    if length.is_zero() {
        format!("The {what} is empty; it must have from {minimum} to {maximum} bytes.")
    } else {
        format!(
            "The {what} takes {length} bytes; it must have from {minimum} to {maximum}. \
             A plain letter takes one byte, an accented letter or a sign more."
        )
    }
}

/// Parts per million as a percentage, without needless zeros.
pub(super) fn percent(ppm: u32) -> String {
    let text = format!("{}.{:04}", ppm / 10_000, ppm % 10_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A fixed-point number of 18 decimals, which reads like an amount of tokens.
pub(super) fn wad(value: u64) -> String {
    amount::format(U256::from(value))
}

pub(super) fn seconds(count: U256) -> String {
    if count == U256::ONE { "1 second".to_owned() } else { format!("{count} seconds") }
}

pub(super) fn panic_meaning(code: U256) -> &'static str {
    Panic { code }.kind().map_or("an unknown failure", |kind| kind.as_str())
}
