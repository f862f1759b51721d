//! Connections: silent peers, bounds, and shutdown.

use http::StatusCode;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::{Client, PATIENCE, Receivers, spans_protobuf};

const IN_FLIGHT_BYTES: &str = "spandrel_ingest_in_flight_bytes";
const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");

/// Everything the server sends until it closes the connection.
async fn read_to_end(stream: &mut TcpStream) -> Vec<u8> {
    let mut received = Vec::new();
    let closed = timeout(PATIENCE, stream.read_to_end(&mut received));
    closed.await.expect("the connection stays open").unwrap();
    received
}

#[tokio::test]
async fn peers_that_never_send_a_head_are_disconnected() {
    let receivers = Receivers::start_with(&["--otlp-header-timeout", "100ms"]).await;

    for address in [receivers.grpc, receivers.http] {
        for beginning in [&b""[..], b"P", b"PRI * HTTP/2.0\r\n"] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(beginning).await.unwrap();
            assert_eq!(read_to_end(&mut stream).await, b"");
        }
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream
            .write_all(b"POST /v1/traces HTTP/1.1\r\nhost:")
            .await
            .unwrap();
        assert_eq!(read_to_end(&mut stream).await, b"");
    }
}

#[tokio::test]
async fn whoever_speaks_tls_to_a_port_without_it_is_told_of() {
    let receivers = Receivers::start().await;
    // How a ClientHello begins: a handshake record of TLS 1.0.
    let hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";

    for address in [receivers.grpc, receivers.http] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(hello).await.unwrap();
        read_to_end(&mut stream).await;
    }

    let [sender] = receivers.senders().try_into().unwrap();
    let problems: Vec<_> = sender
        .problems
        .iter()
        .map(|it| (it.protocol, it.reason, it.answer.as_str()))
        .collect();
    assert_eq!(
        problems,
        [
            ("otlp_http", "not_http", "closed"),
            ("otlp_grpc", "not_http", "closed")
        ]
    );
}

#[tokio::test]
async fn connections_over_the_bound_wait_while_all_others_are_busy() {
    let receivers = Receivers::start_with(&["--max-otlp-connections", "1"]).await;
    let occupant = Client::http1(receivers.http);
    let (upload, answer) = occupant.upload("/v1/traces", &[PROTOBUF]);
    let mut answer = Box::pin(answer);
    let body = spans_protobuf(&["busy"]);
    let in_flight = body.len() as u64;
    let begin = async {
        upload.send(body).await;
        receivers.wait_for_counter(IN_FLIGHT_BYTES, in_flight).await;
    };
    tokio::select! {
        () = begin => {}
        _ = &mut answer => panic!("a request that has not ended is answered"),
    }
    let client = Client::http1(receivers.http);
    let mut waiting = Box::pin(client.post("/v1/traces", &[PROTOBUF], spans_protobuf(&["a"])));

    let is_served = tokio::select! {
        _ = &mut waiting => true,
        // Long enough for the runtime to have served it, if it would.
        () = async { for _ in 0..10_000 { tokio::task::yield_now().await; } } => false,
    };
    assert!(!is_served);

    drop(upload);
    let (occupant, waiting) = tokio::join!(answer, waiting);
    assert_eq!(occupant.status, StatusCode::OK);
    assert_eq!(waiting.status, StatusCode::OK);
}

#[tokio::test]
async fn silent_connections_make_room_for_senders() {
    let receivers = Receivers::start_with(&["--max-otlp-connections", "20"]).await;
    for address in [receivers.http, receivers.grpc] {
        let mut silent = Vec::new();
        for _ in 0..100 {
            silent.push(TcpStream::connect(address).await.unwrap());
        }
        if address == receivers.http {
            let client = Client::http1(address);
            let answer = client.post("/v1/traces", &[PROTOBUF], spans_protobuf(&["http"]));
            assert_eq!(answer.await.status, StatusCode::OK);
        } else {
            let client = Client::http2(address);
            let path = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
            let answer = client.call(path, &[], &spans_protobuf(&["grpc"])).await;
            answer.grpc_message();
        }
    }
    assert_eq!(receivers.span_names(), ["grpc", "http"]);
}

#[tokio::test]
async fn shutdown_finishes_requests_in_flight_and_accepts_no_more() {
    let mut receivers = Receivers::start().await;
    let client = Client::http1(receivers.http);
    let body = spans_protobuf(&["a"]);
    let in_flight = body.len() as u64;

    let (upload, answer) = client.upload("/v1/traces", &[PROTOBUF]);
    let shut_down = async {
        upload.send(body).await;
        receivers
            .wait_for_counter("spandrel_ingest_in_flight_bytes", in_flight)
            .await;
        receivers.begin_shutdown();
        // The listener is closed before the request has ended.
        while TcpStream::connect(receivers.http).await.is_ok() {
            tokio::task::yield_now().await;
        }
        drop(upload);
    };
    let (answer, ()) = tokio::join!(answer, shut_down);

    assert_eq!(answer.status, StatusCode::OK);
    receivers.ended().await;
    assert_eq!(receivers.span_names(), ["a"]);
    assert!(TcpStream::connect(receivers.grpc).await.is_err());
}

#[tokio::test]
async fn shutdown_without_requests_ends_idle_connections() {
    let mut receivers = Receivers::start().await;
    let grpc = Client::http2(receivers.grpc);
    let path = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
    grpc.call(path, &[], &spans_protobuf(&["a"]))
        .await
        .grpc_message();
    let http = Client::http1(receivers.http);
    http.post("/v1/traces", &[PROTOBUF], spans_protobuf(&["b"]))
        .await;
    let _silent = TcpStream::connect(receivers.http).await.unwrap();

    receivers.begin_shutdown();

    receivers.ended().await;
}
