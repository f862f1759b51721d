//! Reads the words and numbers that built-in keys are compared with.

use std::ops::RangeInclusive;

/// Why a text is not a value of its kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// The text is none of the words that are known.
    #[error("{text:?} is none of {expected}")]
    UnknownWord {
        /// What was given.
        text: String,
        /// What is understood.
        expected: &'static str,
    },
    /// The text does not read as a duration.
    #[error("{text:?} is not a duration such as 500ms, 1.5s or 2m30s")]
    NotADuration {
        /// What was given.
        text: String,
    },
    /// The duration does not fit 64 bits of nanoseconds.
    #[error("duration {text:?} is too long")]
    DurationTooLong {
        /// What was given.
        text: String,
    },
}

/// OTLP's status code of `unset`, `ok` or `error`, in any case.
///
/// # Errors
/// When the text is another word.
pub fn parse_status(text: &str) -> Result<i32, ValueError> {
    word(
        text,
        &[("unset", 0), ("ok", 1), ("error", 2)],
        "unset, ok, error",
    )
}

/// OTLP's number of a span kind's lower-case name, in any case.
///
/// # Errors
/// When the text is another word.
pub fn parse_kind(text: &str) -> Result<i32, ValueError> {
    const KINDS: [(&str, i32); 6] = [
        ("unspecified", 0),
        ("internal", 1),
        ("server", 2),
        ("client", 3),
        ("producer", 4),
        ("consumer", 5),
    ];
    word(
        text,
        &KINDS,
        "unspecified, internal, server, client, producer, consumer",
    )
}

/// The severity numbers of a group's name, in any case.
///
/// # Errors
/// When the text is another word.
pub fn parse_severity(text: &str) -> Result<RangeInclusive<i32>, ValueError> {
    const GROUPS: [(&str, i32); 7] = [
        ("trace", 1),
        ("debug", 5),
        ("info", 9),
        ("warn", 13),
        ("warning", 13),
        ("error", 17),
        ("fatal", 21),
    ];
    let first = word(text, &GROUPS, "trace, debug, info, warn, error, fatal")?;
    Ok(first..=first + 3)
}

fn word(text: &str, known: &[(&str, i32)], expected: &'static str) -> Result<i32, ValueError> {
    known
        .iter()
        .find(|(name, _)| text.eq_ignore_ascii_case(name))
        .map(|(_, number)| *number)
        .ok_or_else(|| ValueError::UnknownWord {
            text: text.to_owned(),
            expected,
        })
}

/// Nanoseconds of a duration as Go writes it: decimal numbers with a unit each, `1.5s`, `2m30s`,
/// `300us`. Decimals below a nanosecond are cut off.
///
/// # Errors
/// When the text is something else or does not fit.
pub fn parse_duration(text: &str) -> Result<u64, ValueError> {
    let not_a_duration = || ValueError::NotADuration {
        text: text.to_owned(),
    };
    let too_long = || ValueError::DurationTooLong {
        text: text.to_owned(),
    };
    if text == "0" {
        return Ok(0);
    }
    let mut total: u64 = 0;
    let mut rest = text;
    if rest.is_empty() {
        return Err(not_a_duration());
    }
    while !rest.is_empty() {
        let number_end = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .ok_or_else(not_a_duration)?;
        let (number, after) = rest.split_at(number_end);
        let unit_end = after
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(after.len());
        let (unit, next) = after.split_at(unit_end);
        let unit_nanos = unit_nanos(unit).ok_or_else(not_a_duration)?;
        let (whole, decimals) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() && decimals.is_empty() || decimals.contains('.') {
            return Err(not_a_duration());
        }
        let nanos = scaled(whole, decimals, unit_nanos).ok_or_else(too_long)?;
        total = total.checked_add(nanos).ok_or_else(too_long)?;
        rest = next;
    }
    Ok(total)
}

fn unit_nanos(unit: &str) -> Option<u64> {
    Some(match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    })
}

/// `whole.decimals` times the unit; both texts hold digits only. `None` when it does not fit.
fn scaled(whole: &str, decimals: &str, unit_nanos: u64) -> Option<u64> {
    let whole: u64 = if whole.is_empty() {
        0
    } else {
        whole.parse().ok()?
    };
    let mut nanos = whole.checked_mul(unit_nanos)?;
    let mut place = u128::from(unit_nanos) * 1_000_000_000;
    let mut billionths: u128 = 0;
    for digit in decimals.bytes().take(18) {
        place /= 10;
        billionths += u128::from(digit - b'0') * place;
    }
    nanos = nanos.checked_add(u64::try_from(billionths / 1_000_000_000).ok()?)?;
    Some(nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_go_writes_them() {
        let nanos = |text| parse_duration(text).unwrap();
        assert_eq!(nanos("500ms"), 500_000_000);
        assert_eq!(nanos("1.5s"), 1_500_000_000);
        assert_eq!(nanos(".5us"), 500);
        assert_eq!(nanos("3µs"), 3_000);
        assert_eq!(nanos("1h2m3s"), 3_723_000_000_000);
        assert_eq!(nanos("1.000000001s"), 1_000_000_001);
        assert_eq!(nanos("0.1234567891s"), 123_456_789);
        assert_eq!(nanos("0"), 0);
        assert_eq!(nanos("18446744073709551615ns"), u64::MAX);
    }

    #[test]
    fn what_is_not_a_duration_is_refused() {
        for text in ["", "5", "s", "1.2.3s", ".s", "5 ms", "-5ms", "5d"] {
            assert_eq!(
                parse_duration(text),
                Err(ValueError::NotADuration {
                    text: text.to_owned()
                }),
                "{text}"
            );
        }
        for text in [
            "18446744073709551616ns",
            "9999999999h",
            "18446744073709551615ns1ns",
        ] {
            assert_eq!(
                parse_duration(text),
                Err(ValueError::DurationTooLong {
                    text: text.to_owned()
                }),
                "{text}"
            );
        }
    }

    #[test]
    fn words_are_read_in_any_case_and_errors_list_them() {
        assert_eq!(parse_status("ERROR"), Ok(2));
        assert_eq!(parse_kind("Consumer"), Ok(5));
        assert_eq!(parse_severity("warning"), Ok(13..=16));
        assert_eq!(
            parse_status("bad").unwrap_err().to_string(),
            "\"bad\" is none of unset, ok, error"
        );
    }
}
