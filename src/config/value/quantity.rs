//! How much, how many, how long?

use std::ops::RangeInclusive;
use std::time::Duration;

use super::super::place::quoted;

/// A hundred years. Beyond it lies nothing that anybody means, and clocks that overflow when it is added to now.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

const UNITS_OF_TIME: [(&str, u64); 4] = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000)];
const UNITS_OF_SIZE: [(&str, u64); 3] = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];

/// `250ms`, `30s`, `15m`, `1h`; plain `0` needs no unit.
///
/// # Errors
/// Words that say what is wrong.
pub fn duration(text: &str) -> Result<Duration, String> {
    let expected = || format!("expected a duration like 250ms, 30s, 15m or 1h, found {}", quoted(text));
    let (amount, unit) = amount_and_unit(text).ok_or_else(expected)?;
    if unit.is_empty() {
        return match amount {
            0 => Ok(Duration::ZERO),
            _ => Err(format!("a duration needs a unit: write {amount}s for seconds or {amount}ms for milliseconds")),
        };
    }
    let (_, milliseconds) = UNITS_OF_TIME.into_iter().find(|(name, _)| *name == unit).ok_or_else(expected)?;
    amount
        .checked_mul(milliseconds)
        .map(Duration::from_millis)
        .filter(|duration| *duration <= LONGEST)
        .ok_or_else(|| format!("{} is longer than 100 years", quoted(text)))
}

/// `16KiB`, `10MiB`, `1GiB`, in octets; plain `0` needs no unit.
///
/// # Errors
/// Words that say what is wrong.
pub fn size(text: &str) -> Result<u64, String> {
    let expected = || format!("expected a size like 16KiB or 10MiB, found {}", quoted(text));
    let (amount, unit) = amount_and_unit(text).ok_or_else(expected)?;
    if unit.is_empty() {
        return match amount {
            0 => Ok(0),
            _ => Err(format!("a size needs a unit: write {amount}KiB or {amount}MiB")),
        };
    }
    let (_, octets) = UNITS_OF_SIZE.into_iter().find(|(name, _)| *name == unit).ok_or_else(expected)?;
    amount.checked_mul(octets).ok_or_else(|| format!("{} is too large", quoted(text)))
}

/// `100/s`, `30/m`, `1000/h`: so many requests in that time, at most a million.
///
/// # Errors
/// Words that say what is wrong.
pub fn rate(text: &str) -> Result<(u32, Duration), String> {
    let expected = || format!("expected a rate like 100/s, 30/m or 1000/h, found {}", quoted(text));
    let (requests, unit) = text.split_once('/').ok_or_else(expected)?;
    let requests = number(requests, 1..=1_000_000).map_err(|_| expected())?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return Err(expected()),
    };
    let requests = u32::try_from(requests).map_err(|_| expected())?;
    Ok((requests, Duration::from_secs(seconds)))
}

/// A whole number in decimal digits within a range.
///
/// # Errors
/// Words that name the range.
pub fn number(text: &str, range: RangeInclusive<u64>) -> Result<u64, String> {
    let (least, most) = (range.start(), range.end());
    decimal(text)
        .filter(|number| range.contains(number))
        .ok_or_else(|| format!("expected a whole number from {least} to {most}, found {}", quoted(text)))
}

fn amount_and_unit(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at_checked(end)?;
    Some((decimal(digits)?, unit))
}

/// Digits only: `parse` alone would take a leading `+`.
fn decimal(text: &str) -> Option<u64> {
    text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit() {
        for (text, milliseconds) in
            [("250ms", 250), ("30s", 30_000), ("15m", 900_000), ("1h", 3_600_000), ("0s", 0), ("0", 0)]
        {
            assert_eq!(duration(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        for (text, words) in [
            ("30", "write 30s"),
            ("30 s", "expected a duration"),
            ("1d", "expected a duration"),
            ("1.5s", "expected a duration"),
            ("-1s", "expected a duration"),
            ("s", "expected a duration"),
            ("1S", "expected a duration"),
            ("1é", "expected a duration"),
            ("99999999999999999999s", "expected a duration"),
            ("9999999999999999999h", "longer than 100 years"),
            ("9000000h", "longer than 100 years"),
        ] {
            assert!(duration(text).unwrap_err().contains(words), "{text}: {:?}", duration(text));
        }
    }

    #[test]
    fn sizes_are_binary_and_have_a_unit() {
        for (text, octets) in [("16KiB", 16_384), ("10MiB", 10_485_760), ("1GiB", 1 << 30), ("0", 0)] {
            assert_eq!(size(text), Ok(octets), "{text}");
        }
        for (text, words) in [
            ("16", "write 16KiB"),
            ("16k", "expected a size"),
            ("16KB", "expected a size"),
            ("", "expected a size"),
            ("99999999999GiB", "too large"),
        ] {
            assert!(size(text).unwrap_err().contains(words), "{text}: {:?}", size(text));
        }
    }

    #[test]
    fn numbers_are_plain_digits_in_their_range() {
        assert_eq!(number("0", 0..=3), Ok(0));
        assert_eq!(number("3", 0..=3), Ok(3));
        for text in ["4", "-1", "+1", "1.0", "0x1", "", "one"] {
            assert!(number(text, 0..=3).unwrap_err().contains("from 0 to 3"), "{text}");
        }
    }
}
