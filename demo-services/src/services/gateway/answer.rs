//! What the REST edge says when it cannot say yes.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header::RETRY_AFTER},
    response::{IntoResponse, Response},
};
use serde_json::json;
use tonic::Code;
use tracing::{info, warn};

/// An error answer: a status and one sentence.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    message: String,
    retry_after: Option<HeaderValue>,
}

impl Refusal {
    pub(super) fn bad_request(message: &str) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            message: message.to_owned(),
            retry_after: None,
        }
    }

    pub(super) fn unauthorized() -> Self {
        let message = "the API key is missing or unknown".to_owned();
        Self {
            status: StatusCode::UNAUTHORIZED,
            message,
            retry_after: None,
        }
    }

    pub(super) fn too_many_requests() -> Self {
        Self {
            status: StatusCode::TOO_MANY_REQUESTS,
            message: "too many requests with this API key".to_owned(),
            retry_after: Some(HeaderValue::from_static("1")),
        }
    }

    /// The one table from gRPC to HTTP.
    pub(super) fn from_status(status: &tonic::Status) -> Self {
        let http = match status.code() {
            Code::NotFound => StatusCode::NOT_FOUND,
            Code::InvalidArgument | Code::OutOfRange => StatusCode::UNPROCESSABLE_ENTITY,
            Code::FailedPrecondition | Code::AlreadyExists | Code::Aborted => StatusCode::CONFLICT,
            Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
            Code::DeadlineExceeded | Code::Cancelled => StatusCode::GATEWAY_TIMEOUT,
            Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Code::Ok
            | Code::Unknown
            | Code::PermissionDenied
            | Code::Unimplemented
            | Code::Internal
            | Code::DataLoss
            | Code::Unauthenticated => StatusCode::BAD_GATEWAY,
        };
        Self {
            status: http,
            message: status.message().to_owned(),
            retry_after: None,
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self {
            status,
            message,
            retry_after,
        } = self;
        let code = status.as_u16();
        if status.is_server_error() {
            warn!(
                http.response.status_code = code,
                "Answering {code}: {message}"
            );
        } else {
            info!(
                http.response.status_code = code,
                "Answering {code}: {message}"
            );
        }
        let mut response = (status, Json(json!({ "error": message }))).into_response();
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(RETRY_AFTER, seconds);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_grpc_code_has_its_http_status() {
        let http = |code| {
            Refusal::from_status(&tonic::Status::new(code, ""))
                .status
                .as_u16()
        };

        assert_eq!(http(Code::NotFound), 404);
        assert_eq!(http(Code::InvalidArgument), 422);
        assert_eq!(http(Code::FailedPrecondition), 409);
        assert_eq!(http(Code::Unavailable), 503);
        assert_eq!(http(Code::DeadlineExceeded), 504);
        assert_eq!(http(Code::Internal), 502);
    }
}
