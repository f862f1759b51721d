//! A plain HTTP client for the server under test.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::header::HOST;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::wait::PATIENCE;

/// Asks one server.
#[derive(Debug, Clone)]
pub struct HttpClient {
    address: SocketAddr,
    connections: Connections,
}

#[derive(Debug, Clone)]
enum Connections {
    /// As many as it takes: one more is opened whenever the last answer's is not free at once.
    Pool(Box<legacy::Client<HttpConnector, Full<Bytes>>>),
    One(Arc<OneConnection>),
}

#[derive(Debug)]
struct OneConnection {
    sender: Mutex<SendRequest<Full<Bytes>>>,
    _driver: JoinSet<()>,
}

impl Connections {
    async fn send(&self, mut request: Request<Full<Bytes>>) -> Result<Response<Incoming>, String> {
        match self {
            Self::Pool(pool) => {
                let answer = pool.request(request).await;
                answer.map_err(|error| error.to_string())
            }
            Self::One(connection) => {
                let uri = std::mem::take(request.uri_mut()).into_parts();
                let host = uri.authority.unwrap().as_str().parse().unwrap();
                request.headers_mut().entry(HOST).or_insert(host);
                *request.uri_mut() = uri.path_and_query.unwrap().into();
                let mut sender = connection.sender.lock().await;
                sender.ready().await.map_err(|error| error.to_string())?;
                let answer = sender.send_request(request).await;
                answer.map_err(|error| error.to_string())
            }
        }
    }
}

/// What the server said.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The value of `Content-Type`.
    pub content_type: String,
    /// The body.
    pub body: Bytes,
}

impl HttpClient {
    /// A client of the server at `address`.
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
            connections: Connections::Pool(Box::new(
                legacy::Client::builder(TokioExecutor::new()).build_http(),
            )),
        }
    }

    /// A client that sends every request, one after the other, over a connection that is open when this
    /// returns.
    pub async fn on_one_connection(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        let (sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
        let mut driver = JoinSet::new();
        driver.spawn(async move {
            // How it ended is seen by whoever sends next.
            let _ended = connection.await;
        });
        Self {
            address,
            connections: Connections::One(Arc::new(OneConnection {
                sender: Mutex::new(sender),
                _driver: driver,
            })),
        }
    }

    /// Whom it asks.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sends a GET; `Err` when there is no answer at all.
    ///
    /// # Errors
    /// When the server cannot be reached.
    pub async fn try_get(&self, path: &str) -> Result<Answer, String> {
        self.send(Method::GET, path, &[], Bytes::new()).await
    }

    /// Sends a GET and expects 200 and JSON.
    pub async fn get_json(&self, path: &str) -> Value {
        self.get(path).await.json(StatusCode::OK)
    }

    /// Sends a GET.
    pub async fn get(&self, path: &str) -> Answer {
        self.try_get(path).await.unwrap()
    }

    /// Sends a GET with these headers.
    pub async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.send(Method::GET, path, headers, Bytes::new())
            .await
            .unwrap()
    }

    /// Sends a POST with these headers.
    pub async fn post(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Answer {
        self.send(Method::POST, path, headers, body.into())
            .await
            .unwrap()
    }

    /// Sends a POST with these headers; `Err` when there is no answer at all.
    ///
    /// # Errors
    /// When the server cannot be reached, or goes away.
    pub async fn try_post(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<Answer, String> {
        self.send(Method::POST, path, headers, body.into()).await
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<Answer, String> {
        let uri = format!("http://{}{path}", self.address);
        let mut request = Request::builder().method(&method).uri(&uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body)).unwrap();
        let exchange = async {
            let response = self.connections.send(request).await?;
            let (head, body) = response.into_parts();
            let body = body
                .collect()
                .await
                .map_err(|error| error.to_string())?
                .to_bytes();
            let content_type = head.headers.get("content-type");
            let content_type = content_type.map(|value| value.to_str().unwrap().to_owned());
            let content_type = content_type.unwrap_or_default();
            Ok::<_, String>(Answer {
                status: head.status,
                content_type,
                body,
            })
        };
        match timeout(PATIENCE, exchange).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(format!("{method} {uri}: {error}")),
            Err(_elapsed) => Err(format!("{method} {uri}: no answer within {PATIENCE:?}")),
        }
    }
}

impl Answer {
    /// The body as JSON, of an answer with this status.
    pub fn json(&self, status: StatusCode) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(
            self.content_type.split(';').next(),
            Some("application/json")
        );
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The body as text, for people.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Escapes a text for use as a value in a query string.
pub(crate) fn query_value(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}
