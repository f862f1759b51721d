use std::convert::Infallible;

use ::http::{Request, Response, StatusCode};
use axum::{Router, body::Body, extract::Path, routing::get};
use opentelemetry::{
    Key,
    trace::{SpanKind, Status},
};
use tower::{Layer, ServiceExt, service_fn};
use tracing::{error, info};

use super::{
    Identity,
    grpc::{GrpcServerLayer, remaining_time},
    http::server_span,
    resource, span,
    testing::{attribute, context_of, telemetry},
};

/// A parent elsewhere, each time in a trace of its own.
fn parent() -> (opentelemetry::TraceId, String) {
    let trace_id = opentelemetry::TraceId::from(rand::random::<u128>() | 1);
    (trace_id, format!("00-{trace_id}-00f067aa0ba902b7-01"))
}

async fn answer(Path(code): Path<u16>) -> StatusCode {
    StatusCode::from_u16(code).unwrap()
}

async fn request_over_http(path: &str) -> opentelemetry_sdk::trace::SpanData {
    let kept = telemetry();
    let (trace_id, traceparent) = parent();
    let app = Router::new()
        .route("/answers/{code}", get(answer))
        .route_layer(axum::middleware::from_fn(server_span));
    let request = Request::get(path)
        .header("traceparent", traceparent)
        .header("host", "shop.example:8080")
        .header("user-agent", "test/1.0");

    app.oneshot(request.body(Body::empty()).unwrap())
        .await
        .unwrap();

    kept.only_span(trace_id)
}

#[tokio::test]
async fn an_http_request_is_a_server_span_that_continues_the_callers_trace() {
    let span = request_over_http("/answers/200?q=oak").await;

    assert_eq!(
        (span.name.as_ref(), &span.span_kind),
        ("GET /answers/{code}", &SpanKind::Server)
    );
    assert_eq!(span.parent_span_id.to_string(), "00f067aa0ba902b7");
    assert_eq!(attribute(&span, "http.request.method"), "GET");
    assert_eq!(attribute(&span, "http.route"), "/answers/{code}");
    assert_eq!(attribute(&span, "http.response.status_code"), "200");
    assert_eq!(attribute(&span, "url.path"), "/answers/200");
    assert_eq!(attribute(&span, "url.query"), "q=oak");
    assert_eq!(attribute(&span, "server.address"), "shop.example");
    assert_eq!(attribute(&span, "server.port"), "8080");
    assert_eq!(attribute(&span, "user_agent.original"), "test/1.0");
    assert_eq!(span.status, Status::Unset);
}

#[tokio::test]
async fn only_a_5xx_answer_fails_the_server_span() {
    let refused = request_over_http("/answers/404").await;
    let failed = request_over_http("/answers/503").await;

    assert_eq!(
        (refused.status.clone(), attribute(&refused, "error.type")),
        (Status::Unset, "".into())
    );
    assert_eq!(
        (failed.status.clone(), attribute(&failed, "error.type")),
        (Status::error(""), "503".into())
    );
}

async fn request_over_grpc(
    path: &str,
    code: &'static str,
) -> Vec<opentelemetry_sdk::trace::SpanData> {
    let kept = telemetry();
    let (trace_id, traceparent) = parent();
    let service = GrpcServerLayer.layer(service_fn(move |_: Request<()>| async move {
        assert!(remaining_time().is_none_or(|left| left.as_millis() > 1_000));
        Ok::<_, Infallible>(
            Response::builder()
                .header("grpc-status", code)
                .body(())
                .unwrap(),
        )
    }));
    let request = Request::post(path)
        .header("traceparent", traceparent)
        .header("grpc-timeout", "2S");

    service.oneshot(request.body(()).unwrap()).await.unwrap();

    kept.spans(trace_id)
}

#[tokio::test]
async fn a_grpc_request_is_a_server_span_named_after_its_method() {
    let spans = request_over_grpc("http://catalog:8080/shop.Catalog/Get", "14").await;

    let span = &spans[0];
    assert_eq!(
        (span.name.as_ref(), &span.span_kind),
        ("shop.Catalog/Get", &SpanKind::Server)
    );
    assert_eq!(span.parent_span_id.to_string(), "00f067aa0ba902b7");
    assert_eq!(attribute(span, "rpc.system.name"), "grpc");
    assert_eq!(attribute(span, "rpc.method"), "shop.Catalog/Get");
    assert_eq!(attribute(span, "server.address"), "catalog");
    assert_eq!(attribute(span, "server.port"), "8080");
    assert_eq!(attribute(span, "rpc.status_code"), "UNAVAILABLE");
    assert_eq!(attribute(span, "error.type"), "UNAVAILABLE");
    assert!(matches!(span.status, Status::Error { .. }));
}

#[tokio::test]
async fn what_the_caller_did_wrong_does_not_fail_the_grpc_server_span() {
    let spans = request_over_grpc("/shop.Catalog/Get", "5").await;

    assert_eq!(attribute(&spans[0], "rpc.status_code"), "NOT_FOUND");
    assert_eq!(spans[0].status, Status::Unset);
}

#[tokio::test]
async fn polls_of_the_bus_leave_no_spans() {
    assert!(request_over_grpc("/shop.Bus/Fetch", "0").await.is_empty());
}

#[test]
fn a_log_record_knows_its_span_and_is_no_span_event_and_no_failure() {
    let kept = telemetry();
    let span = span("internal", "work");
    let context = context_of(&span);

    span.in_scope(|| {
        info!(shop.order.id = "ord-1", "Placed an order");
        error!("Something failed and was handled");
    });
    drop(span);

    let ended = kept.only_span(context.trace_id());
    assert_eq!((ended.events.len(), ended.status), (0, Status::Unset));
    let records = kept.records(context.trace_id());
    let spans: Vec<_> = records
        .iter()
        .map(|r| r.trace_context().unwrap().span_id)
        .collect();
    assert_eq!(spans, [context.span_id(); 2]);
    let keys: Vec<_> = records[0]
        .attributes_iter()
        .map(|(key, _)| key.as_str())
        .collect();
    assert_eq!(keys, ["shop.order.id"]);
}

#[test]
fn a_log_record_has_a_time_and_no_name_made_up_from_its_source_file() {
    let kept = telemetry();
    let span = span("internal", "work");
    let trace_id = context_of(&span).trace_id();

    span.in_scope(|| info!("Placed an order"));

    let record = &kept.records(trace_id)[0];
    assert!(record.timestamp().is_some());
    assert_eq!(record.event_name(), Some(""));
}

#[test]
fn events_of_other_libraries_are_not_exported() {
    let kept = telemetry();
    let span = span("internal", "work");
    let trace_id = context_of(&span).trace_id();

    span.in_scope(|| {
        info!(target: "h2::codec", "frame");
        info!(target: "tonic::transport", "connected");
    });

    assert!(kept.records(trace_id).is_empty());
}

#[tokio::test]
async fn statements_are_spans_below_the_callers_span_on_the_database_thread() {
    let kept = telemetry();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("things.db");
    let schema = "CREATE TABLE IF NOT EXISTS things (name TEXT)";
    let database = crate::database::Database::open(&path, "things", schema, |_| Ok(())).unwrap();
    let caller = span("internal", "caller");
    let context = context_of(&caller);

    let write =
        database.transaction(|tx| tx.execute("INSERT INTO things (name) VALUES (?1)", ["a"]));
    tracing::Instrument::instrument(write, caller.clone())
        .await
        .unwrap();

    let spans = kept.spans(context.trace_id());
    let names: Vec<_> = spans.iter().map(|span| span.name.as_ref()).collect();
    assert_eq!(names, ["INSERT things", "COMMIT"]);
    assert!(
        spans
            .iter()
            .all(|span| span.parent_span_id == context.span_id())
    );
    assert_eq!(attribute(&spans[0], "db.system.name"), "sqlite");
    assert_eq!(attribute(&spans[0], "db.namespace"), "things");
    assert_eq!(attribute(&spans[0], "db.collection.name"), "things");
    assert_eq!(attribute(&spans[0], "db.operation.name"), "INSERT");
    assert_eq!(attribute(&spans[0], "db.query.summary"), "INSERT things");
    assert_eq!(
        attribute(&spans[0], "db.query.text"),
        "INSERT INTO things (name) VALUES (?1)"
    );
}

#[test]
fn the_resource_says_who_where_and_which_release() {
    let identity = Identity {
        service: "catalog",
        instance: "catalog-2.4711".into(),
    };
    let resource = resource(&identity);
    let value = |key| {
        resource
            .get(&Key::from_static_str(key))
            .map(|value| value.to_string())
    };

    assert_eq!(value("service.name").as_deref(), Some("catalog"));
    assert_eq!(value("service.namespace").as_deref(), Some("shop"));
    assert_eq!(
        value("service.instance.id").as_deref(),
        Some("catalog-2.4711")
    );
    assert_eq!(
        value("deployment.environment.name").as_deref(),
        Some("demo")
    );
    assert_eq!(value("process.pid"), Some(std::process::id().to_string()));
    assert!(value("service.version").is_some() && value("host.name").is_some());
}
