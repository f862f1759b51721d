//! Bloom filters of tokens: what is surely not in a page or column need not be decompressed.
//!
//! A token counts in lower case. Its hash is XXH64 with seed 0; each of the probes takes the next
//! 32-bit number `low + i * (high | 1)` of the hash and scales it to the number of bits.
#![warn(clippy::indexing_slicing, clippy::cast_possible_truncation)]

use twox_hash::XxHash64;

/// Bits for each distinct token.
const BITS_PER_TOKEN: usize = 10;
const PROBES: u32 = 5;

/// The hash of a token that is in lower case already.
pub(super) fn hash_lower(token: &[u8]) -> u64 {
    XxHash64::oneshot(0, token)
}

/// The hash of a token in any case, whose text does not have unsteady case.
pub(super) fn hash(token: &[u8], buffer: &mut Vec<u8>) -> u64 {
    if token
        .iter()
        .any(|byte| byte.is_ascii_uppercase() || !byte.is_ascii())
    {
        buffer.clear();
        lower_into(token, buffer);
        hash_lower(buffer)
    } else {
        hash_lower(token)
    }
}

/// Appends text in lower case; bytes that are no text stay as they are.
pub(super) fn lower_into(token: &[u8], out: &mut Vec<u8>) {
    if token.is_ascii() {
        out.extend(token.iter().map(u8::to_ascii_lowercase));
    } else if let Ok(text) = std::str::from_utf8(token) {
        out.extend_from_slice(text.to_lowercase().as_bytes());
    } else {
        out.extend_from_slice(token);
    }
}

fn probes(hash: u64, bits: u64) -> impl Iterator<Item = u64> {
    let [a, b, c, d, e, f, g, h] = hash.to_le_bytes();
    let (low, high) = (
        u32::from_le_bytes([a, b, c, d]),
        u32::from_le_bytes([e, f, g, h]),
    );
    (0..PROBES).map(move |i| {
        let number = low.wrapping_add(i.wrapping_mul(high | 1));
        (u64::from(number) * bits) >> 32
    })
}

/// Appends the filter of the tokens with these hashes; the hashes are sorted on the way.
pub(super) fn put(hashes: &mut Vec<u64>, out: &mut Vec<u8>) -> usize {
    hashes.sort_unstable();
    hashes.dedup();
    let length = (hashes.len() * BITS_PER_TOKEN).div_ceil(8);
    let start = out.len();
    out.resize(start + length, 0);
    let filter = out.split_at_mut(start).1;
    let bits = filter.len() as u64 * 8;
    for hash in hashes.iter() {
        for bit in probes(*hash, bits) {
            if let Some(byte) = byte_of(bit).and_then(|index| filter.get_mut(index)) {
                *byte |= 1 << (bit % 8);
            }
        }
    }
    length
}

fn byte_of(bit: u64) -> Option<usize> {
    usize::try_from(bit / 8).ok()
}

/// Whether a token with this hash may be among those of the filter.
pub(super) fn may_have(filter: &[u8], hash: u64) -> bool {
    let bits = filter.len() as u64 * 8;
    probes(hash, bits).all(|bit| {
        let byte = byte_of(bit).and_then(|index| filter.get(index));
        byte.is_some_and(|byte| byte & (1 << (bit % 8)) != 0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_has_its_tokens_and_few_others() {
        let hash_of = |n: u32| hash(format!("Token-{n}").as_bytes(), &mut Vec::new());
        let mut hashes: Vec<u64> = (0..2000).map(hash_of).collect();
        let mut filter = Vec::new();
        assert_eq!(put(&mut hashes, &mut filter), 2500);
        assert!((0..2000).all(|n| may_have(&filter, hash_of(n))));
        let wrong = (2000..12_000)
            .filter(|n| may_have(&filter, hash_of(*n)))
            .count();
        assert!(wrong < 200, "{wrong} of 10,000");
        assert!(!may_have(&[], 1));
    }

    #[test]
    fn hashes_do_not_depend_on_letter_case() {
        let hash_of = |text: &str| hash(text.as_bytes(), &mut Vec::new());
        assert_eq!(hash_of("ÜBER"), hash_lower("über".as_bytes()));
        assert_eq!(hash_of("ERROR7"), hash_of("error7"));
        assert_ne!(hash_of("error7"), hash_of("error8"));
    }
}
