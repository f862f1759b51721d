//! Halves of surrogate pairs in JSON strings, which no Unicode text can hold.
//!
//! JavaScript cuts texts between the halves of a pair when it shortens them, and writes the half that is left
//! as an escape. Refusing the whole request for it would lose everything else in it.

/// How long `\uXXXX` is.
const ESCAPE_BYTES: usize = 6;
/// What replaces a lone half: U+FFFD, the character that stands for what is none.
const REPLACEMENT: &[u8; 4] = b"fffd";

/// The JSON with every lone half replaced; `None` when it has none.
pub(super) fn replaced(json: &[u8]) -> Option<Vec<u8>> {
    let mut mended: Option<Vec<u8>> = None;
    let mut at = 0;
    while at < json.len() {
        let rest = json.get(at..).unwrap_or_default();
        if !rest.starts_with(b"\\") {
            at += 1;
            continue;
        }
        let Some(unit) = escaped_unit(rest) else {
            // Another escape: what follows the backslash begins none of its own.
            at += 2;
            continue;
        };
        let is_followed_by_low = || {
            let next = rest.get(ESCAPE_BYTES..).and_then(escaped_unit);
            next.is_some_and(|unit| (0xdc00..0xe000).contains(&unit))
        };
        match unit {
            0xd800..0xdc00 if is_followed_by_low() => at += 2 * ESCAPE_BYTES,
            0xd800..0xe000 => {
                let copy = mended.get_or_insert_with(|| json.to_vec());
                if let Some(digits) = copy.get_mut(at + 2..at + ESCAPE_BYTES) {
                    digits.copy_from_slice(REPLACEMENT);
                }
                at += ESCAPE_BYTES;
            }
            _ => at += ESCAPE_BYTES,
        }
    }
    mended
}

/// The UTF-16 unit that the text begins with as an escape.
fn escaped_unit(text: &[u8]) -> Option<u16> {
    let digits = text.strip_prefix(b"\\u")?.first_chunk::<4>()?;
    let mut bytes = [0; 2];
    hex::decode_to_slice(digits, &mut bytes).ok()?;
    Some(u16::from_be_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mended(json: &str) -> Option<String> {
        replaced(json.as_bytes()).map(|json| String::from_utf8(json).unwrap())
    }

    #[test]
    fn lone_halves_are_replaced() {
        assert_eq!(mended(r#""a\ud83d""#).unwrap(), r#""a\ufffd""#);
        assert_eq!(mended(r#""\uDE00b""#).unwrap(), r#""\ufffdb""#);
        assert_eq!(
            mended(r#""\ud83d\ud83d\ude00""#).unwrap(),
            r#""\ufffd\ud83d\ude00""#
        );
        assert_eq!(mended(r#""\\\ud83d\n""#).unwrap(), r#""\\\ufffd\n""#);
    }

    #[test]
    fn whole_pairs_other_escapes_and_cut_ones_are_left_alone() {
        for json in [
            r#""\ud83d\ude00 é \u00e9""#,
            r#""\\ud83d""#,
            r#""\ud8"#,
            r#""\"#,
            r#""\uzzzz""#,
            "",
        ] {
            assert_eq!(mended(json), None, "{json}");
        }
    }
}
