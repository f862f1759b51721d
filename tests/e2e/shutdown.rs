//! A server that is told to stop finishes what it has taken, keeps it once, and ends in time.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use http::StatusCode;
use model::Signal;
use tests::{PATIENCE, SpandrelProcess, until};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::ledger::book::Round;
use crate::ledger::sender::{Connection, Ledger, Request, send};

const SERVICE: &str = "shop";
const SENDERS: u64 = 6;
/// Enough for some splits to have been written, and others to be about to be.
const ACKNOWLEDGED_MIN: u32 = 200;
const FLAGS: [&str; 4] = [
    "--seal-rows",
    "100",
    // Longer than this story: nothing is cut off.
    "--shutdown-grace",
    "1h",
];

/// A request that the server has begun to read, and whose last byte is still to come.
struct HeldRequest {
    stream: TcpStream,
    request: Request,
    last: u8,
}

impl HeldRequest {
    async fn begin(otlp_http: SocketAddr) -> Self {
        let request = Request {
            signal: Signal::Traces,
            trace_id: format!("{:032x}", u128::MAX),
            service: SERVICE.to_owned(),
        };
        let body = request.json();
        let (last, body) = body.split_last().unwrap();
        let head = format!(
            "POST /v1/traces HTTP/1.1\r\nhost: {otlp_http}\r\ncontent-type: application/json\r\n\
             content-length: {}\r\nexpect: 100-continue\r\n\r\n",
            body.len() + 1
        );
        let mut stream = TcpStream::connect(otlp_http).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        // The server asks for the body when it has admitted the request.
        let mut asked = [0; b"HTTP/1.1 100 Continue\r\n\r\n".len()];
        stream.read_exact(&mut asked).await.unwrap();
        assert_eq!(&asked, b"HTTP/1.1 100 Continue\r\n\r\n");
        stream.write_all(body).await.unwrap();
        Self {
            stream,
            request,
            last: *last,
        }
    }

    /// Sends the rest, and expects it to be acknowledged.
    async fn finish(mut self) -> Request {
        self.stream.write_all(&[self.last]).await.unwrap();
        let mut answer = String::new();
        self.stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        self.request
    }
}

async fn wait_until_refused(address: SocketAddr) {
    until("connections to be refused", || async {
        match TcpStream::connect(address).await {
            Ok(_) => Err("accepted".to_owned()),
            Err(_) => Ok(()),
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_under_load_finishes_what_was_taken_and_keeps_it_once() {
    let mut spandrel = SpandrelProcess::start_with(&FLAGS).await;
    let began = Instant::now();
    let acknowledged = Arc::new(Semaphore::new(0));
    let mut senders = JoinSet::new();
    for sender in 0..SENDERS {
        let connection = Connection::open(&spandrel, sender);
        let acknowledged = Arc::clone(&acknowledged);
        senders.spawn(send(
            connection,
            sender + 1,
            SERVICE.to_owned(),
            acknowledged,
        ));
    }
    let enough = timeout(PATIENCE, acknowledged.acquire_many(ACKNOWLEDGED_MIN)).await;
    enough.expect("too few acknowledgements").unwrap().forget();
    let held = HeldRequest::begin(spandrel.otlp_http).await;
    let ready = spandrel.api.get("/readyz").await;
    assert_eq!(ready.status, StatusCode::OK);

    spandrel.ask_to_stop().await;

    until("the server to say that it stops", || async {
        let answer = spandrel.api.get("/readyz").await;
        match answer.status {
            StatusCode::SERVICE_UNAVAILABLE => Ok(()),
            status => Err(status.to_string()),
        }
    })
    .await;
    wait_until_refused(spandrel.otlp_http).await;
    wait_until_refused(spandrel.otlp_grpc).await;
    let mut ledger = Ledger::default();
    for of_sender in senders.join_all().await {
        ledger.add(of_sender);
    }
    // It has not ended as long as something is on its way.
    let live = spandrel.api.get("/healthz").await;
    assert_eq!(live.status, StatusCode::OK);
    ledger.acknowledged.push(held.finish().await);
    spandrel.expect_end().await;
    wait_until_refused(spandrel.http).await;

    spandrel.restart().await;

    let round = Round {
        service: SERVICE.to_owned(),
        began,
        ledger,
        counts: (0, 0),
    };
    assert!(round.ledger.acknowledged.len() > ACKNOWLEDGED_MIN as usize);
    round.check(&spandrel).await;
}
