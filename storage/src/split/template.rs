//! Takes texts such as URLs and statements apart into a template, of which few are distinct, and the
//! values in it, which are random and kept as the bytes they stand for.
//!
//! A value is a run of ASCII letters and digits with a digit in it; short runs that are not only digits,
//! such as `v1`, belong to the template. The bytes are described in
//! docs/formats/split.md.

/// Stands in a template before the kind of a value.
const MARK: char = '\u{1}';
/// A number in decimal digits.
const DECIMAL: char = 'd';
/// Bytes in lower-case hexadecimal digits; their number follows, and a semicolon.
const HEX: char = 'x';
/// Any text.
const TEXT: char = 's';
/// Shorter runs of hexadecimal digits are kept as text.
const HEX_DIGITS_MIN: usize = 8;
/// A run that is longer than this is a value although it is no number.
const NAME_BYTES_MAX: usize = 3;
/// The most decimal digits that fit any number.
const DECIMAL_DIGITS_MAX: usize = 19;

/// A text taken apart; used again for the next one.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Parts {
    pub(crate) template: String,
    pub(crate) values: Vec<u8>,
    /// Bytes of `values` that are text.
    pub(crate) text_bytes: usize,
}

impl Parts {
    /// Takes a text apart.
    pub(crate) fn set(&mut self, text: &str) {
        self.template.clear();
        self.values.clear();
        self.text_bytes = 0;
        if text.contains(MARK) {
            self.push_text(text);
            return;
        }
        let bytes = text.as_bytes();
        let slice = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
        // Up to where the text is in the template already, and up to where it was looked at.
        let (mut done, mut at) = (0, 0);
        while let Some(byte) = bytes.get(at) {
            if !byte.is_ascii_alphanumeric() {
                at += 1;
                continue;
            }
            let (start, mut has_digit) = (at, false);
            while let Some(byte) = bytes.get(at).filter(|byte| byte.is_ascii_alphanumeric()) {
                has_digit |= byte.is_ascii_digit();
                at += 1;
            }
            if has_digit {
                self.template.push_str(slice(done, start));
                self.push_value(slice(start, at));
                done = at;
            }
        }
        self.template.push_str(slice(done, text.len()));
    }

    fn push_value(&mut self, run: &str) {
        if let Some(number) = decimal(run) {
            self.template.extend([MARK, DECIMAL]);
            put_varint(&mut self.values, number);
        } else if push_hex(run, &mut self.values) {
            self.template.extend([MARK, HEX]);
            push_number(&mut self.template, run.len() as u64 / 2);
            self.template.push(';');
        } else if run.len() <= NAME_BYTES_MAX && !run.starts_with(|c: char| c.is_ascii_digit()) {
            self.template.push_str(run);
        } else {
            self.push_text(run);
        }
    }

    fn push_text(&mut self, text: &str) {
        self.template.extend([MARK, TEXT]);
        put_varint(&mut self.values, text.len() as u64);
        self.values.extend_from_slice(text.as_bytes());
        self.text_bytes += text.len();
    }
}

/// Puts a text together again and adds it to `text`; `None` when the bytes are damaged.
pub(crate) fn fill(template: &str, mut values: &[u8], text: &mut String) -> Option<()> {
    let mut rest = template;
    while let Some(at) = memchr::memchr(MARK as u8, rest.as_bytes()) {
        let (before, mark) = rest.split_at(at);
        text.push_str(before);
        let mut characters = mark.chars();
        characters.next();
        let kind = characters.next()?;
        rest = characters.as_str();
        match kind {
            DECIMAL => push_number(text, take_varint(&mut values)?),
            HEX => {
                let (count, after) = rest.split_once(';')?;
                rest = after;
                for byte in take(&mut values, count.parse().ok()?)? {
                    let digit = |digit: u8| char::from_digit(u32::from(digit), 16);
                    text.push(digit(byte >> 4)?);
                    text.push(digit(byte & 15)?);
                }
            }
            TEXT => {
                let count = take_varint(&mut values)?;
                let bytes = take(&mut values, usize::try_from(count).ok()?)?;
                text.push_str(std::str::from_utf8(bytes).ok()?);
            }
            _ => return None,
        }
    }
    text.push_str(rest);
    values.is_empty().then_some(())
}

/// Adds a number in decimal digits, with a sign if it is negative.
pub(crate) fn push_signed(text: &mut String, number: i64) {
    if number < 0 {
        text.push('-');
    }
    push_number(text, number.unsigned_abs());
}

/// Adds a number in decimal digits.
fn push_number(text: &mut String, mut number: u64) {
    // As many digits as the largest number has.
    let mut digits = [b'0'; 20];
    let mut first = digits.len();
    for (place, digit) in digits.iter_mut().enumerate().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
        first = place;
        if number == 0 {
            break;
        }
    }
    let digits = digits
        .get(first..)
        .and_then(|digits| std::str::from_utf8(digits).ok());
    text.push_str(digits.unwrap_or_default());
}

/// The number that a run of digits reads as and is written as.
fn decimal(run: &str) -> Option<u64> {
    let is_decimal = run.bytes().all(|byte| byte.is_ascii_digit());
    let is_canonical = run == "0" || !run.starts_with('0');
    if !is_decimal || !is_canonical || run.len() > DECIMAL_DIGITS_MAX {
        return None;
    }
    run.parse().ok()
}

/// Adds the bytes that a run of lower-case hexadecimal digits stands for; false if it is none.
fn push_hex(run: &str, values: &mut Vec<u8>) -> bool {
    if run.len() < HEX_DIGITS_MIN || !run.len().is_multiple_of(2) {
        return false;
    }
    let value = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let before = values.len();
    let (pairs, _) = run.as_bytes().as_chunks::<2>();
    for [high, low] in pairs {
        let (Some(high), Some(low)) = (value(*high), value(*low)) else {
            values.truncate(before);
            return false;
        };
        values.push(high << 4 | low);
    }
    true
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let (mut value, mut shift) = (0_u64, 0);
    loop {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f).checked_shl(shift)?;
        shift += 7;
        if *byte < 0x80 {
            return Some(value);
        }
    }
}

fn take<'a>(bytes: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(count)?;
    *bytes = rest;
    Some(taken)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert_eq, proptest};

    use super::*;

    fn parts(text: &str) -> Parts {
        let mut parts = Parts::default();
        parts.set(text);
        parts
    }

    fn filled(parts: &Parts) -> Option<String> {
        let mut text = String::new();
        fill(&parts.template, &parts.values, &mut text)?;
        Some(text)
    }

    #[test]
    fn values_are_kept_as_the_bytes_they_stand_for() {
        let text = "https://a.example/v1/x/00ffab12/AB12?page=130";
        let url = parts(text);
        let template = "https://a.example/v1/x/\u{1}x4;/\u{1}s?page=\u{1}d";
        assert_eq!(url.template, template);
        assert_eq!(url.values, b"\x00\xff\xab\x12\x04AB12\x82\x01");
        assert_eq!(filled(&url).unwrap(), text);
    }

    #[test]
    fn damaged_values_are_noticed() {
        let url = parts("id=00ffab12 n=7 name=a1");
        for length in 0..url.values.len() {
            let mut text = String::new();
            assert_eq!(fill(&url.template, &url.values[..length], &mut text), None);
        }
        assert_eq!(fill("\u{1}q", b"", &mut String::new()), None);
        assert_eq!(fill("no value", b"x", &mut String::new()), None);
    }

    proptest! {
        #[test]
        fn any_text_comes_back(text in "(?s).{0,40}|([a-f0-9]{6,20}[-/ ;]?|00[0-9]{0,25}|\u{1}[dxs]?|ü|[A-Z]){0,8}") {
            prop_assert_eq!(filled(&parts(&text)), Some(text));
        }
    }
}
