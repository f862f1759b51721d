//! How an export request ended, in one word for counters and for `/api/v1/status/ingest`.

/// Why an export request ended as it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reason {
    /// Every record was acknowledged.
    Accepted,
    /// The request was acknowledged, and some of its records were rejected by name.
    RecordsRejected,
    /// No such path or gRPC method.
    UnknownPath,
    /// For a name that is not this server's.
    ForbiddenHost,
    /// Without a token of this server.
    Unauthenticated,
    /// Not sent with POST.
    Method,
    /// A gRPC call over another version than HTTP/2.
    HttpVersion,
    /// Something else than HTTP, such as TLS where it is not expected.
    NotHttp,
    /// No TLS where it is expected, or one that was not agreed on.
    NotEncrypted,
    /// A content type no receiver of this port reads.
    MediaType,
    /// A compression no receiver knows.
    Coding,
    /// Over the size limit, as sent or decompressed.
    TooLarge,
    /// The requests in memory left no room.
    Overloaded,
    /// The body did not arrive in time.
    BodyTimeout,
    /// The connection failed within the body.
    BodyBroken,
    /// Bad gRPC framing.
    BadFrame,
    /// Bytes that cannot be decompressed.
    Corrupt,
    /// Not a valid export request.
    BadPayload,
    /// Storage did not take the records.
    NotStored,
    /// Storage did not confirm the records in time.
    AppendTimeout,
    /// A fault of this server.
    Internal,
}

impl Reason {
    /// The value of the label `reason`.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Accepted => "none",
            Self::RecordsRejected => "records_rejected",
            Self::UnknownPath => "unknown_path",
            Self::ForbiddenHost => "forbidden_host",
            Self::Unauthenticated => "unauthenticated",
            Self::Method => "method",
            Self::HttpVersion => "http_version",
            Self::NotHttp => "not_http",
            Self::NotEncrypted => "not_encrypted",
            Self::MediaType => "media_type",
            Self::Coding => "content_encoding",
            Self::TooLarge => "too_large",
            Self::Overloaded => "overloaded",
            Self::BodyTimeout => "body_timeout",
            Self::BodyBroken => "body_broken",
            Self::BadFrame => "bad_frame",
            Self::Corrupt => "corrupt_compression",
            Self::BadPayload => "bad_payload",
            Self::NotStored => "not_stored",
            Self::AppendTimeout => "append_timeout",
            Self::Internal => "internal",
        }
    }

    /// The value of the label `outcome`: the kind of end that an alert is about.
    pub(crate) fn outcome(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::RecordsRejected => "partial",
            Self::UnknownPath
            | Self::Method
            | Self::HttpVersion
            | Self::NotHttp
            | Self::NotEncrypted
            | Self::MediaType
            | Self::Coding => "unsupported",
            Self::ForbiddenHost | Self::Unauthenticated => "forbidden",
            Self::TooLarge => "too_large",
            Self::Overloaded => "overloaded",
            Self::BodyTimeout | Self::BodyBroken => "interrupted",
            Self::BadFrame | Self::Corrupt | Self::BadPayload => "invalid",
            Self::NotStored | Self::AppendTimeout => "not_stored",
            Self::Internal => "failed",
        }
    }
}
