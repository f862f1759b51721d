//! The server itself, over real sockets.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use crate::shop;

/// Longest that anything here may take.
const DEADLINE: Duration = Duration::from_secs(60);

/// Sends a request and reads everything that comes back until the server closes the connection.
async fn exchange(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    tokio::time::timeout(DEADLINE, stream.read_to_string(&mut answer))
        .await
        .unwrap()
        .unwrap();
    answer
}

#[tokio::test]
async fn it_serves_the_api_and_the_ui_until_it_is_told_to_stop() {
    let store = shop::store().await;
    let shutdown = CancellationToken::new();
    let (address, task) = store.serve(shutdown.clone()).await;
    let get = |path: &str| {
        format!(
            "GET {path} HTTP/1.1\r\nhost: localhost\r\naccept: text/html\r\nconnection: close\r\n\r\n"
        )
    };
    let answer = exchange(address, &get("/api/v1/services")).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    let page = exchange(address, &get("/traces")).await;
    assert!(page.starts_with("HTTP/1.1 200 OK\r\n"), "{page}");
    assert!(page.contains("content-type: text/html"), "{page}");

    // A connection that is kept open, and one on which nothing was ever sent, do not hold up the end.
    let mut kept = TcpStream::connect(address).await.unwrap();
    kept.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await
        .unwrap();
    let mut start = [0; 15];
    kept.read_exact(&mut start).await.unwrap();
    assert_eq!(&start, b"HTTP/1.1 200 OK");
    let _silent = TcpStream::connect(address).await.unwrap();
    shutdown.cancel();
    tokio::time::timeout(DEADLINE, task).await.unwrap().unwrap();
    TcpStream::connect(address).await.unwrap_err();
}

#[tokio::test]
async fn requests_for_names_of_others_are_refused_on_every_path() {
    let store = shop::store().await;
    let shutdown = CancellationToken::new();
    let (address, task) = store.serve(shutdown.clone()).await;
    for path in [
        "/",
        "/traces",
        "/api/v1/services",
        "/jaeger/api/services",
        "/healthz",
        "/metrics",
        "/nothing",
        "http://localhost/api/v1/services",
    ] {
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n");
        let answer = exchange(address, &request).await;
        assert!(answer.starts_with("HTTP/1.1 403 Forbidden\r\n"), "{answer}");
        assert!(answer.contains("\"forbidden_host\""), "{answer}");
        assert!(answer.contains("--allowed-hosts"), "{answer}");
        assert!(
            answer.contains("x-content-type-options: nosniff"),
            "{answer}"
        );
    }
    shutdown.cancel();
    tokio::time::timeout(DEADLINE, task).await.unwrap().unwrap();
}

#[tokio::test]
async fn what_is_not_http_is_answered_and_cut_off() {
    let store = shop::store().await;
    let shutdown = CancellationToken::new();
    let (address, task) = store.serve(shutdown.clone()).await;
    let answer = exchange(address, "what is this\r\n\r\n").await;
    assert!(
        answer.starts_with("HTTP/1.1 400 Bad Request\r\n"),
        "{answer}"
    );
    shutdown.cancel();
    tokio::time::timeout(DEADLINE, task).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_connection_that_says_nothing_is_closed() {
    let store = shop::store().await;
    let shutdown = CancellationToken::new();
    let (address, task) = store.serve(shutdown.clone()).await;
    assert_eq!(exchange(address, "").await, "");
    shutdown.cancel();
    tokio::time::timeout(DEADLINE, task).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_connection_that_stops_halfway_through_a_head_is_closed() {
    let store = shop::store().await;
    let shutdown = CancellationToken::new();
    let (address, task) = store.serve(shutdown.clone()).await;
    assert_eq!(exchange(address, "GET /healthz HTTP/1.1\r\nho").await, "");
    shutdown.cancel();
    tokio::time::timeout(DEADLINE, task).await.unwrap().unwrap();
}
