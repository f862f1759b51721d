//! The receivers over real sockets, with a real storage behind them: the rules of OTLP as promises.
#![expect(
    clippy::unwrap_used,
    reason = "test support panics with the full picture"
)]
#![expect(clippy::panic, reason = "test support panics with the full picture")]
#![expect(
    clippy::expect_used,
    reason = "test support panics with the full picture"
)]

mod access;
mod browser;
mod connections;
mod dialects;
mod floods;
mod grpc;
mod http;
mod json_lines;
mod letter;
mod limits;
mod loki;
mod records;
mod support;
mod tls;
mod zipkin;
