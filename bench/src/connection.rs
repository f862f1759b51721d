//! One keep-alive HTTP/1.1 connection, one request at a time. Opened again when the server closed it.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, task::JoinSet, time::timeout};

/// An answer that takes longer is none.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(120);

/// What a server answered.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// A connection to one address.
pub(crate) struct Connection {
    address: SocketAddr,
    sender: Option<SendRequest<Full<Bytes>>>,
    /// Moves the bytes; ends with this value.
    driver: JoinSet<()>,
}

impl Connection {
    /// Nothing is opened before the first request.
    pub(crate) fn to(address: SocketAddr) -> Self {
        Self {
            address,
            sender: None,
            driver: JoinSet::new(),
        }
    }

    /// Asks for a path (with its query) and takes the whole answer.
    pub(crate) async fn get(&mut self, path: &str) -> Result<Response> {
        self.exchange(Method::GET, path, None, Bytes::new()).await
    }

    /// Posts a body of some type and takes the whole answer.
    pub(crate) async fn post(
        &mut self,
        path: &str,
        content_type: &'static str,
        body: Bytes,
    ) -> Result<Response> {
        self.exchange(Method::POST, path, Some(content_type), body)
            .await
    }

    async fn exchange(
        &mut self,
        method: Method,
        path: &str,
        content_type: Option<&'static str>,
        body: Bytes,
    ) -> Result<Response> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, self.address.to_string());
        if let Some(content_type) = content_type {
            request = request.header(header::CONTENT_TYPE, content_type);
        }
        let request = request
            .body(Full::new(body))
            .with_context(|| format!("{path} cannot be asked for"))?;
        let answered = timeout(ANSWER_TIMEOUT, self.send(request)).await;
        let flat = answered
            .with_context(|| format!("no answer within {ANSWER_TIMEOUT:?}"))
            .and_then(|answer| answer);
        if flat.is_err() {
            // What is left of a broken exchange must not be taken for the next answer.
            self.sender = None;
        }
        flat
    }

    async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Response> {
        if self.sender.as_ref().is_none_or(SendRequest::is_closed) {
            self.open().await?;
        }
        let sender = self.sender.as_mut().context("the connection is closed")?;
        sender.ready().await?;
        let answer = sender.send_request(request).await?;
        let (head, body) = answer.into_parts();
        let body = body.collect().await?.to_bytes();
        if head.headers.get(header::CONNECTION).is_some_and(is_close) {
            self.sender = None;
        }
        Ok(Response {
            status: head.status,
            headers: head.headers,
            body,
        })
    }

    async fn open(&mut self) -> Result<()> {
        let stream = TcpStream::connect(self.address)
            .await
            .with_context(|| format!("cannot connect to {}", self.address))?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        self.driver.abort_all();
        self.driver.spawn(async move {
            // An error reaches whoever waits for the answer.
            drop(connection.await);
        });
        self.sender = Some(sender);
        Ok(())
    }
}

/// The server closes the connection after this answer: the next request must not race with that.
fn is_close(value: &HeaderValue) -> bool {
    value.as_bytes().eq_ignore_ascii_case(b"close")
}
