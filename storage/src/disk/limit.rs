//! The setting that limits the size of the data directory: bytes, or a share of the disk.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

use crate::byte_size::{ByteSizeError, parse_byte_size};

/// Largest size of everything in the data directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MaxDisk {
    /// So many bytes.
    Bytes(NonZeroU64),
    /// This many hundredths of the disk that holds the directory, at least one; what others have on
    /// it does not count.
    Percent(u8),
}

/// Why a text is no limit of the disk.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MaxDiskError {
    /// A share that is none.
    #[error("expected 1% to 100%")]
    Percent,
    /// Neither a share nor a size.
    #[error("neither a share of the disk, such as 80%, nor a size: {0}")]
    Bytes(ByteSizeError),
}

impl FromStr for MaxDisk {
    type Err = MaxDiskError;

    /// Reads `80%`, or what [`parse_byte_size`] reads.
    fn from_str(text: &str) -> Result<Self, MaxDiskError> {
        let Some(number) = text.trim().strip_suffix('%') else {
            return parse_byte_size(text)
                .map(Self::Bytes)
                .map_err(MaxDiskError::Bytes);
        };
        match number.trim_end().parse() {
            Ok(percent @ 1..=100) => Ok(Self::Percent(percent)),
            _ => Err(MaxDiskError::Percent),
        }
    }
}

impl fmt::Display for MaxDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => bytes.fmt(f),
            Self::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

impl MaxDisk {
    /// The limit on a disk of this size. A share of a disk whose size is not known is no limit.
    pub(crate) fn bytes(self, capacity_bytes: Option<u64>) -> u64 {
        match (self, capacity_bytes) {
            (Self::Bytes(bytes), _) => bytes.get(),
            (Self::Percent(percent), Some(capacity)) => {
                let share = u128::from(capacity) * u128::from(percent) / 100;
                u64::try_from(share).unwrap_or(u64::MAX)
            }
            (Self::Percent(_), None) => u64::MAX,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_a_size_or_a_share_of_the_disk() {
        let bytes = |text: &str, disk| text.parse().map(|max: MaxDisk| max.bytes(disk));
        assert_eq!(bytes("20GiB", Some(1)), Ok(20 << 30));
        assert_eq!(bytes("80%", Some(1_000)), Ok(800));
        assert_eq!(bytes(" 100 % ", Some(u64::MAX)), Ok(u64::MAX));
        assert_eq!(bytes("80%", None), Ok(u64::MAX));
        for text in ["0%", "101%", "-1%", "%", "1.5%"] {
            assert_eq!(bytes(text, None), Err(MaxDiskError::Percent), "{text}");
        }
        let message = |text: &str| text.parse::<MaxDisk>().unwrap_err().to_string();
        let expected = "neither a share of the disk, such as 80%, nor a size: must not be zero";
        assert_eq!(message("0"), expected);
        assert_eq!("80%".parse::<MaxDisk>().unwrap().to_string(), "80%");
    }
}
