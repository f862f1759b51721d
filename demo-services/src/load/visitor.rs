//! One visitor's requests. The generator traces itself: each request is the root CLIENT span of a
//! trace, so that the time before the gateway is seen too. It uses OpenTelemetry directly instead of
//! `tracing`, because it may share its process with something whose logging is not its business.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{
    HeaderValue, Method, Request, StatusCode, Uri,
    header::{CONTENT_TYPE, USER_AGENT},
};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use opentelemetry::{
    Context, KeyValue,
    trace::{SpanKind, Status, TraceContextExt, Tracer, TracerProvider},
};
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::{
    LoadError,
    journey::{Action, Journey, Kind},
    record::{OrderOutcome, Record, Sample},
};
use crate::telemetry::propagation;

const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
const OPENING_RETRY: Duration = Duration::from_millis(200);
/// An order that is neither confirmed nor rejected after this long counts as unfinished.
const ORDER_TIMEOUT: Duration = Duration::from_secs(15);
const ORDER_POLL: Duration = Duration::from_millis(300);
const API_KEY: HeaderValue = HeaderValue::from_static("key-load");
const AGENT: HeaderValue = HeaderValue::from_static("spandrel-load/1.0");

pub(super) struct Visitor {
    http: Client<HttpConnector, Full<Bytes>>,
    tracer: SdkTracer,
    record: Arc<Record>,
    gateway: String,
    host: String,
    port: i64,
}

/// What is asked of the gateway.
struct Ask {
    method: Method,
    /// The route with its parameters' names, for names and counts.
    template: &'static str,
    /// `method` and `template`, as the span and the report name it.
    route: &'static str,
    path: String,
    body: Option<Value>,
    /// Whether 404 is the right answer, and not an error of the shop.
    expects_not_found: bool,
}

impl Ask {
    fn get(route: &'static str, path: impl Into<String>) -> Self {
        let template = route.trim_start_matches("GET ");
        Self {
            method: Method::GET,
            template,
            route,
            path: path.into(),
            body: None,
            expects_not_found: false,
        }
    }

    fn post(route: &'static str, body: Value) -> Self {
        let template = route.trim_start_matches("POST ");
        Self {
            method: Method::POST,
            template,
            route,
            path: template.to_owned(),
            body: Some(body),
            expects_not_found: false,
        }
    }
}

struct Answer {
    status: Option<StatusCode>,
    body: Value,
    trace_id: String,
}

impl Visitor {
    pub(super) fn new(
        gateway: &str,
        provider: &SdkTracerProvider,
        record: Arc<Record>,
    ) -> Result<Self, LoadError> {
        let gateway = gateway.trim_end_matches('/');
        let uri = gateway
            .parse::<Uri>()
            .ok()
            .filter(|uri| uri.scheme_str() == Some("http"));
        let Some((uri, host)) = uri.as_ref().and_then(|uri| Some((uri, uri.host()?))) else {
            return Err(LoadError::Gateway {
                url: gateway.to_owned(),
            });
        };
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Ok(Self {
            http: Client::builder(TokioExecutor::new()).build(connector),
            tracer: provider.tracer("demo-services"),
            record,
            host: host.to_owned(),
            port: i64::from(uri.port_u16().unwrap_or(80)),
            gateway: gateway.to_owned(),
        })
    }

    /// Asks for the products until the shop has opened.
    pub(super) async fn wait_for_products(&self) -> Arc<[String]> {
        loop {
            let request = self.request(&Ask::get("GET /api/products", "/api/products?limit=500"));
            if let Ok((StatusCode::OK, body)) = self.exchange(request).await {
                let products = body["products"].as_array();
                let skus: Arc<[String]> = products
                    .into_iter()
                    .flatten()
                    .filter_map(|product| product["sku"].as_str().map(str::to_owned))
                    .collect();
                if !skus.is_empty() {
                    return skus;
                }
            }
            sleep(OPENING_RETRY).await;
        }
    }

    /// Makes the whole journey. Each request is due a pause after the one before was answered.
    pub(super) async fn travel(&self, journey: Journey, products: &[String], start: Instant) {
        self.record.journey();
        let mut due = start;
        for (pause, action) in &journey.steps {
            due += *pause;
            sleep_until(due).await;
            let answer = self
                .ask(&journey, ask(action, &journey, products), due)
                .await;
            if let (Action::Order { .. }, Some(StatusCode::ACCEPTED)) = (action, answer.status) {
                self.follow_order(&journey, &answer).await;
            }
            due = Instant::now();
        }
    }

    /// Asks for the order until it is decided, and checks the decision.
    async fn follow_order(&self, journey: &Journey, placed: &Answer) {
        let give_up = Instant::now() + ORDER_TIMEOUT;
        let path = format!(
            "/api/orders/{}",
            placed.body["order_id"].as_str().unwrap_or_default()
        );
        let mut outcome = OrderOutcome::Unfinished;
        let mut reason = String::new();
        while outcome == OrderOutcome::Unfinished && Instant::now() < give_up {
            let due = Instant::now() + ORDER_POLL;
            sleep_until(due).await;
            let ask = Ask::get("GET /api/orders/{order_id}", path.clone());
            let answer = self.ask(journey, ask, due).await;
            outcome = match answer.body["state"].as_str() {
                Some("CONFIRMED") => OrderOutcome::Confirmed,
                Some("REJECTED") => OrderOutcome::Rejected,
                Some("STUCK") => break,
                _ => OrderOutcome::Unfinished,
            };
            answer.body["reason"]
                .as_str()
                .unwrap_or_default()
                .clone_into(&mut reason);
        }
        let as_expected = match outcome {
            OrderOutcome::Confirmed => journey.kind == Kind::Checkout,
            OrderOutcome::Rejected => {
                journey.kind == Kind::DeclinedCard || reason.contains("stock")
            }
            OrderOutcome::Unfinished => true,
        };
        self.record.order(outcome, as_expected, &placed.trace_id);
    }

    async fn ask(&self, journey: &Journey, ask: Ask, due: Instant) -> Answer {
        let context = self.start_span(journey, &ask);
        let mut request = self.request(&ask);
        propagation::inject(&context, request.headers_mut());
        if let Ok(session) = HeaderValue::from_str(&journey.session) {
            request.headers_mut().insert("x-session-id", session);
        }
        let answered = self.exchange(request).await;
        let latency = due.elapsed();

        let span = context.span();
        let trace_id = span.span_context().trace_id().to_string();
        let (status, body) = match answered {
            Ok((status, body)) => {
                let code = status.as_u16();
                span.set_attribute(KeyValue::new("http.response.status_code", i64::from(code)));
                if code >= 400 {
                    span.set_attribute(KeyValue::new("error.type", code.to_string()));
                    span.set_status(Status::error(""));
                }
                (Some(status), body)
            }
            Err(error) => {
                span.set_attribute(KeyValue::new("error.type", error.word()));
                span.set_status(Status::error(error.to_string()));
                (None, Value::Null)
            }
        };
        span.end();
        let is_expected = ask.expects_not_found && status == Some(StatusCode::NOT_FOUND);
        let is_error = !is_expected && status.is_none_or(|status| status.as_u16() >= 400);
        self.record.request(&Sample {
            route: ask.route,
            latency,
            is_error,
            trace_id: &trace_id,
        });
        Answer {
            status,
            body,
            trace_id,
        }
    }

    fn start_span(&self, journey: &Journey, ask: &Ask) -> Context {
        let attributes = [
            KeyValue::new("http.request.method", ask.method.to_string()),
            KeyValue::new("url.full", format!("{}{}", self.gateway, ask.path)),
            KeyValue::new("url.template", ask.template),
            KeyValue::new("server.address", self.host.clone()),
            KeyValue::new("server.port", self.port),
            KeyValue::new("user_agent.synthetic.type", "test"),
            KeyValue::new("session.id", journey.session.clone()),
            KeyValue::new("shop.journey", journey.kind.name()),
        ];
        let span = self
            .tracer
            .span_builder(ask.route)
            .with_kind(SpanKind::Client)
            .with_attributes(attributes)
            .start_with_context(&self.tracer, &Context::new());
        Context::new().with_span(span)
    }

    fn request(&self, ask: &Ask) -> Request<Full<Bytes>> {
        let body = ask.body.as_ref().map(Value::to_string).unwrap_or_default();
        let mut request = Request::new(Full::new(Bytes::from(body)));
        *request.method_mut() = ask.method.clone();
        // Parsed once from the configuration; only paths of this module are appended.
        if let Ok(uri) = format!("{}{}", self.gateway, ask.path).parse() {
            *request.uri_mut() = uri;
        }
        request.headers_mut().insert("x-api-key", API_KEY);
        request.headers_mut().insert(USER_AGENT, AGENT);
        if ask.body.is_some() {
            let json = HeaderValue::from_static("application/json");
            request.headers_mut().insert(CONTENT_TYPE, json);
        }
        request
    }

    async fn exchange(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<(StatusCode, Value), ExchangeError> {
        let exchange = async {
            let response = self.http.request(request).await?;
            let status = response.status();
            let body = response.into_body().collect().await?.to_bytes();
            Ok((status, serde_json::from_slice(&body).unwrap_or(Value::Null)))
        };
        timeout(REQUEST_TIMEOUT, exchange)
            .await
            .unwrap_or(Err(ExchangeError::TimedOut))
    }
}

#[derive(Debug, thiserror::Error)]
enum ExchangeError {
    #[error("no answer in time")]
    TimedOut,
    #[error("the connection failed: {0}")]
    Connection(#[from] hyper_util::client::legacy::Error),
    #[error("the answer broke off: {0}")]
    Body(#[from] hyper::Error),
}

impl ExchangeError {
    fn word(&self) -> &'static str {
        match self {
            Self::TimedOut => "timeout",
            Self::Connection(_) => "connection",
            Self::Body(_) => "body",
        }
    }
}

fn ask(action: &Action, journey: &Journey, products: &[String]) -> Ask {
    let sku = |product: &usize| products.get(*product).map_or("", String::as_str);
    match action {
        Action::Home => Ask::get("GET /api/home", "/api/home"),
        Action::List { category } => Ask::get(
            "GET /api/products",
            format!("/api/products?category={category}"),
        ),
        Action::Search { words } => {
            let words = words.replace(' ', "%20");
            Ask::get("GET /api/search", format!("/api/search?q={words}"))
        }
        Action::Look { product } => Ask::get(
            "GET /api/products/{sku}",
            format!("/api/products/{}", sku(product)),
        ),
        Action::DeadLink => Ask {
            expects_not_found: true,
            ..Ask::get("GET /api/products/{sku}", "/api/products/SKU-0000")
        },
        Action::Add { product, quantity } => Ask::post(
            "POST /api/cart/items",
            json!({ "sku": sku(product), "quantity": quantity }),
        ),
        Action::Cart => Ask::get("GET /api/cart", "/api/cart"),
        Action::Order { card_token } => Ask::post(
            "POST /api/orders",
            json!({ "customer_id": journey.customer, "card_token": card_token }),
        ),
    }
}
