//! Sends a case and reads what comes back.

use std::net::SocketAddr;

use http::Method;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::case::{Request, Wire};
use crate::support::{Answer, Client, PATIENCE, Receivers};

/// What came back, whichever way.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    /// Headers and trailers, with names in lower case.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Reply {
    pub(super) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(it, _)| it == name);
        found.map_or("", |(_, value)| value)
    }
}

pub(super) async fn send(receivers: &Receivers, request: &Request) -> Reply {
    match request.wire {
        Wire::Http1 => raw(receivers.http, &http1(request)).await,
        Wire::Raw => raw(receivers.http, &request.body).await,
        Wire::RawGrpc => raw(receivers.grpc, &request.body).await,
        Wire::Http2 => http2(receivers.http, request).await,
        Wire::Grpc | Wire::NoGrpc => http2(receivers.grpc, request).await,
    }
}

/// The bytes of a request over HTTP/1.1 with a declared length.
pub(super) fn http1(request: &Request) -> Vec<u8> {
    let line = format!("{} {} HTTP/1.1", request.method, request.path);
    let headers = request.headers.iter();
    let headers: String = headers
        .flat_map(|(name, value)| [*name, ": ", *value, "\r\n"])
        .collect();
    let length = request.body.len();
    let head = format!(
        "{line}\r\nHost: localhost\r\n{headers}\
         Content-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    [head.as_bytes(), &request.body].concat()
}

async fn http2(address: SocketAddr, request: &Request) -> Reply {
    let method: Method = request.method.parse().unwrap();
    let headers: Vec<(String, &str)> = request
        .headers
        .iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), *value))
        .collect();
    let headers: Vec<(&str, &str)> = headers
        .iter()
        .map(|(name, it)| (name.as_str(), *it))
        .collect();
    let client = Client::http2(address);
    let answer = client
        .send(method, request.path, &headers, request.body.clone())
        .await;
    from_answer(&answer)
}

fn from_answer(answer: &Answer) -> Reply {
    let headers = answer.headers.iter().chain(&answer.trailers);
    let text = |value: &http::HeaderValue| value.to_str().unwrap().to_owned();
    Reply {
        status: answer.status.as_u16(),
        headers: headers
            .map(|(name, value)| (name.to_string(), text(value)))
            .collect(),
        body: answer.body.to_vec(),
    }
}

/// Writes all bytes to a new connection and reads it to its end.
async fn raw(address: SocketAddr, bytes: &[u8]) -> Reply {
    let exchange = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        answer
    };
    let answer = timeout(PATIENCE, exchange).await.expect("no end");
    parse(&answer)
}

/// The last answer on a connection: before it there may be a 100 (Continue), or answers to earlier requests.
fn parse(bytes: &[u8]) -> Reply {
    let picture = format!("no whole answer in {:?}", String::from_utf8_lossy(bytes));
    let end = bytes.windows(4).position(|it| it == b"\r\n\r\n");
    let end = end.expect(&picture);
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1));
    let status = status.expect(&picture);
    let header = |line: &str| {
        let (name, value) = line.split_once(':').unwrap();
        (name.to_ascii_lowercase(), value.trim().to_owned())
    };
    let mut reply = Reply {
        status: status.parse().unwrap(),
        headers: lines.map(header).collect(),
        body: Vec::new(),
    };
    let rest = &bytes[end + 4..];
    let length: usize = reply.header("content-length").parse().unwrap_or(0);
    // The answer to a HEAD says a length and has no body.
    let (body, next) = rest.split_at(length.min(rest.len()));
    if !next.is_empty() {
        return parse(next);
    }
    reply.body = body.to_vec();
    reply
}
