//! How texts become terms: as they are when short, cut and hashed when long.

use std::borrow::Cow;

/// Longest text that is a term as it is.
const TERM_BYTES_MAX: usize = 256;
/// A longer text keeps about this much of its beginning.
const KEPT_BYTES: usize = 238;
/// Every long text keeps at least this much, wherever its characters end.
const KEPT_BYTES_SURE: usize = KEPT_BYTES - 3;
/// Stands between the beginning of a long text and its hash.
const CUT_MARK: char = '\u{1}';

/// The term of a text.
pub(crate) fn term(text: &str) -> Cow<'_, str> {
    if text.len() <= TERM_BYTES_MAX {
        return Cow::Borrowed(text);
    }
    let (kept, _) = text.split_at(text.floor_char_boundary(KEPT_BYTES));
    Cow::Owned(format!("{kept}{CUT_MARK}{:016x}", fnv1a(text.as_bytes())))
}

/// Whether rows with the term of this text may have another text.
pub(crate) fn is_ambiguous(text: &str) -> bool {
    text.len() > TERM_BYTES_MAX || text.contains(CUT_MARK)
}

/// Whether the text behind a term found in an index may be a longer one.
pub(crate) fn is_cut(term: &str) -> bool {
    term.len() > KEPT_BYTES_SURE && term.contains(CUT_MARK)
}

/// What a term shows of its text: all of it, or its beginning when it is cut.
pub(crate) fn visible(term: &str) -> &str {
    match term.rsplit_once(CUT_MARK) {
        Some((beginning, _)) if is_cut(term) => beginning,
        _ => term,
    }
}

/// The beginning that the terms of all texts share that begin with `prefix`, and whether it tells
/// them from all others.
pub(crate) fn term_prefix(prefix: &str) -> (&str, bool) {
    if prefix.len() <= KEPT_BYTES_SURE {
        return (prefix, true);
    }
    let (sure, _) = prefix.split_at(prefix.floor_char_boundary(KEPT_BYTES_SURE));
    (sure, false)
}

/// `key=value`, with `=` and `\` of the key escaped, so that the first bare `=` ends the key.
pub(crate) fn attribute(key: &str, value: &str) -> String {
    if key.contains(['=', '\\']) {
        let key = key.replace('\\', "\\\\").replace('=', "\\=");
        format!("{key}={value}")
    } else {
        format!("{key}={value}")
    }
}

/// Writes the text of an operation into `text`: found by its service, and can be taken apart again.
pub(crate) fn write_operation(text: &mut String, service: &str, kind: i32, name: &str) {
    use std::fmt::Write as _;
    text.clear();
    // Writing to a string cannot fail.
    let _written = write!(text, "{}:{service}:{kind}:{name}", service.len());
}

/// Service, kind and name of the term of an operation; the name is short of its end if the term is
/// cut. `None` when the term is cut before the name, or was not made here.
pub(crate) fn parse_operation(term: &str) -> Option<(&str, i32, &str)> {
    let (length, rest) = term.split_once(':')?;
    let (service, rest) = rest.split_at_checked(length.parse().ok()?)?;
    let (kind, name) = rest.strip_prefix(':')?.split_once(':')?;
    Some((service, kind.parse().ok()?, name))
}

/// What the operations of a service begin with, and of no other.
pub(crate) fn operation_prefix(service: &str) -> String {
    format!("{}:{service}:", service.len())
}

/// FNV-1a: stable, and good enough where every hit is compared with the whole text.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_texts_are_their_own_terms_and_long_ones_are_cut_and_told_apart() {
        assert_eq!(term("GET /cart"), "GET /cart");
        let (a, b) = ("ü".repeat(200) + "a", "ü".repeat(200) + "b");
        assert!(term(&a).len() <= TERM_BYTES_MAX && is_cut(&term(&a)));
        assert_ne!(term(&a), term(&b));
        assert!(is_ambiguous(&a) && !is_ambiguous("GET /cart"));
    }

    #[test]
    fn the_prefix_of_a_text_is_a_prefix_of_its_term() {
        for pad in 0..4 {
            let text = "x".repeat(pad) + &"üñ€".repeat(60);
            for (length, _) in text.char_indices() {
                let (start, _) = text.split_at(length);
                let (prefix, _) = term_prefix(start);
                assert!(
                    term(&text).starts_with(prefix),
                    "pad {pad}, length {length}"
                );
            }
        }
    }

    #[test]
    fn keys_that_hold_an_equals_sign_are_not_mistaken_for_others() {
        assert_ne!(attribute("a=b", "c"), attribute("a", "b=c"));
        assert!(!attribute("a=b", "c").starts_with(&attribute("a", "")));
        assert!(!attribute("a\\=b", "c").starts_with(&attribute("a\\", "")));
    }

    #[test]
    fn the_hash_is_that_of_the_published_test_vectors() {
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
    }
}
