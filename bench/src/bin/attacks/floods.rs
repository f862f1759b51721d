//! Attacks by connections, heads and frames.

use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::requests::{Attack, Done, Running, status};
use crate::server::Server;

struct Flood {
    name: &'static str,
    run: for<'a> fn(&'a Server, Duration) -> Running<'a>,
}

impl Attack for Flood {
    fn name(&self) -> &'static str {
        self.name
    }

    fn run<'a>(&'a self, server: &'a Server, time: Duration) -> Running<'a> {
        (self.run)(server, time)
    }
}

pub(crate) fn all() -> Vec<Box<dyn Attack>> {
    let flood = |name, run| -> Box<dyn Attack> { Box::new(Flood { name, run }) };
    vec![
        flood("5,000 idle connections", |server, time| {
            Box::pin(idle(server, time))
        }),
        flood("1,000 bodies, a byte a second", |server, time| {
            Box::pin(trickle(server, time))
        }),
        flood("1 MiB head", |server, time| {
            Box::pin(long_heads(server, time))
        }),
        flood("HTTP/2 CONTINUATION without end", |server, time| {
            Box::pin(frames(server, time, continuations))
        }),
        flood("HTTP/2 streams reset at once", |server, time| {
            Box::pin(frames(server, time, resets))
        }),
        flood("HTTP/2 10,000 open streams", |server, time| {
            Box::pin(frames(server, time, open_streams))
        }),
        flood("HTTP/2 PING flood", |server, time| {
            Box::pin(frames(server, time, pings))
        }),
        flood("HTTP/2 SETTINGS flood", |server, time| {
            Box::pin(frames(server, time, settings))
        }),
        flood("HTTP/2 empty DATA flood", |server, time| {
            Box::pin(frames(server, time, empty_data))
        }),
        flood("HTTP/2 1 MiB of headers", |server, time| {
            Box::pin(frames(server, time, many_headers))
        }),
    ]
}

async fn idle(server: &Server, time: Duration) -> Result<Done> {
    let mut done = Done::default();
    let mut streams = Vec::new();
    let end = Instant::now() + time;
    while streams.len() < 5000 {
        let connect = TcpStream::connect(server.otlp_http());
        match timeout(Duration::from_millis(200), connect).await {
            Ok(Ok(stream)) => {
                done.count("connected");
                streams.push(stream);
            }
            Ok(Err(_)) | Err(_) => done.count("waits"),
        }
        if Instant::now() > end {
            break;
        }
    }
    sleep(end.saturating_duration_since(Instant::now())).await;
    Ok(done)
}

async fn trickle(server: &Server, time: Duration) -> Result<Done> {
    let mut done = Done::default();
    let mut streams = Vec::new();
    let head = b"POST /v1/traces HTTP/1.1\r\nhost: localhost\r\n\
                 content-type: application/x-protobuf\r\ncontent-length: 100000\r\n\r\n";
    for _ in 0..1000 {
        let connect = TcpStream::connect(server.otlp_http());
        if let Ok(Ok(mut stream)) = timeout(Duration::from_millis(200), connect).await {
            stream.write_all(head).await?;
            streams.push(stream);
        }
    }
    let end = Instant::now() + time;
    while Instant::now() < end {
        for stream in &mut streams {
            // Who has been refused may not take any more.
            if stream.write_all(b"x").await.is_err() {
                continue;
            }
        }
        sleep(Duration::from_secs(1)).await;
    }
    for mut stream in streams {
        match timeout(Duration::from_secs(8), status(&mut stream, b"")).await {
            Ok(Ok(code)) => done.count(code.to_string()),
            Ok(Err(_)) | Err(_) => done.count("closed or open"),
        }
    }
    Ok(done)
}

async fn long_heads(server: &Server, time: Duration) -> Result<Done> {
    let mut done = Done::default();
    let fields = "x-bomb: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n".repeat(20_000);
    let request = format!("POST /v1/traces HTTP/1.1\r\nhost: localhost\r\n{fields}\r\n");
    let end = Instant::now() + time;
    while Instant::now() < end {
        let mut stream = TcpStream::connect(server.otlp_http()).await?;
        match status(&mut stream, request.as_bytes()).await {
            Ok(code) => done.count(code.to_string()),
            Err(_) => done.count("closed"),
        }
    }
    Ok(done)
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 4;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len())
        .unwrap_or(u32::MAX)
        .to_be_bytes();
    let mut frame = vec![length[1], length[2], length[3], kind, flags];
    frame.extend_from_slice(&stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

/// POST of a gRPC export, with names and values in full.
fn head() -> Vec<u8> {
    let mut block = vec![0x83, 0x86];
    let path = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
    for (name, value) in [
        (":path", path),
        (":authority", "localhost"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ] {
        literal(&mut block, name, value);
    }
    block
}

fn literal(block: &mut Vec<u8>, name: &str, value: &str) {
    block.push(0);
    for text in [name, value] {
        block.push(u8::try_from(text.len()).unwrap_or(127).min(127));
        block.extend_from_slice(text.as_bytes());
    }
}

/// What is sent at the beginning, and the n-th piece of what follows without end.
type Frames = fn(u32) -> Vec<u8>;

fn continuations(number: u32) -> Vec<u8> {
    if number == 0 {
        return frame(HEADERS, 0, 1, &head());
    }
    let mut block = Vec::new();
    for _ in 0..100 {
        literal(
            &mut block,
            "x-bomb",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        );
    }
    frame(CONTINUATION, 0, 1, &block)
}

fn resets(number: u32) -> Vec<u8> {
    let stream = 2 * number + 1;
    let cancel = 8_u32.to_be_bytes();
    [
        frame(HEADERS, END_HEADERS, stream, &head()),
        frame(RST_STREAM, 0, stream, &cancel),
    ]
    .concat()
}

fn open_streams(number: u32) -> Vec<u8> {
    if number >= 10_000 {
        return Vec::new();
    }
    frame(HEADERS, END_HEADERS, 2 * number + 1, &head())
}

fn pings(_number: u32) -> Vec<u8> {
    frame(PING, 0, 0, &[0; 8]).repeat(100)
}

fn settings(_number: u32) -> Vec<u8> {
    frame(SETTINGS, 0, 0, &[]).repeat(100)
}

fn empty_data(number: u32) -> Vec<u8> {
    if number == 0 {
        return frame(HEADERS, END_HEADERS, 1, &head());
    }
    frame(DATA, 0, 1, &[]).repeat(100)
}

fn many_headers(number: u32) -> Vec<u8> {
    let stream = 2 * number + 1;
    let mut block = head();
    for _ in 0..300 {
        literal(
            &mut block,
            "x-bomb",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        );
    }
    frame(HEADERS, END_HEADERS, stream, &block)
}

/// Sends frames over one connection after the other, until the server has enough of each or the time is up.
async fn frames(server: &Server, time: Duration, frames: Frames) -> Result<Done> {
    let mut done = Done::default();
    let end = Instant::now() + time;
    while Instant::now() < end {
        let stream = TcpStream::connect(server.otlp_grpc()).await?;
        let (mut reader, mut writer) = stream.into_split();
        let mut read = JoinSet::new();
        read.spawn(async move {
            let mut received = Vec::new();
            let mut piece = vec![0; 65536];
            while let Ok(count) = reader.read(&mut piece).await {
                if count == 0 {
                    break;
                }
                received.extend_from_slice(piece.get(..count).unwrap_or_default());
                if let Some(code) = goaway(&mut received) {
                    return format!("GOAWAY {code}");
                }
            }
            "closed".to_owned()
        });
        let beginning = [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat();
        let mut is_open = writer.write_all(&beginning).await.is_ok();
        let mut number = 0;
        while is_open && Instant::now() < end {
            if let Some(answer) = read.try_join_next() {
                done.count(answer?);
                break;
            }
            let bytes = frames(number);
            number += 1;
            if bytes.is_empty() {
                sleep(Duration::from_millis(10)).await;
            } else {
                is_open = writer.write_all(&bytes).await.is_ok();
            }
        }
        if !is_open && let Some(answer) = read.join_next().await {
            done.count(answer?);
        } else if !read.is_empty() {
            done.count("open to the end");
        }
    }
    Ok(done)
}

/// The code of a GOAWAY among the whole frames, which are taken away.
fn goaway(received: &mut Vec<u8>) -> Option<u32> {
    loop {
        let head = received.get(..9)?;
        let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
        let kind = head[3];
        let payload = received.get(9..9 + length)?.to_vec();
        received.drain(..9 + length);
        if kind == GOAWAY {
            let code = payload.get(4..8)?;
            return Some(u32::from_be_bytes([code[0], code[1], code[2], code[3]]));
        }
    }
}
