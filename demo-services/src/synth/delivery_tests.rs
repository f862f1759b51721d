use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{Router, body::Body, extract::State, response::Response, routing::post};
use bytes::Bytes;
use futures::stream;
use http::{HeaderMap, HeaderValue};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message;
use tokio::{net::TcpListener, task::JoinSet, time::sleep};
use tokio_util::sync::CancellationToken;
use tonic::{
    Status,
    service::Routes,
    transport::{Server, server::TcpIncoming},
};

use super::{Source, SynthConfig, SynthRate, Workload, run, summary::Summary};

/// What the server does, and what it got.
#[derive(Default)]
struct Backend {
    /// So many calls are refused at first.
    refusals: AtomicU64,
    /// Spans that each answer calls rejected.
    rejected_each: i64,
    /// Before each answer.
    delay: Duration,
    calls: AtomicU64,
    spans: AtomicU64,
}

async fn export(State(backend): State<Arc<Backend>>, body: Body) -> Response {
    let body = body.collect().await.unwrap().to_bytes();
    backend.calls.fetch_add(1, Ordering::Relaxed);
    let left = |left: u64| left.checked_sub(1);
    let order = Ordering::Relaxed;
    if backend.refusals.fetch_update(order, order, left).is_ok() {
        return Status::unavailable("busy").into_http();
    }
    sleep(backend.delay).await;
    let (_, message) = body.split_at(5);
    let request = ExportTraceServiceRequest::decode(message).unwrap();
    let scopes = request
        .resource_spans
        .iter()
        .flat_map(|group| &group.scope_spans);
    let spans: usize = scopes.map(|scope| scope.spans.len()).sum();
    backend.spans.fetch_add(spans as u64, Ordering::Relaxed);
    let partial_success = (backend.rejected_each > 0).then(|| ExportTracePartialSuccess {
        rejected_spans: backend.rejected_each,
        error_message: "span without a name".into(),
    });
    answer(&ExportTraceServiceResponse { partial_success })
}

fn answer(message: &ExportTraceServiceResponse) -> Response {
    let mut framed = vec![0];
    framed.extend((message.encoded_len() as u32).to_be_bytes());
    framed.extend(message.encode_to_vec());
    let trailers = HeaderMap::from_iter([(
        http::HeaderName::from_static("grpc-status"),
        HeaderValue::from_static("0"),
    )]);
    let frames = [Frame::data(Bytes::from(framed)), Frame::trailers(trailers)];
    let frames = stream::iter(frames.map(Ok::<_, Infallible>));
    Response::builder()
        .header("content-type", "application/grpc")
        .body(Body::new(StreamBody::new(frames)))
        .unwrap()
}

/// Sends 1,000 spans in ten requests to the backend.
async fn deliver(backend: &Arc<Backend>, rate: SynthRate, in_flight_max: usize) -> Summary {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let path = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
    let router = Router::new()
        .route(path, post(export))
        .with_state(Arc::clone(backend));
    let mut server = JoinSet::new();
    server.spawn(
        Server::builder()
            .add_routes(Routes::from(router))
            .serve_with_incoming(TcpIncoming::from(listener)),
    );
    let config = SynthConfig {
        source: Source::Made {
            workload: Workload {
                traces: true,
                logs: false,
                count: 1_000,
                seed: 1,
                batch: 100,
                end_nanos: 1_767_225_600_000_000_000,
            },
            expect: None,
            samples: 1,
        },
        otlp: Some(format!("http://{address}")),
        tls: crate::ExporterTls::default(),
        rate,
        connections: 3,
        in_flight_max,
        out: None,
        digest: false,
    };
    run(config, CancellationToken::new()).await.unwrap()
}

#[tokio::test]
async fn refused_requests_are_sent_again_until_all_spans_are_accepted() {
    let backend = Arc::new(Backend {
        refusals: AtomicU64::new(2),
        ..Default::default()
    });
    let summary = deliver(&backend, SynthRate::Max, 4).await;

    assert!(summary.is_complete());
    let delivery = summary.delivery.unwrap();
    assert_eq!(
        (delivery.accepted, delivery.rejected, delivery.failed),
        (1_000, 0, 0)
    );
    assert_eq!((delivery.requests, delivery.retries), (10, 2));
    assert_eq!(backend.calls.load(Ordering::Relaxed), 12);
    assert_eq!(backend.spans.load(Ordering::Relaxed), 1_000);
}

#[tokio::test]
async fn spans_of_a_partial_success_count_as_rejected_and_the_reason_is_told() {
    let backend = Arc::new(Backend {
        rejected_each: 3,
        ..Default::default()
    });
    let summary = deliver(&backend, SynthRate::Max, 4).await;

    assert!(!summary.is_complete());
    let text = summary.to_string();
    assert!(
        text.contains("accepted 970 records in 10 requests"),
        "{text}"
    );
    assert!(
        text.contains("rejected 30, failed 0, dropped 0, retries 0"),
        "{text}"
    );
    assert!(
        text.contains("the server said last: span without a name"),
        "{text}"
    );
}

#[tokio::test]
async fn at_a_rate_what_is_due_while_all_places_are_taken_is_dropped_and_counted() {
    let backend = Arc::new(Backend {
        delay: Duration::from_secs(1),
        ..Default::default()
    });
    let summary = deliver(&backend, SynthRate::PerSecond(1e6), 2).await;

    assert!(!summary.is_complete());
    let delivery = summary.delivery.unwrap();
    assert!(delivery.dropped >= 100, "{delivery:?}");
    assert_eq!(delivery.accepted + delivery.dropped, 1_000);
    assert_eq!(backend.spans.load(Ordering::Relaxed), delivery.accepted);
}
