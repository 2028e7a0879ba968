//! Numbers as people read them, and what they are of: token amounts, scores, shares, counts, durations, sizes, addresses.

use alloy_primitives::{Address, U256};
use delea_model_runtime::spec::Task;

/// Decimals of every model's token.
const DECIMALS: usize = 18;
/// Digits of a fraction that are shown; the rest is cut, never rounded up, so nobody sees more
/// tokens than there are.
const SHOWN: usize = 4;

/// A token amount without symbol: `1,234.5678`, `0.000012`, `12.3M`.
pub(crate) fn tokens(amount: U256) -> String {
    let text = amount.to_string();
    let text = format!("{text:0>width$}", width = DECIMALS + 1);
    let (whole, fraction) = text.split_at(text.len() - DECIMALS);
    if whole.len() > 7 {
        return compact(whole);
    }
    // Small amounts keep their leading digits, large ones their whole part.
    let keep = if whole != "0" {
        (SHOWN + 1).saturating_sub(whole.len()).max(2)
    } else {
        let zeros = fraction.bytes().take_while(|b| *b == b'0').count();
        (zeros + 3).clamp(SHOWN, DECIMALS)
    };
    let fraction = fraction[..keep.min(DECIMALS)].trim_end_matches('0');
    match fraction.is_empty() {
        true => group(whole),
        false => format!("{}.{fraction}", group(whole)),
    }
}

/// A token amount where room is short: whole tokens from a hundred on.
pub(crate) fn tokens_short(amount: U256) -> String {
    let text = tokens(amount);
    match text.split_once('.') {
        Some((whole, rest)) if whole.len() >= 3 && rest.bytes().all(|b| b.is_ascii_digit()) => {
            whole.to_owned()
        }
        _ => text,
    }
}

fn compact(whole: &str) -> String {
    const NAMES: [&str; 4] = ["M", "B", "T", "Q"];
    let step = ((whole.len() - 1) / 3).clamp(2, NAMES.len() + 1);
    let (head, tail) = whole.split_at(whole.len() - 3 * step);
    let tail = tail[..2].trim_end_matches('0');
    let dot = if tail.is_empty() { "" } else { "." };
    format!("{}{dot}{tail}{}", group(head), NAMES[step - 2])
}

fn group(digits: &str) -> String {
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A count: `12,345`.
pub(crate) fn count(value: u64) -> String {
    group(&value.to_string())
}

/// What a model's accuracy is the share of; most are classifiers, so one that is not known yet is taken for one.
pub(crate) fn measure(task: Option<&Task>) -> &'static str {
    match task {
        Some(Task::Regression { .. }) => "Variation explained",
        Some(Task::Reconstruction) => "Drawn right",
        Some(Task::NextToken { .. }) => "Letters foretold",
        Some(Task::Painting { .. }) => "Noise told from picture",
        Some(Task::Classification { .. }) | None => "Right answers",
    }
}

/// A share of one million as a percentage: `97.4 %`.
pub(crate) fn ppm(value: u32) -> String {
    percent(f64::from(value) / 1e6)
}

/// A share of one as a percentage.
pub(crate) fn percent(share: f64) -> String {
    let value = share * 100.0;
    match value {
        v if v >= 99.95 || v == 0.0 => format!("{v:.0} %"),
        v if v < 0.095 => "<0.1 %".to_owned(),
        v => format!("{v:.1} %"),
    }
}

/// A short decimal number for plots and figures.
pub(crate) fn number(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude == 0.0 {
        "0".to_owned()
    } else if magnitude >= 1e6 {
        format!("{:.1}M", value / 1e6)
    } else if magnitude >= 1000.0 {
        group(&format!("{value:.0}"))
    } else if magnitude >= 10.0 {
        trim(format!("{value:.1}"))
    } else if magnitude >= 0.01 {
        trim(format!("{value:.3}"))
    } else {
        format!("{value:.1e}")
    }
}

fn trim(text: String) -> String {
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// A duration in words: `8 s`, `3 min 5 s`, `2 h`. No line ends within it.
pub(crate) fn duration(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return "—".to_owned();
    }
    let whole = seconds.ceil() as u64;
    let (large, small) = match whole {
        0..60 => return format!("{whole}\u{a0}s"),
        60..3600 => ((whole / 60, "min"), (whole % 60, "s")),
        3600..86_400 => ((whole / 3600, "h"), (whole % 3600 / 60, "min")),
        _ => ((whole / 86_400, "d"), (whole % 86_400 / 3600, "h")),
    };
    match small {
        (0, _) => format!("{}\u{a0}{}", large.0, large.1),
        _ => format!("{}\u{a0}{}\u{a0}{}\u{a0}{}", large.0, large.1, small.0, small.1),
    }
}

/// How long ago a block time was, in words; times in seconds since 1970.
pub(crate) fn ago(then: u64, now: u64) -> String {
    let past = now.saturating_sub(then);
    let (value, unit) = match past {
        0..10 => return "just now".to_owned(),
        10..60 => (past, "second"),
        60..3600 => (past / 60, "minute"),
        3600..86_400 => (past / 3600, "hour"),
        _ => (past / 86_400, "day"),
    };
    format!("{value} {unit}{} ago", if value == 1 { "" } else { "s" })
}

/// A size in memory or on disk.
pub(crate) fn bytes(size: u64) -> String {
    match size {
        0..1024 => format!("{size} B"),
        1024..1_048_576 => format!("{} KB", size.div_ceil(1024)),
        1_048_576..1_073_741_824 => trim(format!("{:.1}", size as f64 / 1_048_576.0)) + " MB",
        _ => trim(format!("{:.1}", size as f64 / 1_073_741_824.0)) + " GB",
    }
}

/// `0x12ab…89ef`
pub(crate) fn short_address(address: &Address) -> String {
    let text = address.to_checksum(None);
    format!("{}…{}", &text[..6], &text[text.len() - 4..])
}

/// The first and last digits of a long hexadecimal text.
pub(crate) fn short_hash(hash: &str) -> String {
    match hash.is_ascii() && hash.len() > 14 {
        true => format!("{}…{}", &hash[..8], &hash[hash.len() - 4..]),
        false => hash.to_owned(),
    }
}

/// A word with `s` unless there is one.
pub(crate) fn plural(value: u64, word: &str) -> String {
    format!("{} {word}{}", count(value), if value == 1 { "" } else { "s" })
}

/// Tokens as a float, for plots only.
pub(crate) fn to_float(amount: U256) -> f64 {
    amount.to_string().parse::<f64>().unwrap_or(0.0) / 1e18
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wei(text: &str) -> U256 {
        text.parse().unwrap()
    }

    #[test]
    fn amounts_keep_what_matters_and_never_round_up() {
        for (amount, shown) in [
            ("0", "0"),
            ("1", "0.000000000000000001"),
            ("12345678901234", "0.0000123"),
            ("999999999999999999", "0.9999"),
            ("120000000000000000", "0.12"),
            ("1000000000000000000", "1"),
            ("1234567890000000000000", "1,234.56"),
            ("950000000000000000000000", "950,000"),
            ("12345678900000000000000000", "12.34M"),
            ("1000000000000000000000000000", "1B"),
        ] {
            assert_eq!(tokens(wei(amount)), shown, "{amount}");
        }
    }

    #[test]
    fn short_amounts_drop_what_does_not_matter() {
        assert_eq!(tokens_short(wei("9452650000000000000000")), "9,452");
        assert_eq!(tokens_short(wei("949900000000000000")), "0.9499");
        assert_eq!(tokens_short(wei("12345678900000000000000000")), "12.34M");
    }

    #[test]
    fn shares_durations_and_sizes_read_well() {
        assert_eq!(ppm(974_321), "97.4 %");
        assert_eq!(ppm(1_000_000), "100 %");
        assert_eq!(ppm(0), "0 %");
        assert_eq!(ppm(10), "<0.1 %");
        assert_eq!(duration(0.2), "1\u{a0}s");
        assert_eq!(duration(185.0), "3\u{a0}min\u{a0}5\u{a0}s");
        assert_eq!(duration(7_200.0), "2\u{a0}h");
        assert_eq!(duration(f64::INFINITY), "—");
        assert_eq!(ago(0, 3600), "1 hour ago");
        assert_eq!(ago(100, 50), "just now");
        assert_eq!(bytes(1536 * 1024), "1.5 MB");
        assert_eq!(number(1234.0), "1,234");
        assert_eq!(number(0.125), "0.125");
    }
}
