//! Why a query cannot be answered, and the one table that gives each cause its HTTP answer.

use http::StatusCode;

/// Why a query cannot be answered.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// A parameter is missing, unknown, or does not read as what it should be.
    #[error("{message}")]
    InvalidParameter {
        /// Name of the parameter.
        parameter: String,
        /// What is wrong with it.
        message: String,
    },
    /// The body of the request does not read as what it should be.
    #[error("{message}")]
    InvalidBody {
        /// What is wrong with it.
        message: String,
    },
    /// What was asked for by name or id does not exist.
    #[error("{message}")]
    NotFound {
        /// What does not exist.
        message: String,
    },
    /// The request is for a name that is not this server's.
    #[error(transparent)]
    ForbiddenHost(#[from] access::ForbiddenHost),
    /// The path exists, but not with this method.
    #[error("method {method} is not allowed here")]
    MethodNotAllowed {
        /// The method of the request.
        method: http::Method,
    },
    /// The body of the request is larger than allowed.
    #[error("request body is larger than {max_bytes} bytes")]
    BodyTooLarge {
        /// The limit.
        max_bytes: usize,
    },
    /// Too many queries are running and waiting.
    #[error("too many queries at once, try again later")]
    Overloaded,
    /// Queries hold all the memory they may.
    #[error(
        "the answer takes more than is left of the {limit_bytes} bytes of memory that queries may hold \
         (--query-memory): try again later, or ask for less at once"
    )]
    OutOfMemory {
        /// The limit.
        limit_bytes: usize,
    },
    /// A value that was stored does not read back: a damaged file or a bug.
    #[error("stored data could not be read")]
    Batch(#[from] model::BatchError),
    /// Storage failed in a way that concerns more than one split.
    #[error("stored data could not be read")]
    Read(#[from] storage::ReadError),
    /// The answer could not be written as JSON: a bug.
    #[error("answer could not be encoded")]
    Encode(#[from] serde_json::Error),
    /// The code that was answering panicked: a bug.
    #[error("query task failed")]
    Task(#[from] tokio::task::JoinError),
}

impl QueryError {
    /// A parameter that makes no sense.
    pub fn invalid(parameter: impl Into<String>, message: impl Into<String>) -> Self {
        Self::InvalidParameter {
            parameter: parameter.into(),
            message: message.into(),
        }
    }

    /// The status and the stable word for the cause.
    pub fn http(&self) -> (StatusCode, &'static str) {
        match self {
            Self::InvalidParameter { .. } => (StatusCode::BAD_REQUEST, "invalid_parameter"),
            Self::InvalidBody { .. } => (StatusCode::BAD_REQUEST, "invalid_body"),
            Self::NotFound { .. } => (StatusCode::NOT_FOUND, "not_found"),
            Self::ForbiddenHost(_) => (StatusCode::FORBIDDEN, "forbidden_host"),
            Self::MethodNotAllowed { .. } => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
            Self::BodyTooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "body_too_large"),
            Self::Overloaded => (StatusCode::SERVICE_UNAVAILABLE, "overloaded"),
            Self::OutOfMemory { .. } => (StatusCode::SERVICE_UNAVAILABLE, "out_of_memory"),
            Self::Batch(_) | Self::Read(_) | Self::Encode(_) | Self::Task(_) => {
                (StatusCode::INTERNAL_SERVER_ERROR, "internal")
            }
        }
    }

    /// The parameter at fault.
    pub fn parameter(&self) -> Option<&str> {
        match self {
            Self::InvalidParameter { parameter, .. } => Some(parameter),
            Self::InvalidBody { .. }
            | Self::NotFound { .. }
            | Self::ForbiddenHost(_)
            | Self::MethodNotAllowed { .. }
            | Self::BodyTooLarge { .. }
            | Self::Overloaded
            | Self::OutOfMemory { .. }
            | Self::Batch(_)
            | Self::Read(_)
            | Self::Encode(_)
            | Self::Task(_) => None,
        }
    }
}
