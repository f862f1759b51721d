//! The label set of a stream as text: `{app="cart", pod="cart-1"}`.

use crate::attributes::{Attribute, AttributeValue};

/// Reads a label set; `None` when it is none.
pub(super) fn parse(text: &str) -> Option<Vec<Attribute>> {
    let mut rest = text.trim().strip_prefix('{')?.trim_start();
    let mut labels = Vec::new();
    loop {
        if let Some(after) = rest.strip_prefix('}') {
            return after.trim().is_empty().then_some(labels);
        }
        let (name, after) = name(rest)?;
        let after = after.trim_start().strip_prefix('=')?.trim_start();
        let (value, after) = value(after)?;
        labels.push(Attribute::new(name, AttributeValue::String(value)));
        let after = after.trim_start();
        rest = match after.strip_prefix(',') {
            Some(after) => after.trim_start(),
            None if after.starts_with('}') => after,
            None => return None,
        };
    }
}

/// A name; one with other characters than letters, digits, `_`, `.`, `:` and `-` is quoted.
fn name(text: &str) -> Option<(String, &str)> {
    if text.starts_with('"') {
        return value(text);
    }
    let is_part = |it: char| it.is_alphanumeric() || matches!(it, '_' | '.' | ':' | '-');
    let end = text.find(|it| !is_part(it))?;
    let (name, rest) = text.split_at_checked(end)?;
    (!name.is_empty()).then(|| (name.to_owned(), rest))
}

/// A text as Go quotes it, and what follows it.
fn value(text: &str) -> Option<(String, &str)> {
    if let Some(raw) = text.strip_prefix('`') {
        let (value, rest) = raw.split_once('`')?;
        return Some((value.to_owned(), rest));
    }
    let mut rest = text.strip_prefix('"')?;
    // Escapes may write single bytes of a character.
    let mut bytes = Vec::new();
    loop {
        let end = rest.find(['"', '\\'])?;
        let (plain, after) = rest.split_at_checked(end)?;
        bytes.extend_from_slice(plain.as_bytes());
        if let Some(after) = after.strip_prefix('"') {
            return Some((String::from_utf8_lossy(&bytes).into_owned(), after));
        }
        rest = escape(after.strip_prefix('\\')?, &mut bytes)?;
    }
}

/// Adds what the escape after a backslash stands for; returns what follows it.
fn escape<'a>(text: &'a str, bytes: &mut Vec<u8>) -> Option<&'a str> {
    let mut characters = text.chars();
    let kind = characters.next()?;
    let rest = characters.as_str();
    let simple = match kind {
        'a' => 7,
        'b' => 8,
        'f' => 12,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => 11,
        '\\' | '"' | '\'' => u8::try_from(kind).ok()?,
        'x' => return byte(rest, 2, 16, bytes),
        '0'..='7' => return byte(text, 3, 8, bytes),
        'u' => return character(rest, 4, bytes),
        'U' => return character(rest, 8, bytes),
        _ => return None,
    };
    bytes.push(simple);
    Some(rest)
}

fn byte<'a>(text: &'a str, digits: usize, radix: u32, bytes: &mut Vec<u8>) -> Option<&'a str> {
    let (digits, rest) = text.split_at_checked(digits)?;
    bytes.push(u8::from_str_radix(digits, radix).ok()?);
    Some(rest)
}

fn character<'a>(text: &'a str, digits: usize, bytes: &mut Vec<u8>) -> Option<&'a str> {
    let (digits, rest) = text.split_at_checked(digits)?;
    let character = char::from_u32(u32::from_str_radix(digits, 16).ok()?)?;
    bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    Some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Option<Vec<(String, String)>> {
        let labels = parse(text)?;
        let pair = |label: Attribute| (label.key.clone(), label.text().into_owned());
        Some(labels.into_iter().map(pair).collect())
    }

    fn expected(pairs: &[(&str, &str)]) -> Option<Vec<(String, String)>> {
        let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Some(pairs.iter().map(pair).collect())
    }

    #[test]
    fn label_sets_are_read_with_every_escape() {
        assert_eq!(pairs("{}"), expected(&[]));
        assert_eq!(pairs("{ }"), expected(&[]));
        assert_eq!(
            pairs(r#"{app="cart", pod="cart-1"}"#),
            expected(&[("app", "cart"), ("pod", "cart-1")])
        );
        assert_eq!(
            pairs(r#" {a="x,}=\"\\\n\t", b=`\n"`,c="",} "#),
            expected(&[("a", "x,}=\"\\\n\t"), ("b", "\\n\""), ("c", "")])
        );
        assert_eq!(
            pairs(r#"{a="\u00fc\U0001F600\xc3\xbc\303\274é"}"#),
            expected(&[("a", "ü😀üüé")])
        );
        assert_eq!(
            pairs(r#"{"http.method"="GET", http.route = "/x"}"#),
            expected(&[("http.method", "GET"), ("http.route", "/x")])
        );
    }

    #[test]
    fn what_is_no_label_set_is_none() {
        for text in [
            "",
            "{",
            "}",
            "app=\"cart\"",
            "{app}",
            "{app=cart}",
            "{app=\"cart}",
            "{app=\"cart\"",
            "{=\"x\"}",
            "{a=\"x\" b=\"y\"}",
            "{a=\"\\q\"}",
            "{a=\"\\x4\"}",
            "{a=\"\\ud800\"}",
            "{a=\"x\"} b",
        ] {
            assert_eq!(pairs(text), None, "{text}");
        }
    }
}
