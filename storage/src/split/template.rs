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
        let mut rest = text;
        while let Some(start) = rest.find(|c: char| c.is_ascii_alphanumeric()) {
            let (before, from_start) = rest.split_at(start);
            let end = from_start
                .find(|c: char| !c.is_ascii_alphanumeric())
                .unwrap_or(from_start.len());
            let (run, after) = from_start.split_at(end);
            self.template.push_str(before);
            if run.bytes().any(|byte| byte.is_ascii_digit()) {
                self.push_value(run);
            } else {
                self.template.push_str(run);
            }
            rest = after;
        }
        self.template.push_str(rest);
    }

    fn push_value(&mut self, run: &str) {
        if let Some(number) = decimal(run) {
            self.template.extend([MARK, DECIMAL]);
            put_varint(&mut self.values, number);
        } else if let Some(bytes) = hex(run) {
            self.template.extend([MARK, HEX]);
            self.template.push_str(&bytes.len().to_string());
            self.template.push(';');
            self.values.extend(bytes);
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
    let mut pieces = template.split(MARK);
    text.push_str(pieces.next()?);
    for piece in pieces {
        let mut characters = piece.chars();
        let kind = characters.next()?;
        let mut after = characters.as_str();
        match kind {
            DECIMAL => text.push_str(&take_varint(&mut values)?.to_string()),
            HEX => {
                let (count, rest) = after.split_once(';')?;
                after = rest;
                let bytes = take(&mut values, count.parse().ok()?)?;
                for byte in bytes {
                    let digit = |digit: u8| char::from_digit(u32::from(digit), 16);
                    text.extend([digit(byte >> 4)?, digit(byte & 15)?]);
                }
            }
            TEXT => {
                let count = take_varint(&mut values)?;
                let bytes = take(&mut values, usize::try_from(count).ok()?)?;
                text.push_str(std::str::from_utf8(bytes).ok()?);
            }
            _ => return None,
        }
        text.push_str(after);
    }
    values.is_empty().then_some(())
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

/// The bytes that a run of lower-case hexadecimal digits stands for.
fn hex(run: &str) -> Option<Vec<u8>> {
    if run.len() < HEX_DIGITS_MIN || !run.len().is_multiple_of(2) {
        return None;
    }
    let value = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let pairs = run.as_bytes().chunks_exact(2);
    pairs
        .map(|pair| match pair {
            [high, low] => Some(value(*high)? << 4 | value(*low)?),
            _ => None,
        })
        .collect()
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
