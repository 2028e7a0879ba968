//! Token amounts as people read and write them. A token has 18 decimals; the contract counts in base units, of
//! which a token is 10^18.

use alloy_primitives::U256;

/// Digits after the point of a token amount.
pub const DECIMALS: usize = 18;

/// Base units of one token.
const TOKEN: u64 = 1_000_000_000_000_000_000;

/// A text that is not a token amount.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AmountError {
    /// Nothing was typed, or only a point.
    #[error("enter an amount")]
    Empty,
    /// Something other than digits and one point.
    #[error("an amount holds digits and one point, not {character:?}")]
    InvalidCharacter {
        /// The first character that does not belong.
        character: char,
    },
    /// More digits after the point than a token can be divided into.
    #[error("an amount has at most {DECIMALS} digits after the point, not {digits}")]
    TooManyDecimals {
        /// Digits after the point.
        digits: usize,
    },
    /// More tokens than 256 bits of base units can count.
    #[error("the amount is larger than any number of tokens")]
    TooLarge,
}

/// The exact amount, without needless zeros: `1.5` for 1.5·10^18 base units.
pub fn format(amount: U256) -> String {
    let (whole, fraction) = split(amount);
    let fraction = format!("{fraction:018}");
    match fraction.trim_end_matches('0') {
        "" => whole.to_string(),
        digits => format!("{whole}.{digits}"),
    }
}

/// The amount for a glance: thousands set apart, and at most `decimals` digits after the point, cut off and not
/// rounded up, so that nobody seems to own more than they do. An amount too small to show reads `<0.01`.
pub fn format_short(amount: U256, decimals: usize) -> String {
    let decimals = decimals.min(DECIMALS);
    let (whole, fraction) = split(amount);
    let whole_digits = whole.to_string();
    let mut text = String::with_capacity(whole_digits.len() * 2 + decimals);
    for (i, digit) in whole_digits.chars().enumerate() {
        if i > 0 && (whole_digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    let fraction = format!("{fraction:018}");
    let shown = fraction.get(..decimals).unwrap_or_default().trim_end_matches('0');
    if !shown.is_empty() {
        text.push('.');
        text.push_str(shown);
    } else if whole.is_zero() && !amount.is_zero() {
        return match decimals {
            0 => "<1".to_owned(),
            _ => format!("<0.{}1", "0".repeat(decimals - 1)),
        };
    }
    text
}

/// Base units of an amount as typed: digits, and at most one point with up to 18 digits after it. Spaces around it
/// do not matter. Signs, exponents and commas are refused: a comma means different things to different people.
pub fn parse(text: &str) -> Result<U256, AmountError> {
    let text = text.trim();
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if let Some(character) = whole.chars().chain(fraction.chars()).find(|c| !c.is_ascii_digit()) {
        return Err(AmountError::InvalidCharacter { character });
    }
    if whole.is_empty() && fraction.is_empty() {
        return Err(AmountError::Empty);
    }
    if fraction.len() > DECIMALS {
        return Err(AmountError::TooManyDecimals { digits: fraction.len() });
    }
    // Padded to 18 digits after the point, the digits are the base units.
    let digits = format!("{whole}{fraction:0<DECIMALS$}");
    U256::from_str_radix(&digits, 10).map_err(|_| AmountError::TooLarge)
}

fn split(amount: U256) -> (U256, U256) {
    amount.div_rem(U256::from(TOKEN))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> U256 {
        parse(text).unwrap()
    }

    #[test]
    fn formats_exactly() {
        assert_eq!(format(U256::ZERO), "0");
        assert_eq!(format(U256::ONE), "0.000000000000000001");
        assert_eq!(format(U256::from(TOKEN)), "1");
        assert_eq!(format(U256::from(TOKEN / 2 * 3)), "1.5");
        assert_eq!(format(U256::from(TOKEN * 10)), "10");
    }

    #[test]
    fn formats_for_a_glance() {
        assert_eq!(format_short(tokens("1234567.891"), 2), "1,234,567.89");
        assert_eq!(format_short(tokens("1000"), 4), "1,000");
        assert_eq!(format_short(tokens("999.999"), 2), "999.99");
        assert_eq!(format_short(tokens("0.5"), 0), "<1");
        assert_eq!(format_short(tokens("0.0049"), 2), "<0.01");
        assert_eq!(format_short(tokens("12.004"), 2), "12");
        assert_eq!(format_short(tokens("0.25"), 99), "0.25");
        assert_eq!(format_short(U256::ZERO, 2), "0");
    }

    #[test]
    fn parses_what_people_type() {
        assert_eq!(tokens(" 1.5 "), U256::from(TOKEN / 2 * 3));
        assert_eq!(tokens(".5"), U256::from(TOKEN / 2));
        assert_eq!(tokens("5."), U256::from(5 * TOKEN));
        assert_eq!(tokens("007"), U256::from(7 * TOKEN));
        assert_eq!(tokens("0.000000000000000001"), U256::ONE);
    }

    #[test]
    fn refuses_what_is_no_amount() {
        assert_eq!(parse(""), Err(AmountError::Empty));
        assert_eq!(parse("."), Err(AmountError::Empty));
        assert_eq!(parse("-1"), Err(AmountError::InvalidCharacter { character: '-' }));
        assert_eq!(parse("1,5"), Err(AmountError::InvalidCharacter { character: ',' }));
        assert_eq!(parse("1.2.3"), Err(AmountError::InvalidCharacter { character: '.' }));
        assert_eq!(parse("1e18"), Err(AmountError::InvalidCharacter { character: 'e' }));
        assert_eq!(parse("٣"), Err(AmountError::InvalidCharacter { character: '٣' }));
        assert_eq!(
            parse("0.0000000000000000001"),
            Err(AmountError::TooManyDecimals { digits: 19 })
        );
        assert_eq!(parse(&"9".repeat(70)), Err(AmountError::TooLarge));
    }

    #[test]
    fn the_exact_text_reads_back() {
        let mut amount = U256::ONE;
        for i in 0_u64..250 {
            assert_eq!(parse(&format(amount)), Ok(amount));
            amount = amount.wrapping_mul(U256::from(2)) + U256::from(i % 2);
        }
        assert_eq!(parse(&format(U256::MAX)), Ok(U256::MAX));
    }
}
