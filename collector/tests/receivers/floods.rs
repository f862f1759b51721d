//! Floods over HTTP/2, frame by frame: each gets its error, and whoever else sends is answered meanwhile.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::{Client, PATIENCE, Receivers, spans_protobuf};

const EXPORT: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;

/// Of SETTINGS and PING, and of HEADERS and CONTINUATION.
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;

const REFUSED_STREAM: u32 = 7;
const CANCEL: u32 = 8;
const ENHANCE_YOUR_CALM: u32 = 11;

/// What is sent after the beginning, frame by frame, by number; no frame ends it.
type Flood = fn(u32) -> Option<Vec<u8>>;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = vec![length[1], length[2], length[3], kind, flags];
    frame.extend_from_slice(&stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

/// A header field with name and value in full; `kind` says whether it is to be remembered.
fn field(kind: u8, name: &str, value: &str) -> Vec<u8> {
    let mut field = vec![kind];
    for text in [name, value] {
        field.push(u8::try_from(text.len()).unwrap());
        field.extend_from_slice(text.as_bytes());
    }
    field
}

const FORGOTTEN: u8 = 0;
const REMEMBERED: u8 = 0x40;
/// The field that was remembered last.
const REMEMBERED_LAST: u8 = 0x80 | 62;

/// The fields of a gRPC export: POST, http, and these.
fn head() -> Vec<u8> {
    let fields = [
        (":path", EXPORT),
        (":authority", "localhost"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ];
    let fields = fields.map(|(name, value)| field(FORGOTTEN, name, value));
    [vec![0x83, 0x86], fields.concat()].concat()
}

fn begin(number: u32) -> Vec<u8> {
    frame(HEADERS, END_HEADERS, 2 * number + 1, &head())
}

/// A frame that came back: its kind, its flags, and the code of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Received {
    kind: u8,
    flags: u8,
    code: Option<u32>,
}

const CALM_DOWN: Received = Received {
    kind: GOAWAY,
    flags: 0,
    code: Some(ENHANCE_YOUR_CALM),
};

/// Sends a flood, and says what came back until `is_last` or until the server closed the connection.
async fn send(
    address: SocketAddr,
    flood: Flood,
    mut is_last: impl FnMut(Received) -> bool,
) -> Vec<Received> {
    let (mut reader, mut writer) = TcpStream::connect(address).await.unwrap().into_split();
    let write = async {
        let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
        let beginning = [&preface[..], &frame(SETTINGS, 0, 0, &[])].concat();
        let mut is_open = writer.write_all(&beginning).await.is_ok();
        let mut frames = (0..).map_while(flood);
        while is_open && let Some(frame) = frames.next() {
            is_open = writer.write_all(&frame).await.is_ok();
        }
        std::future::pending::<()>().await;
    };
    let read = async {
        let mut received = Vec::new();
        let mut head = [0; 9];
        while reader.read_exact(&mut head).await.is_ok() {
            let [a, b, c, kind, flags, ..] = head;
            let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
            reader.read_exact(&mut payload).await.unwrap();
            let code = match kind {
                RST_STREAM => payload.first_chunk(),
                GOAWAY => payload.get(4..).and_then(|it| it.first_chunk()),
                _ => None,
            };
            let code = code.map(|it: &[u8; 4]| u32::from_be_bytes(*it));
            let frame = Received { kind, flags, code };
            received.push(frame);
            if is_last(frame) {
                break;
            }
        }
        received
    };
    let received = async {
        tokio::select! {
            received = read => received,
            () = write => Vec::new(),
        }
    };
    timeout(PATIENCE, received).await.expect("no end")
}

/// The last thing that a flood is told, while another connection is answered as ever.
async fn told(flood: Flood) -> Received {
    let receivers = Receivers::start().await;
    let honest = Client::http2(receivers.grpc);
    let honest = async {
        for _ in 0..20 {
            let answer = honest.call(EXPORT, &[], &spans_protobuf(&["a"])).await;
            answer.grpc_message();
        }
    };
    let flooded = send(receivers.grpc, flood, |it| it.kind == GOAWAY);
    let (received, ()) = tokio::join!(flooded, honest);
    assert_eq!(receivers.span_names().len(), 20);
    *received.last().unwrap()
}

#[tokio::test]
async fn a_head_without_end_ends_the_connection() {
    let flood = |number| {
        let bomb = field(FORGOTTEN, "x-bomb", &"a".repeat(100)).repeat(100);
        Some(match number {
            0 => frame(HEADERS, 0, 1, &head()),
            _ => frame(CONTINUATION, 0, 1, &bomb),
        })
    };
    assert_eq!(told(flood).await, CALM_DOWN);
}

#[tokio::test]
async fn streams_that_are_reset_at_once_end_the_connection() {
    let flood = |number| {
        let cancel = frame(RST_STREAM, 0, 2 * number + 1, &CANCEL.to_be_bytes());
        Some([begin(number), cancel].concat())
    };
    assert_eq!(told(flood).await, CALM_DOWN);
}

#[tokio::test]
async fn streams_beyond_the_limit_are_refused_one_by_one_and_in_masses_end_the_connection() {
    assert_eq!(told(|number| Some(begin(number))).await, CALM_DOWN);

    let receivers = Receivers::start().await;
    let flood = |number| (number < 300).then(|| begin(number));
    let mut refused = 0;
    let received = send(receivers.grpc, flood, |frame| {
        refused += u32::from(frame.kind == RST_STREAM);
        refused == 300 - 256
    });
    let resets = received.await;
    let mut resets = resets.iter().filter(|it| it.kind == RST_STREAM);
    assert!(resets.all(|it| it.code == Some(REFUSED_STREAM)));
}

#[tokio::test]
async fn empty_data_without_end_ends_the_connection() {
    let flood = |number| {
        Some(match number {
            0 => begin(0),
            _ => frame(DATA, 0, 1, &[]),
        })
    };
    assert_eq!(told(flood).await, CALM_DOWN);
}

#[tokio::test]
async fn heads_over_the_limit_are_answered_431_and_in_masses_end_the_connection() {
    // Three kilobytes that become four megabytes: one field, and references to it.
    let bomb = |number| {
        let field = field(REMEMBERED, "x-bomb", &"a".repeat(120));
        let references = vec![REMEMBERED_LAST; 3000];
        let block = [head(), field, references].concat();
        Some(frame(HEADERS, END_HEADERS, 2 * number + 1, &block))
    };
    assert_eq!(told(bomb).await, CALM_DOWN);

    let receivers = Receivers::start().await;
    let client = Client::http2(receivers.grpc);
    let value = "a".repeat(17 * 1024);
    let headers = [("x-bomb", value.as_str())];
    let answer = client.call(EXPORT, &headers, &spans_protobuf(&["a"])).await;
    assert_eq!(answer.status, 431);
}

/// HTTP/2 asks for an answer to each, and none waits before the one before it is answered: so they take no memory,
/// and no option of h2 limits them.
#[tokio::test]
async fn every_ping_and_every_setting_is_answered_and_none_is_kept() {
    const COUNT: usize = 20_000;
    let receivers = Receivers::start().await;
    let pings = |number| (number < COUNT as u32).then(|| frame(PING, 0, 0, &[7; 8]));
    let settings = |number| (number < COUNT as u32).then(|| frame(SETTINGS, 0, 0, &[]));

    // The first SETTINGS of a connection are answered too.
    for (flood, kind, expected) in [
        (pings as Flood, PING, COUNT),
        (settings, SETTINGS, COUNT + 1),
    ] {
        let answer = Received {
            kind,
            flags: ACK,
            code: None,
        };
        let mut answers = 0;
        let flooded = send(receivers.grpc, flood, |frame| {
            answers += usize::from(frame == answer);
            answers == expected
        });
        let client = Client::http2(receivers.grpc);
        let message = spans_protobuf(&["a"]);
        let (received, honest) = tokio::join!(flooded, client.call(EXPORT, &[], &message));
        honest.grpc_message();
        assert_eq!(
            received.iter().filter(|it| **it == answer).count(),
            expected
        );
        assert!(received.iter().all(|it| it.kind != GOAWAY));
    }
}
