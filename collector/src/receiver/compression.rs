//! The ways in which bodies are compressed, by name.

use std::io;

use crate::error::Refusal;

/// How a body is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compression {
    Identity,
    Gzip,
    Zstd,
    Deflate,
    /// One block of snappy without a frame. Nothing announces it: Loki's protobuf is always in one.
    Snappy,
}

impl Compression {
    /// Reads the value of a `Content-Encoding` or `grpc-encoding` header; absent means identity.
    pub(crate) fn from_name(name: Option<&str>) -> Result<Self, Refusal> {
        let name = name.unwrap_or("").trim();
        match name.to_ascii_lowercase().as_str() {
            "" | "identity" => Ok(Self::Identity),
            "gzip" | "x-gzip" => Ok(Self::Gzip),
            "zstd" => Ok(Self::Zstd),
            // HTTP's deflate is zlib's format, and the OpenTelemetry Collector sends it under both names.
            "deflate" | "zlib" => Ok(Self::Deflate),
            _ => Err(Refusal::UnsupportedCoding {
                coding: name.to_owned(),
            }),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Deflate => "deflate",
            Self::Snappy => "snappy",
        }
    }

    pub(super) fn corrupt(self, source: io::Error) -> Refusal {
        Refusal::Corrupt {
            coding: self.name(),
            source,
        }
    }
}
