//! Sends portions to a server by OTLP over HTTP, and repeats what it cannot take now.

use std::str::FromStr;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full, Limited};
use model::Signal;
use model::otlp::{self, Rejected};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::decode::Portion;
use super::report::{Place, Sent};
use crate::client::{Client, parse_base};

/// Requests that are on their way at a time: so many share one sync of the server's disk.
const REQUESTS_IN_FLIGHT: usize = 4;
/// The first pause before a request is repeated; each one is twice as long as the one before.
const PAUSE_FIRST: Duration = Duration::from_millis(100);
/// The longest pause that the server did not ask for.
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// Longest wait for one answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// Largest answer that is read.
const ANSWER_BYTES_MAX: usize = 4 << 20;

/// Where a server takes OTLP over HTTP: a base to which `/v1/traces` and `/v1/logs` are added.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    traces: Uri,
    logs: Uri,
}

impl FromStr for Endpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let base = parse_base(text)?;
        let uri = |path: &str| {
            let uri: Result<Uri, _> = format!("{base}{path}").parse();
            uri.map_err(|error| error.to_string())
        };
        Ok(Self {
            traces: uri("/v1/traces")?,
            logs: uri("/v1/logs")?,
        })
    }
}

impl Endpoint {
    /// Where spans go.
    pub(super) fn traces(&self) -> &Uri {
        &self.traces
    }
}

/// The header that shows a token.
pub(super) fn bearer(token: &str) -> Result<HeaderValue, &'static str> {
    let value = HeaderValue::try_from(format!("Bearer {}", token.trim()));
    let mut value = value.map_err(|_| "a token has no control characters")?;
    // Keeps it out of debug output.
    value.set_sensitive(true);
    Ok(value)
}

/// Sends every portion it is handed.
pub(super) struct Sender {
    endpoint: Endpoint,
    token: Option<HeaderValue>,
    retry_for: Duration,
    client: Client<Full<Bytes>>,
}

/// What became of a portion.
struct Outcome {
    signal: Signal,
    record_count: u64,
    place: Place,
    result: Result<Option<Rejected>, Failure>,
}

/// Why a portion was not taken.
struct Failure {
    problem: String,
    /// Whether it was repeated until the time was over: others would fare no better.
    is_final: bool,
}

/// How one attempt ended, when it did not succeed.
enum Refusal {
    Retryable {
        problem: String,
        /// How long the server asks to wait.
        after: Option<Duration>,
    },
    Permanent(String),
}

impl Sender {
    pub(super) fn new(
        client: Client<Full<Bytes>>,
        endpoint: Endpoint,
        token: Option<HeaderValue>,
        retry_for: Duration,
    ) -> Self {
        Self {
            client,
            endpoint,
            token,
            retry_for,
        }
    }

    /// Sends until there are no more portions, or the server has not taken one for too long.
    pub(super) async fn run(self, mut portions: mpsc::Receiver<Portion>) -> Sent {
        let mut sent = Sent::default();
        let mut in_flight: JoinSet<Outcome> = JoinSet::new();
        let mut has_given_up = false;
        while let Some(portion) = portions.recv().await {
            if in_flight.len() >= REQUESTS_IN_FLIGHT
                && let Some(joined) = in_flight.join_next().await
            {
                has_given_up |= note(&mut sent, joined);
            }
            if has_given_up {
                sent.failures.push(format!(
                    "{}: not sent, nor anything after it",
                    portion.place
                ));
                break;
            }
            in_flight.spawn(self.deliver(portion));
        }
        // Whoever hands on portions must not wait for a place any more.
        drop(portions);
        while let Some(joined) = in_flight.join_next().await {
            note(&mut sent, joined);
        }
        sent
    }

    fn deliver(&self, portion: Portion) -> impl Future<Output = Outcome> + Send + 'static {
        let uri = match portion.signal {
            Signal::Traces => self.endpoint.traces.clone(),
            Signal::Logs => self.endpoint.logs.clone(),
        };
        let (client, retry_for) = (self.client.clone(), self.retry_for);
        let token = self.token.clone();
        async move {
            let result = deliver(&client, &uri, token.as_ref(), &portion, retry_for).await;
            Outcome {
                signal: portion.signal,
                record_count: portion.record_count,
                place: portion.place,
                result,
            }
        }
    }
}

/// Writes down what became of a portion; returns whether there is no use in going on.
fn note(sent: &mut Sent, joined: Result<Outcome, tokio::task::JoinError>) -> bool {
    let outcome = match joined {
        Ok(outcome) => outcome,
        Err(error) => {
            sent.failures
                .push(format!("a request ended early: {error}"));
            return false;
        }
    };
    match outcome.result {
        Ok(rejected) => {
            let rejected_count = rejected.as_ref().map_or(0, |it| it.count);
            let taken = outcome.record_count.saturating_sub(rejected_count);
            sent.add(outcome.signal, taken);
            if let Some(rejected) = rejected.filter(|it| it.count > 0) {
                let entry = (rejected.reason, rejected.count, outcome.place);
                sent.rejected.push(entry);
            }
            false
        }
        Err(failure) => {
            let (place, count) = (outcome.place, outcome.record_count);
            sent.failures
                .push(format!("{place}: {count} records: {}", failure.problem));
            failure.is_final
        }
    }
}

async fn deliver(
    client: &Client<Full<Bytes>>,
    uri: &Uri,
    token: Option<&HeaderValue>,
    portion: &Portion,
    retry_for: Duration,
) -> Result<Option<Rejected>, Failure> {
    let give_up = Instant::now() + retry_for;
    let mut pause = PAUSE_FIRST;
    loop {
        let (problem, after) = match attempt(client, uri, token, portion).await {
            Ok(rejected) => return Ok(rejected),
            Err(Refusal::Permanent(problem)) => {
                return Err(Failure {
                    problem,
                    is_final: false,
                });
            }
            Err(Refusal::Retryable { problem, after }) => (problem, after),
        };
        let wait = after.unwrap_or(pause);
        if Instant::now() + wait > give_up {
            return Err(Failure {
                problem,
                is_final: true,
            });
        }
        sleep(wait).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

async fn attempt(
    client: &Client<Full<Bytes>>,
    uri: &Uri,
    token: Option<&HeaderValue>,
    portion: &Portion,
) -> Result<Option<Rejected>, Refusal> {
    let mut request = Request::post(uri).header(header::CONTENT_TYPE, "application/x-protobuf");
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, token);
    }
    let request = request
        .body(Full::new(portion.payload.clone()))
        .map_err(|error| Refusal::Permanent(error.to_string()))?;
    let exchange = async {
        let response = client.request(request).await;
        let response = response.map_err(|error| format!("{:#}", anyhow::Error::new(error)))?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
        let body = body
            .map_err(|error| format!("{:#}", anyhow::Error::from_boxed(error)))?
            .to_bytes();
        Ok::<_, String>((head, body))
    };
    let retryable = |problem| Refusal::Retryable {
        problem,
        after: None,
    };
    let (head, body) = match timeout(ANSWER_TIMEOUT, exchange).await {
        Ok(answered) => answered.map_err(|error| retryable(format!("{uri}: {error}")))?,
        Err(_elapsed) => {
            let problem = format!("{uri}: no answer within {ANSWER_TIMEOUT:?}");
            return Err(retryable(problem));
        }
    };
    if head.status == StatusCode::OK {
        return otlp::decode_response(portion.signal, &body)
            .map_err(|error| Refusal::Permanent(format!("{uri} answers no OTLP: {error}")));
    }
    let message = otlp::decode_status_message(&body).unwrap_or_default();
    let problem = format!("{uri} answers {}: {message}", head.status);
    let problem = problem.trim_end_matches([':', ' ']).to_owned();
    // These four are all that OTLP lets a client repeat.
    match head.status {
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => {
            let after = head.headers.get(header::RETRY_AFTER);
            let after = after.and_then(|value| value.to_str().ok()?.parse().ok());
            Err(Refusal::Retryable {
                problem,
                after: after.map(Duration::from_secs),
            })
        }
        _ => Err(Refusal::Permanent(problem)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::ClientTlsArgs;

    #[test]
    fn an_endpoint_is_a_base_for_both_signals() {
        let endpoint: Endpoint = "http://localhost:4318/".parse().unwrap();
        assert_eq!(
            endpoint.traces.to_string(),
            "http://localhost:4318/v1/traces"
        );
        assert_eq!(endpoint.logs.to_string(), "http://localhost:4318/v1/logs");
        let encrypted: Endpoint = "https://a.example".parse().unwrap();
        assert_eq!(encrypted.logs.to_string(), "https://a.example/v1/logs");
        for text in ["localhost:4318", "ftp://a", "http://"] {
            assert!(text.parse::<Endpoint>().is_err(), "{text}");
        }
    }

    /// A server that gives each connection the next of these answers, and the endpoint of it.
    async fn scripted(answers: &'static [&'static str]) -> (Endpoint, JoinSet<()>) {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            for answer in answers {
                let (mut connection, _) = listener.accept().await.unwrap();
                let mut request = vec![0; 4096];
                let _read = connection.read(&mut request).await.unwrap();
                connection.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        (format!("http://{address}").parse().unwrap(), serving)
    }

    async fn send_one(endpoint: Endpoint, retry_for: Duration) -> Sent {
        let (portions, waiting) = mpsc::channel(1);
        let document = crate::import::input::Document {
            text: String::new(),
            line: 1,
        };
        let portion = Portion {
            signal: Signal::Traces,
            payload: Bytes::from_static(b"x"),
            record_count: 3,
            place: Place::new("a.json", &document, 0),
        };
        portions.send(portion).await.unwrap();
        drop(portions);
        let client = ClientTlsArgs::default().client(endpoint.traces()).unwrap();
        let sender = Sender::new(client, endpoint, None, retry_for);
        sender.run(waiting).await
    }

    const BUSY: &str = "HTTP/1.1 503 Service Unavailable\r\nretry-after: 0\r\n\
                        connection: close\r\ncontent-length: 0\r\n\r\n";
    const TAKEN: &str = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    const REFUSED: &str = "HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\
                           content-length: 9\r\n\r\n\x12\x07too odd";

    #[tokio::test]
    async fn what_a_server_cannot_take_now_is_sent_again_until_it_does() {
        let (endpoint, _serving) = scripted(&[BUSY, BUSY, TAKEN]).await;
        let sent = send_one(endpoint, Duration::from_secs(20)).await;
        assert_eq!((sent.spans, sent.failures), (3, Vec::new()));
    }

    #[tokio::test]
    async fn what_a_server_refuses_is_not_sent_again() {
        let (endpoint, _serving) = scripted(&[REFUSED]).await;
        let expected = format!(
            "a.json:1:1: 3 records: {} answers 400 Bad Request: too odd",
            endpoint.traces
        );
        let sent = send_one(endpoint, Duration::from_secs(20)).await;
        assert_eq!((sent.spans, sent.failures), (0, vec![expected]));
    }
}
