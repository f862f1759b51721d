//! Words of log bodies as two kinds of backend see them. Loosely, a word is a run of ASCII letters and
//! digits, whatever their case; strictly, an underscore belongs to a word too and case matters. What
//! both see alike can be asked of both.

/// A word in a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Word<'a> {
    pub(super) text: &'a [u8],
    /// No underscore touches it.
    pub(super) is_strict: bool,
}

/// The words of a body in the loose sense; those with other than ASCII characters are left out.
pub(super) fn words(body: &[u8]) -> impl Iterator<Item = Word<'_>> {
    let mut next = 0;
    std::iter::from_fn(move || {
        loop {
            let start = next + body.get(next..)?.iter().position(|byte| is_part(*byte))?;
            let rest = body.get(start..)?;
            let len = rest.iter().position(|byte| !is_part(*byte));
            let end = len.map_or(body.len(), |len| start + len);
            next = end;
            let text = body.get(start..end)?;
            if text.is_ascii() {
                let before = start.checked_sub(1).and_then(|place| body.get(place));
                let is_strict = before != Some(&b'_') && body.get(end) != Some(&b'_');
                return Some(Word { text, is_strict });
            }
        }
    })
}

fn is_part(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || !byte.is_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_underscore_parts_words_and_makes_them_not_strict() {
        let found: Vec<(&str, bool)> = words("order_id=a1 \"Köln\" Read(7)".as_bytes())
            .map(|word| (std::str::from_utf8(word.text).unwrap(), word.is_strict))
            .collect();
        let expected = [
            ("order", false),
            ("id", false),
            ("a1", true),
            ("Read", true),
            ("7", true),
        ];
        assert_eq!(found, expected);
        assert_eq!(words(b"").count() + words(b" -- ").count(), 0);
    }
}
