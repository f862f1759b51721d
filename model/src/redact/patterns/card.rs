//! Numbers of payment cards.
#![warn(clippy::indexing_slicing, clippy::cast_possible_truncation)]

use std::ops::Range;

pub(super) const DIGITS_MIN: usize = 13;
const DIGITS_MAX: usize = 19;

/// How many digits stand together where a number is written in groups.
const GROUPINGS: [&[usize]; 4] = [&[4, 4, 4, 4], &[4, 4, 4, 4, 3], &[4, 6, 5], &[4, 6, 4]];

/// The next run of digits, spaces and dashes that is long enough, at or after `from`. Such a run covers one
/// of every [`DIGITS_MIN`] places, so only those are looked at.
fn next_run(bytes: &[u8], from: usize) -> Option<Range<usize>> {
    let mut probe = from + DIGITS_MIN - 1;
    loop {
        if is_part(*bytes.get(probe)?) {
            let before = bytes.get(from..probe)?;
            let start = probe
                - before
                    .iter()
                    .rev()
                    .take_while(|byte| is_part(**byte))
                    .count();
            let after = bytes.get(probe..)?;
            let end = probe + after.iter().take_while(|byte| is_part(**byte)).count();
            if end - start >= DIGITS_MIN {
                return Some(start..end);
            }
            probe = end + DIGITS_MIN - 1;
        } else {
            probe += DIGITS_MIN;
        }
    }
}

fn is_part(byte: u8) -> bool {
    byte.is_ascii_digit() || matches!(byte, b' ' | b'-')
}

pub(super) fn find(text: &[u8], from: usize) -> Option<Range<usize>> {
    let mut at = from;
    while let Some(run) = next_run(text, at) {
        let mut start = run.start;
        while start < run.end {
            let rest = text.get(start..run.end)?;
            let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            if digits == 0 {
                start += 1;
                continue;
            }
            if let Some(length) = number_length(text, start, run.end) {
                return Some(start..start + length);
            }
            start += digits;
        }
        at = run.end;
    }
    None
}

/// The length of the number that begins at `start`, a first digit; `None` when it is none.
fn number_length(text: &[u8], start: usize, end: usize) -> Option<usize> {
    let before = start.checked_sub(1).and_then(|at| text.get(at));
    if before.is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_')) {
        return None;
    }
    let run = text.get(start..end)?;
    let plain = run.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let lengths = GROUPINGS.iter().filter_map(|groups| grouped(run, groups));
    lengths.chain([plain]).find(|length| {
        let after = text.get(start + length);
        let ends = !after.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
        ends && run.get(..*length).is_some_and(is_number)
    })
}

/// The length of digits in these groups, all with the same character between them.
fn grouped(run: &[u8], groups: &[usize]) -> Option<usize> {
    let separator = run.get(*groups.first()?)?;
    if separator.is_ascii_digit() {
        return None;
    }
    let mut length = 0;
    for (position, digits) in groups.iter().enumerate() {
        if position > 0 {
            if run.get(length) != Some(separator) {
                return None;
            }
            length += 1;
        }
        let group = run.get(length..length + digits)?;
        if !group.iter().all(u8::is_ascii_digit) {
            return None;
        }
        length += digits;
    }
    Some(length)
}

/// Whether the digits are a number that a card may have.
fn is_number(text: &[u8]) -> bool {
    let digits: Vec<u32> = text
        .iter()
        .filter(|byte| byte.is_ascii_digit())
        .map(|byte| u32::from(byte - b'0'))
        .collect();
    (DIGITS_MIN..=DIGITS_MAX).contains(&digits.len()) && is_issued(&digits) && has_check(&digits)
}

/// Whether an issuer has numbers of this beginning and length. Times since 1970 and most other long
/// numbers begin otherwise.
fn is_issued(digits: &[u32]) -> bool {
    let first_four = digits
        .iter()
        .take(4)
        .fold(0, |number, digit| number * 10 + digit);
    let length = digits.len();
    match first_four {
        4000..=4999 => matches!(length, 13 | 16 | 19),
        2221..=2720 | 5100..=5599 => length == 16,
        3400..=3499 | 3700..=3799 => length == 15,
        3000..=3059 | 3600..=3699 | 3800..=3999 => matches!(length, 14 | 16),
        3528..=3589 => (16..=19).contains(&length),
        6011 | 6440..=6599 | 6200..=6299 => (16..=19).contains(&length),
        5000..=5099 | 5600..=5899 | 6300..=6399 | 6700..=6799 => (13..=19).contains(&length),
        _ => false,
    }
}

/// Whether the last digit is the one that the others give (Luhn).
fn has_check(digits: &[u32]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(position, digit)| match (position % 2, digit * 2) {
            (0, _) => *digit,
            (_, doubled @ 0..=9) => doubled,
            (_, doubled) => doubled - 9,
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn card(text: &str) -> Option<&str> {
        find(text.as_bytes(), 0).map(|it| text.get(it).unwrap())
    }

    #[test]
    fn numbers_of_every_issuer_are_found_plain_and_in_groups() {
        for number in [
            "4111111111111111",
            "4222222222222",
            "5500005555555559",
            "2223003122003222",
            "378282246310005",
            "30569309025904",
            "6011111111111117",
            "3530111333300000",
            "6200000000000005",
            "4111 1111 1111 1111",
            "4111-1111-1111-1111",
            "3782 822463 10005",
            "3056-930902-5904",
        ] {
            assert_eq!(card(number), Some(number));
            assert_eq!(
                card(&format!("2026-11-25 id=7 card={number}, 12")),
                Some(number)
            );
        }
    }

    #[test]
    fn other_long_numbers_are_left_alone() {
        for text in [
            "4111111111111112",
            "1790000000000000000",
            "1790000000000",
            "2026-11-25 13:42:50 2026-11-25 13",
            "4111 1111 11 11 1111",
            "4111 1111-1111 1111",
            "0.4111111111111111",
            "4111111111111111000000000",
            "a4111111111111111",
            "4111111111111111b",
            "0af7651916cd43dd8448eb211c80319c",
            "+49 30 901820 555 555",
        ] {
            assert_eq!(card(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn numbers_are_found_wherever_they_stand_in_a_text(
            before in "([a-z0-9 -]{0,40}[ ,:=])?",
            number in prop::sample::select(vec!["4111111111111111", "4222222222222", "3782-822463-10005"]),
            after in "([,;?!][a-z0-9 -]{0,40})?",
        ) {
            let text = format!("{before}{number}{after}");
            let mut found = Vec::new();
            let mut from = 0;
            while let Some(range) = find(text.as_bytes(), from) {
                from = range.end;
                found.push(text.get(range).unwrap().to_owned());
            }
            prop_assert!(found.iter().any(|it| it == number), "{text}: {found:?}");
        }
    }
}
