//! Texts: each window of letters is an example, and what comes next at each of its positions is to be foretold.

use std::collections::BTreeMap;

use super::{Examples, check_amount};
use crate::{
    RuntimeError,
    dataset::{Inputs, MAX_TOKENS, Targets},
    spec::{Shape, Task},
};

/// Stands for letters that are too rare to have a number of their own.
const RARE: char = '\u{fffd}';
/// Letters of one example.
const LENGTHS: std::ops::RangeInclusive<usize> = 8..=512;

/// Reads a text into windows of `length` letters.
///
/// # Errors
/// [`RuntimeError::BadFile`] for what is no UTF-8, or too short; [`RuntimeError::OutOfBounds`] for the length.
pub(super) fn read(name: &str, file: &[u8], length: usize) -> Result<Examples, RuntimeError> {
    let bad = |reason: String| RuntimeError::file(name, reason);
    if !LENGTHS.contains(&length) {
        let expected = format!("{} to {}", LENGTHS.start(), LENGTHS.end());
        return Err(RuntimeError::bounds("letters of one example", length, expected));
    }
    let text = std::str::from_utf8(file).map_err(|error| {
        bad(format!("it is no UTF-8 text (byte {}); save it as UTF-8", error.valid_up_to()))
    })?;
    let text = text.trim_start_matches('\u{feff}');
    let mut counts: BTreeMap<char, u64> = BTreeMap::new();
    text.chars().filter(|letter| *letter != '\r').for_each(|letter| {
        *counts.entry(letter).or_default() += 1;
    });
    // The most frequent ones, in the order of their code points.
    let mut letters: Vec<(u64, char)> = counts.iter().map(|(c, count)| (*count, *c)).collect();
    letters.sort_unstable_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    let rare = letters.len() > MAX_TOKENS;
    letters.truncate(if rare { MAX_TOKENS - 1 } else { MAX_TOKENS });
    let mut tokens: Vec<char> = letters.into_iter().map(|(_, letter)| letter).collect();
    tokens.sort_unstable();
    if rare && !tokens.contains(&RARE) {
        tokens.push(RARE);
    }
    let number: BTreeMap<char, u8> =
        tokens.iter().enumerate().map(|(place, letter)| (*letter, place as u8)).collect();
    let other = number.get(&RARE).copied().unwrap_or(0);
    let letters = text.chars().filter(|letter| *letter != '\r');
    let numbers: Vec<u8> =
        letters.map(|letter| number.get(&letter).copied().unwrap_or(other)).collect();
    // Each window with the letter that follows it.
    let windows = numbers.len().saturating_sub(1) / length;
    if windows < 2 || tokens.len() < 2 {
        return Err(bad(format!(
            "it has {} letters, {} of them different: too few for windows of {length}",
            numbers.len(),
            tokens.len()
        )));
    }
    check_amount(name, windows, length)?;
    let values = windows * length;
    Ok(Examples {
        input: Shape::Tokens { vocabulary: tokens.len(), length },
        task: Task::NextToken { tokens: tokens.iter().map(char::to_string).collect() },
        targets: Targets::Classes(
            numbers[1..=values].iter().map(|number| u32::from(*number)).collect(),
        ),
        inputs: Inputs::U8(numbers[..values].to_vec()),
        scale: 1.0,
    })
}
