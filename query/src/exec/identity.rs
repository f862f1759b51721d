//! Tells records apart by their content alone, wherever they are stored.

use model::otlp::json;
use model::{LogRecord, Span};

/// A 128-bit FNV-1a hash of everything a record says. Stable over restarts, and the same for the
/// hot buffer and for splits; equal for two records exactly when a sender sent the same record twice
/// (up to hash collisions).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentHash(pub u128);

impl ContentHash {
    /// Of a span.
    pub(super) fn of_span(span: &Span) -> Self {
        let mut text = Vec::new();
        json::write_spans(&mut text, std::slice::from_ref(span));
        Self::of_bytes(&text)
    }

    /// Of a log record.
    pub(super) fn of_log_record(record: &LogRecord) -> Self {
        let mut text = Vec::new();
        json::write_logs(&mut text, std::slice::from_ref(record));
        Self::of_bytes(&text)
    }

    fn of_bytes(bytes: &[u8]) -> Self {
        const OFFSET_BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
        const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
        let step = |hash: u128, byte: &u8| (hash ^ u128::from(*byte)).wrapping_mul(PRIME);
        Self(bytes.iter().fold(OFFSET_BASIS, step))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_fnv_1a_of_128_bits() {
        assert_eq!(
            ContentHash::of_bytes(b"").0,
            0x6c62_272e_07bb_0142_62b8_2175_6295_c58d
        );
        assert_eq!(
            ContentHash::of_bytes(b"a").0,
            0xd228_cb69_6f1a_8caf_7891_2b70_4e4a_8964
        );
    }
}
