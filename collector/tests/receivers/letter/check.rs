//! Compares what came back, and what is stored, with what a case expects.

use http::{HeaderMap, HeaderName};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceResponse;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceResponse;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message as _;
use serde_json::{Value, json};
use tonic::metadata::MetadataMap;

use super::case::{Case, Expected, Wire};
use super::send::Reply;
use crate::support::RpcStatus;

/// Everything that is not as it should be.
pub(super) fn problems(case: &Case, reply: &Reply, stored: &Value) -> Vec<String> {
    let mut problems = Problems(Vec::new());
    let is_grpc = case.request.wire == Wire::Grpc;
    match &case.expected {
        Expected::Success if is_grpc => problems.grpc_success(reply, None),
        Expected::Success => problems.http_success(case, reply, None),
        Expected::Partial { count, message } if is_grpc => {
            problems.grpc_success(reply, Some((*count, message)));
        }
        Expected::Partial { count, message } => {
            problems.http_success(case, reply, Some((*count, message)));
        }
        Expected::Refused { code, message, .. } if is_grpc => {
            problems.grpc_refusal(reply, *code, message);
        }
        Expected::Refused {
            http,
            code,
            message,
        } => problems.http_refusal(case, reply, (*http, *code, message)),
        Expected::Plain { http } => problems.same("status", reply.status, *http),
    }
    for (name, value) in &case.headers {
        problems.same(name, reply.header(name), *value);
    }
    // As texts, because numbers do not tell zero from negative zero.
    problems.same("storage", stored.to_string(), case.stored.to_string());
    problems.0
}

struct Problems(Vec<String>);

impl Problems {
    fn same<T: PartialEq<U> + std::fmt::Debug, U: std::fmt::Debug>(
        &mut self,
        what: &str,
        actual: T,
        expected: U,
    ) {
        if actual != expected {
            self.0
                .push(format!("{what}: {actual:?} instead of {expected:?}"));
        }
    }

    fn message(&mut self, actual: &str, expected: &str) {
        match expected.strip_suffix('…') {
            Some(beginning) if actual.starts_with(beginning) => {}
            _ => self.same("message", actual, expected),
        }
    }

    fn http_success(&mut self, case: &Case, reply: &Reply, rejected: Option<(i64, &String)>) {
        self.same("status", reply.status, 200);
        self.same("retry-after", reply.header("retry-after"), "");
        let content_type = reply.header("content-type");
        if case.request.is_protobuf() {
            self.same("content type", content_type, "application/x-protobuf");
            self.protobuf_response(case.request.path, &reply.body, rejected);
            return;
        }
        self.same("content type", content_type, "application/json");
        let body = String::from_utf8_lossy(&reply.body);
        let Some((count, message)) = rejected else {
            self.same("body", body, "{}");
            return;
        };
        let field = match case.request.path {
            "/v1/traces" => "rejectedSpans",
            "/v1/logs" => "rejectedLogRecords",
            _ => "rejectedDataPoints",
        };
        let partial = json!({ field: count.to_string(), "errorMessage": message });
        let body: Value = serde_json::from_str(&body).unwrap_or_default();
        self.same("body", body, json!({ "partialSuccess": partial }));
    }

    fn grpc_success(&mut self, reply: &Reply, rejected: Option<(i64, &String)>) {
        self.same("status", reply.status, 200);
        self.same("grpc-status", reply.header("grpc-status"), "0");
        self.same(
            "content type",
            reply.header("content-type"),
            "application/grpc",
        );
        match reply.body.split_first_chunk::<5>() {
            Some((&[0, a, b, c, d], message)) => {
                let length = u32::from_be_bytes([a, b, c, d]) as usize;
                self.same("length of the message", message.len(), length);
                self.protobuf_response("", message, rejected);
            }
            _ => self.0.push(format!("no plain message: {:?}", reply.body)),
        }
    }

    /// All three responses have the same form on the wire.
    fn protobuf_response(&mut self, path: &str, body: &[u8], rejected: Option<(i64, &String)>) {
        let Some((count, message)) = rejected else {
            self.same("body", body, b"");
            return;
        };
        let found = match path {
            "/v1/logs" => ExportLogsServiceResponse::decode(body)
                .unwrap_or_default()
                .partial_success
                .map(|it| (it.rejected_log_records, it.error_message)),
            "/v1/metrics" => ExportMetricsServiceResponse::decode(body)
                .unwrap_or_default()
                .partial_success
                .map(|it| (it.rejected_data_points, it.error_message)),
            _ => ExportTraceServiceResponse::decode(body)
                .unwrap_or_default()
                .partial_success
                .map(|it| (it.rejected_spans, it.error_message)),
        };
        self.same("partial success", found, Some((count, message.clone())));
    }

    fn http_refusal(&mut self, case: &Case, reply: &Reply, expected: (u16, i32, &str)) {
        let (http, code, message) = expected;
        self.same("status", reply.status, http);
        // None of the refusals here can be cured by sending again, which every one of these would ask for.
        self.same(
            "retryable",
            matches!(reply.status, 429 | 502 | 503 | 504),
            false,
        );
        self.same("retry-after", reply.header("retry-after"), "");
        let content_type = reply.header("content-type");
        if case.request.is_protobuf() {
            self.same("content type", content_type, "application/x-protobuf");
            let status = RpcStatus::decode(reply.body.as_slice()).unwrap_or_default();
            self.status(&status, http == 400, code, message);
            return;
        }
        self.same("content type", content_type, "application/json");
        let status: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        self.same("code", &status["code"], &json!(code));
        self.message(status["message"].as_str().unwrap_or_default(), message);
        let detail = &status["details"][0]["@type"];
        let bad_request = json!("type.googleapis.com/google.rpc.BadRequest");
        let expected = if http == 400 {
            bad_request
        } else {
            Value::Null
        };
        self.same("detail", detail, &expected);
    }

    fn grpc_refusal(&mut self, reply: &Reply, code: i32, message: &str) {
        self.same("status", reply.status, 200);
        self.same("grpc-status", reply.header("grpc-status"), code.to_string());
        self.same(
            "content type",
            reply.header("content-type"),
            "application/grpc",
        );
        let mut headers = HeaderMap::new();
        for (name, value) in &reply.headers {
            let name: HeaderName = name.parse().unwrap();
            headers.insert(name, value.parse().unwrap());
        }
        let metadata = MetadataMap::from_headers(headers);
        let details = metadata.get_bin("grpc-status-details-bin");
        let details = details
            .and_then(|it| it.to_bytes().ok())
            .unwrap_or_default();
        let status = RpcStatus::decode(details).unwrap_or_default();
        self.status(&status, code == 3, code, message);
    }

    fn status(&mut self, status: &RpcStatus, is_bad_request: bool, code: i32, message: &str) {
        self.same("code", status.code, code);
        self.message(&status.message, message);
        self.same("retry delay", status.retry_seconds(), None::<i64>);
        let expected: &[&str] = if is_bad_request {
            &["google.rpc.BadRequest"]
        } else {
            &[]
        };
        self.same("details", status.detail_types().as_slice(), expected);
    }
}
