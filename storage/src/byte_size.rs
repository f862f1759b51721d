//! Sizes in bytes as people write them on a command line.

use std::num::NonZeroU64;

/// Why a text is not a size in bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ByteSizeError {
    /// It does not begin with digits.
    #[error("expected a number of bytes, such as 64MiB")]
    NotANumber,
    /// What follows the digits is no unit.
    #[error("unknown unit {unit:?}, use B, KiB, MiB, GiB or TiB")]
    UnknownUnit {
        /// What was given.
        unit: String,
    },
    /// More bytes than can be counted.
    #[error("is too large")]
    TooLarge,
    /// Sizes are limits, and a limit of nothing lets nothing through.
    #[error("must not be zero")]
    Zero,
}

/// Reads `1048576`, `64MiB` or `2 GiB`; units are powers of 1,024, in any letter case.
///
/// # Errors
/// See [`ByteSizeError`].
pub fn parse_byte_size(text: &str) -> Result<NonZeroU64, ByteSizeError> {
    let text = text.trim();
    let digits_end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, unit) = text.split_at(digits_end);
    let unit = unit.trim();
    let shift = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "kib" => 10,
        "mib" => 20,
        "gib" => 30,
        "tib" => 40,
        _ => {
            return Err(ByteSizeError::UnknownUnit {
                unit: unit.to_owned(),
            });
        }
    };
    if digits.is_empty() {
        return Err(ByteSizeError::NotANumber);
    }
    let number: u64 = digits.parse().map_err(|_| ByteSizeError::TooLarge)?;
    let bytes = number
        .checked_mul(1 << shift)
        .ok_or(ByteSizeError::TooLarge)?;
    NonZeroU64::new(bytes).ok_or(ByteSizeError::Zero)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_and_without_units() {
        let bytes = |text| parse_byte_size(text).map(NonZeroU64::get);
        assert_eq!(bytes("1000"), Ok(1000));
        assert_eq!(bytes("7B"), Ok(7));
        assert_eq!(bytes("2 kib"), Ok(2048));
        assert_eq!(bytes("3MiB"), Ok(3 << 20));
        assert_eq!(bytes(" 2 GiB "), Ok(2 << 30));
        assert_eq!(bytes("1TiB"), Ok(1 << 40));
    }

    #[test]
    fn what_is_wrong_with_a_size_is_said() {
        let message = |text| parse_byte_size(text).unwrap_err().to_string();
        assert_eq!(message("MiB"), "expected a number of bytes, such as 64MiB");
        assert_eq!(
            message("5MB"),
            "unknown unit \"MB\", use B, KiB, MiB, GiB or TiB"
        );
        assert_eq!(message("99999999999TiB"), "is too large");
        assert_eq!(message("99999999999999999999999"), "is too large");
        assert_eq!(message("0KiB"), "must not be zero");
    }
}
