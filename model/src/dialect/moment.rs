//! Moments as loggers write them: RFC 3339 and its relatives, and numbers whose size tells the unit.

use crate::attributes::AttributeValue;
use crate::time::UnixNanos;

// A number below one of these counts the unit beside it, in nanoseconds: seconds until the year 5138,
// milliseconds and microseconds from 1973 on.
const UNITS: [(i64, i64); 3] = [
    (100_000_000_000, 1_000_000_000),
    (100_000_000_000_000, 1_000_000),
    (100_000_000_000_000_000, 1_000),
];
const MICROS_PER_SECOND: f64 = 1e6;
const NANOS_PER_SECOND: i64 = 1_000_000_000;
const SECONDS_PER_DAY: i64 = 86_400;

/// The moment a value says; `None` when it says none after 1970.
pub(super) fn moment(value: &AttributeValue) -> Option<UnixNanos> {
    match value {
        AttributeValue::Int(number) => of_number(*number),
        AttributeValue::Double(number) => of_double(*number),
        AttributeValue::String(text) => match text.parse::<i64>() {
            Ok(number) => of_number(number),
            Err(_) => text
                .parse()
                .ok()
                .and_then(of_double)
                .or_else(|| of_text(text)),
        },
        AttributeValue::Empty
        | AttributeValue::Bool(_)
        | AttributeValue::Bytes(_)
        | AttributeValue::Array(_)
        | AttributeValue::KvList(_) => None,
    }
}

fn of_number(number: i64) -> Option<UnixNanos> {
    let unit = UNITS.iter().find(|(limit, _)| number < *limit);
    let nanos = number.checked_mul(unit.map_or(1, |(_, nanos)| *nanos))?;
    u64::try_from(nanos)
        .ok()
        .filter(|nanos| *nanos > 0)
        .map(UnixNanos)
}

/// Seconds or milliseconds with a fraction. A double holds microseconds of them exactly, and no more.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the number is positive and fits"
)]
fn of_double(number: f64) -> Option<UnixNanos> {
    const SECONDS_BELOW: f64 = 1e11;
    const MILLIS_BELOW: f64 = 1e14;
    // The year 2262, where nanoseconds no longer fit an integer with a sign.
    const NANOS_BELOW: f64 = 9.2e18;
    if !(0.0..NANOS_BELOW).contains(&number) {
        return None;
    }
    let micros = if number < SECONDS_BELOW {
        (number * MICROS_PER_SECOND).round() as i64
    } else if number < MILLIS_BELOW {
        (number * 1e3).round() as i64
    } else {
        return of_number(number as i64);
    };
    let nanos = u64::try_from(micros.checked_mul(1_000)?).ok()?;
    (nanos > 0).then_some(UnixNanos(nanos))
}

/// `2026-11-25T13:32:07.123456789+01:00`; also with a space for the `T`, a comma before the fraction, an
/// offset without a colon, and without an offset, which means UTC.
fn of_text(text: &str) -> Option<UnixNanos> {
    let bytes = text.trim().as_bytes();
    let number = |from: usize, to: usize| digits(bytes.get(from..to)?);
    let is = |at: usize, expected: &[u8]| bytes.get(at).is_some_and(|it| expected.contains(it));
    let has_shape = is(4, b"-") && is(7, b"-") && is(10, b"Tt ") && is(13, b":") && is(16, b":");
    if !has_shape {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let is_time = hour < 24 && minute < 60 && second <= 60;
    if !is_time || !(1..=12).contains(&month) || !(1..=days_in(year, month)).contains(&day) {
        return None;
    }
    let (nanos, zone) = fraction(bytes.get(19..)?)?;
    let seconds =
        days_since_1970(year, month, day) * SECONDS_PER_DAY + hour * 3_600 + minute * 60 + second
            - offset_seconds(zone)?;
    let nanos = seconds.checked_mul(NANOS_PER_SECOND)?.checked_add(nanos)?;
    u64::try_from(nanos).ok().map(UnixNanos)
}

fn digits(bytes: &[u8]) -> Option<i64> {
    let value = |number: i64, byte: &u8| {
        byte.is_ascii_digit()
            .then(|| number * 10 + i64::from(byte - b'0'))
    };
    bytes.iter().try_fold(0, value)
}

/// Nanoseconds after the second, and what follows. Digits beyond nanoseconds are dropped.
fn fraction(rest: &[u8]) -> Option<(i64, &[u8])> {
    let [b'.' | b',', rest @ ..] = rest else {
        return Some((0, rest));
    };
    let count = rest.iter().take_while(|it| it.is_ascii_digit()).count();
    let (fraction, rest) = rest.split_at_checked(count)?;
    let mut nanos = digits(fraction.get(..count.min(9))?)?;
    for _ in count..9 {
        nanos *= 10;
    }
    (count > 0).then_some((nanos, rest))
}

fn offset_seconds(zone: &[u8]) -> Option<i64> {
    let (sign, zone) = match zone {
        [] | b"Z" | b"z" => return Some(0),
        [b'+', zone @ ..] => (1, zone),
        [b'-', zone @ ..] => (-1, zone),
        _ => return None,
    };
    let (hours, minutes) = match zone {
        [_, _] => (digits(zone)?, 0),
        [h, i, b':', m, n] | [h, i, m, n] => (digits(&[*h, *i])?, digits(&[*m, *n])?),
        _ => return None,
    };
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3_600 + minutes * 60))
}

fn days_in(year: i64, month: i64) -> i64 {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Counted from March on, so that the leap day is the last of its year.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    const DAYS_TO_1970: i64 = 719_468;
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leap_days + (153 * month + 2) / 5 + day - 1 - DAYS_TO_1970
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_790_000_000;

    fn text(text: &str) -> Option<u64> {
        moment(&AttributeValue::String(text.to_owned())).map(|it| it.0)
    }

    fn int(number: i64) -> Option<u64> {
        moment(&AttributeValue::Int(number)).map(|it| it.0)
    }

    fn double(number: f64) -> Option<u64> {
        moment(&AttributeValue::Double(number)).map(|it| it.0)
    }

    #[test]
    fn the_size_of_a_number_tells_its_unit() {
        let nanos = SECOND * 1_000_000_000;
        assert_eq!(int(1_790_000_000), Some(nanos));
        assert_eq!(int(1_790_000_000_123), Some(nanos + 123_000_000));
        assert_eq!(int(1_790_000_000_123_456), Some(nanos + 123_456_000));
        assert_eq!(int(1_790_000_000_123_456_789), Some(nanos + 123_456_789));
        assert_eq!(text("1790000000123"), Some(nanos + 123_000_000));
        assert_eq!(text("1790000000.25"), Some(nanos + 250_000_000));
        assert_eq!(int(0), None);
        assert_eq!(int(-5), None);
    }

    #[test]
    fn doubles_are_exact_to_the_microsecond() {
        let nanos = SECOND * 1_000_000_000;
        assert_eq!(double(1_790_000_000.123_456), Some(nanos + 123_456_000));
        assert_eq!(double(1_790_000_000_123.5), Some(nanos + 123_500_000));
        assert_eq!(double(1.79e18), Some(nanos));
        for number in [f64::NAN, f64::INFINITY, 1e30, -1.5, 0.0] {
            assert_eq!(double(number), None, "{number}");
        }
    }

    #[test]
    fn rfc_3339_and_its_relatives_are_read() {
        let expected = Some(1_795_613_527_123_000_000);
        for time in [
            "2026-11-25T13:32:07.123Z",
            "2026-11-25t13:32:07.123z",
            "2026-11-25 13:32:07.123",
            "2026-11-25 13:32:07,123",
            "2026-11-25T14:32:07.123+01:00",
            "2026-11-25T14:32:07.123+0100",
            "2026-11-25T08:02:07.123-05:30",
            "2026-11-25T14:32:07.1230000009+01",
        ] {
            assert_eq!(text(time), expected, "{time}");
        }
        assert_eq!(text("1970-01-01T00:00:01Z"), Some(1_000_000_000));
        assert_eq!(
            text("2024-02-29T00:00:00Z"),
            Some(1_709_164_800_000_000_000)
        );
    }

    #[test]
    fn what_is_no_moment_is_none() {
        for time in [
            "",
            "yesterday",
            "2026-11-25",
            "2026-13-25T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "2026-11-25T24:00:00Z",
            "2026-11-25T13:32:07.Z",
            "2026-11-25T13:32:07 CET",
            "1969-12-31T23:59:59Z",
            "2026-11-25T13:32:07é",
        ] {
            assert_eq!(text(time), None, "{time}");
        }
    }
}
