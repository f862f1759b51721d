//! Attacks that are one request each, sent again and again.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::payloads;
use crate::server::Server;

const PATIENCE: Duration = Duration::from_secs(30);

/// What came of an attack.
#[derive(Debug, Default)]
pub(crate) struct Done {
    pub(crate) times: u64,
    codes: BTreeMap<String, u64>,
}

impl Done {
    pub(crate) fn count(&mut self, answer: impl Into<String>) {
        self.times += 1;
        *self.codes.entry(answer.into()).or_default() += 1;
    }

    pub(crate) fn answers(&self) -> String {
        let codes = self.codes.iter();
        let codes: Vec<String> = codes
            .map(|(code, count)| format!("{code} ×{count}"))
            .collect();
        codes.join(", ")
    }
}

pub(crate) type Running<'a> = Pin<Box<dyn Future<Output = Result<Done>> + 'a>>;

pub(crate) trait Attack {
    fn name(&self) -> &'static str;
    fn run<'a>(&'a self, server: &'a Server, time: Duration) -> Running<'a>;
}

struct Post {
    name: &'static str,
    path: &'static str,
    content_type: &'static str,
    coding: Option<&'static str>,
    body: fn() -> Result<Vec<u8>>,
}

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";
const TRACES: &str = "/v1/traces";

pub(crate) fn all() -> Vec<Box<dyn Attack>> {
    type Body = fn() -> Result<Vec<u8>>;
    let post = |name, path, content_type, coding, body: Body| -> Box<dyn Attack> {
        Box::new(Post {
            name,
            path,
            content_type,
            coding,
            body,
        })
    };
    vec![
        post(
            "gzip, 10 MB to 10 GB",
            TRACES,
            PROTOBUF,
            Some("gzip"),
            payloads::gzip_bomb,
        ),
        post(
            "zstd, to 10 GB",
            TRACES,
            PROTOBUF,
            Some("zstd"),
            payloads::zstd_bomb,
        ),
        post(
            "deflate, to 640 MB",
            TRACES,
            PROTOBUF,
            Some("deflate"),
            payloads::deflate_bomb,
        ),
        post(
            "two codings",
            TRACES,
            PROTOBUF,
            Some("gzip, gzip"),
            payloads::gzip_bomb,
        ),
        post("200,000 deep, protobuf", TRACES, PROTOBUF, None, || {
            Ok(payloads::nested(200_000))
        }),
        post("200,000 deep, JSON", TRACES, JSON, None, || {
            Ok(payloads::nested_json(200_000))
        }),
        post("1,000,000 attributes", TRACES, PROTOBUF, None, || {
            Ok(payloads::million_attributes())
        }),
        post("5 MB of empty records", "/v1/logs", PROTOBUF, None, || {
            Ok(payloads::empty_records(5_000_000))
        }),
        post("60 MB of empty records", "/v1/logs", PROTOBUF, None, || {
            Ok(payloads::empty_records(60_000_000))
        }),
        post("60 MB of unknown JSON", TRACES, JSON, None, || {
            Ok(payloads::json_zeros(60_000_000))
        }),
        post("65 MiB", TRACES, PROTOBUF, None, || Ok(vec![0; 65 << 20])),
        post("60 MB of zeroes", TRACES, PROTOBUF, None, || {
            Ok(vec![0; 60_000_000])
        }),
    ]
}

impl Attack for Post {
    fn name(&self) -> &'static str {
        self.name
    }

    fn run<'a>(&'a self, server: &'a Server, time: Duration) -> Running<'a> {
        Box::pin(async move {
            let request = post(self.path, self.content_type, self.coding, &(self.body)()?);
            let mut done = Done::default();
            let end = Instant::now() + time;
            while Instant::now() < end {
                let mut stream = TcpStream::connect(server.otlp_http()).await?;
                match status(&mut stream, &request).await {
                    Ok(code) => done.count(code.to_string()),
                    Err(_) => done.count("closed"),
                }
            }
            Ok(done)
        })
    }
}

/// A whole request over HTTP/1.
pub(crate) fn post(path: &str, content_type: &str, coding: Option<&str>, body: &[u8]) -> Vec<u8> {
    let coding = coding.map_or(String::new(), |it| format!("content-encoding: {it}\r\n"));
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {content_type}\r\n\
         {coding}content-length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

/// Sends the request and reads the status of the answer, and the answer to its end.
pub(crate) async fn status(stream: &mut TcpStream, request: &[u8]) -> Result<u16> {
    timeout(PATIENCE, exchange(stream, request)).await?
}

async fn exchange(stream: &mut TcpStream, request: &[u8]) -> Result<u16> {
    let (mut reader, mut writer) = stream.split();
    // The answer may come before all has been sent.
    let send = async { writer.write_all(request).await };
    let receive = async {
        let mut received = Vec::new();
        let mut piece = vec![0; 4096];
        loop {
            let count = reader.read(&mut piece).await?;
            anyhow::ensure!(count > 0, "closed");
            received.extend_from_slice(piece.get(..count).unwrap_or_default());
            if let Some(code) = whole_answer(&received) {
                return Ok(code);
            }
        }
    };
    tokio::pin!(receive);
    tokio::select! {
        sent = send => {
            sent?;
            receive.await
        }
        received = &mut receive => received,
    }
}

/// The status, once head and body are there.
fn whole_answer(received: &[u8]) -> Option<u16> {
    let text = String::from_utf8_lossy(received);
    let (head, _) = text.split_once("\r\n\r\n")?;
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.and_then(|it| it.parse().ok()).unwrap_or(0);
    let head_bytes = received.windows(4).position(|it| it == b"\r\n\r\n")? + 4;
    if received.len() < head_bytes + length {
        return None;
    }
    let code = head.split(' ').nth(1).context("no status").ok()?;
    code.parse().ok()
}
