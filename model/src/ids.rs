//! Trace and span ids: fixed size, never zero, hex at the edges.

use std::fmt;
use std::str::FromStr;

/// Why bytes or text are not an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The number of bytes is not that of the id.
    #[error("id has {actual} bytes instead of {expected}")]
    WrongLength {
        /// Bytes an id of this kind has.
        expected: usize,
        /// Bytes that were given.
        actual: usize,
    },
    /// W3C trace context and OTLP both call the all-zero id invalid.
    #[error("id is all zero")]
    Zero,
    /// The text holds something else than hexadecimal digits.
    #[error("id is not hexadecimal")]
    NotHex,
}

macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; $len]);

        impl $name {
            /// Bytes in an id of this kind.
            pub const LEN: usize = $len;

            /// The id with these bytes.
            ///
            /// # Errors
            /// When the length is wrong or every byte is zero.
            pub fn from_slice(bytes: &[u8]) -> Result<Self, IdError> {
                let bytes: [u8; $len] = bytes.try_into().map_err(|_| IdError::WrongLength {
                    expected: $len,
                    actual: bytes.len(),
                })?;
                if bytes == [0; $len] { Err(IdError::Zero) } else { Ok(Self(bytes)) }
            }

            /// The bytes as they travel on the wire.
            pub fn as_bytes(&self) -> &[u8; $len] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), hex::encode(self.0))
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            /// Parses hex in any case, of the exact length.
            fn from_str(text: &str) -> Result<Self, IdError> {
                let bytes = hex::decode(text).map_err(|_| IdError::NotHex)?;
                Self::from_slice(&bytes)
            }
        }
    };
}

id_type!(
    /// Identifies a trace: 16 bytes, never all zero.
    TraceId,
    16
);
id_type!(
    /// Identifies a span within its trace: 8 bytes, never all zero.
    SpanId,
    8
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_in_any_case_is_parsed_and_printed_in_lower_case() {
        let id: TraceId = "0AF7651916CD43DD8448EB211C80319C".parse().unwrap();
        assert_eq!(id.to_string(), "0af7651916cd43dd8448eb211c80319c");
    }

    #[test]
    fn zero_short_and_non_hex_ids_are_refused() {
        assert_eq!(SpanId::from_slice(&[0; 8]), Err(IdError::Zero));
        assert_eq!(
            SpanId::from_slice(&[1; 7]),
            Err(IdError::WrongLength {
                expected: 8,
                actual: 7
            })
        );
        assert_eq!("zz".parse::<SpanId>(), Err(IdError::NotHex));
    }
}
