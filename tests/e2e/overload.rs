//! Overload slows senders down and loses nothing.

use std::net::SocketAddr;

use tests::{SpandrelProcess, until};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::rust_sdk::Instrumented;

const REQUEST_BYTES_MAX: usize = 100_000;

const SMALL: [&str; 6] = [
    "--max-request-bytes",
    "100000",
    "--max-in-flight-bytes",
    "300000",
    // Two requests that do not end take all places but the last, which no request gets.
    "--max-in-flight-requests",
    "3",
];

/// Sends a request of the largest size but for its last byte, and leaves it at that.
async fn hold_a_request_open(otlp_http: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(otlp_http).await.unwrap();
    let head = format!(
        "POST /v1/traces HTTP/1.1\r\nhost: {otlp_http}\r\n\
         content-type: application/x-protobuf\r\ncontent-length: {REQUEST_BYTES_MAX}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
        .write_all(&vec![0; REQUEST_BYTES_MAX - 1])
        .await
        .unwrap();
    stream
}

async fn wait_for_metric(spandrel: &SpandrelProcess, name: &str, is_reached: fn(u64) -> bool) {
    until(name, || async {
        let page = spandrel.api.get("/metrics").await.text();
        let value = page.lines().find_map(|line| line.strip_prefix(name));
        let value: u64 = value.ok_or_else(|| page.clone())?.trim().parse().unwrap();
        if is_reached(value) {
            Ok(())
        } else {
            Err(value.to_string())
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exporter_that_is_told_to_come_back_delivers_everything() {
    let spandrel = SpandrelProcess::start_with(&SMALL).await;
    let one = hold_a_request_open(spandrel.otlp_http).await;
    let other = hold_a_request_open(spandrel.otlp_http).await;
    wait_for_metric(&spandrel, "spandrel_ingest_in_flight_bytes ", |bytes| {
        bytes == 199_998
    })
    .await;

    let program = Instrumented::start(spandrel.otlp_grpc);
    let checkout = program.check_out();
    let shut_down = program.shut_down();
    let relief = async {
        let overloaded = "spandrel_ingest_requests_total\
                          {signal=\"traces\",protocol=\"otlp_grpc\",\
                          outcome=\"overloaded\",reason=\"overloaded\"}";
        wait_for_metric(&spandrel, overloaded, |refused| refused > 0).await;
        drop((one, other));
    };
    tokio::join!(shut_down, relief);

    let trace = spandrel.trace(&checkout.trace_id.to_string()).await;
    assert_eq!(trace.names(), ["checkout", "reserve stock", "charge card"]);
    assert_eq!(
        spandrel
            .logs(&format!("trace_id={}", checkout.trace_id))
            .await
            .len(),
        1
    );
}
