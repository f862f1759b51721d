//! The whole shop in one process: every service on a port of its own, all telemetry kept.

use std::{collections::HashSet, net::SocketAddr, time::Duration};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use opentelemetry::{TraceId, trace::Status};
use opentelemetry_sdk::trace::SpanData;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    sync::oneshot,
    task::JoinSet,
    time::{interval, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::level_filters::LevelFilter;

use crate::{
    host,
    host::{HostError, ServiceConfig},
    services::Service,
    telemetry::testing::{attribute, telemetry},
};

const CLIENT_SPAN: &str = "00f067aa0ba902b7";

struct Shop {
    gateway: SocketAddr,
    trace_id: TraceId,
    services: JoinSet<Result<(), HostError>>,
    stop: CancellationToken,
    _data: TempDir,
}

impl Shop {
    async fn open() -> Self {
        telemetry();
        let data = tempfile::tempdir().unwrap();
        let (mut services, stop) = (JoinSet::new(), CancellationToken::new());
        let mut addresses: Vec<(Service, SocketAddr)> = Vec::new();
        let mut order = [Service::ALL.as_slice(), &[Service::Catalog]].concat();
        // The second catalog before those who call it.
        order.sort_by_key(|service| *service != Service::Bus && *service != Service::Catalog);
        for service in order {
            let urls = |of: Service| {
                let known = addresses.iter().filter(move |(known, _)| *known == of);
                known
                    .map(|(_, address)| format!("http://{address}"))
                    .collect::<Vec<_>>()
            };
            let instance = addresses
                .iter()
                .filter(|(known, _)| *known == service)
                .count()
                + 1;
            let config = ServiceConfig {
                service,
                instance: u16::try_from(instance).unwrap(),
                listen: SocketAddr::from(([127, 0, 0, 1], 0)),
                bus: urls(Service::Bus)
                    .pop()
                    .unwrap_or_else(|| "http://127.0.0.1:1".into()),
                peers: service
                    .calls()
                    .iter()
                    .map(|peer| (*peer, urls(*peer)))
                    .collect(),
                otlp: String::new(),
                tls: crate::ExporterTls::default(),
                data: data.path().to_owned(),
                stderr_level: LevelFilter::OFF,
            };
            let (ready, is_ready) = oneshot::channel();
            let on_ready = move |address| ready.send(address).unwrap();
            services.spawn(host::serve(config, on_ready, stop.clone()));
            addresses.push((service, is_ready.await.unwrap()));
        }
        let gateway = addresses
            .iter()
            .find(|(service, _)| *service == Service::Gateway)
            .unwrap()
            .1;
        let trace_id = TraceId::from(rand::random::<u128>() | 1);
        Self {
            gateway,
            trace_id,
            services,
            stop,
            _data: data,
        }
    }

    /// Asks the gateway, in the one trace of this test.
    async fn ask(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let traceparent = format!("00-{}-{CLIENT_SPAN}-01", self.trace_id);
        self.ask_as("key-web", &traceparent, method, path, body)
            .await
    }

    /// Asks the gateway outside of that trace.
    async fn ask_aside(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        self.ask_as("key-web", "", method, path, body).await
    }

    async fn ask_as(
        &self,
        key: &str,
        traceparent: &str,
        method: &str,
        path: &str,
        body: &Value,
    ) -> (u16, Value) {
        let request = Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.gateway))
            .header("x-api-key", key)
            .header("x-session-id", "session-1")
            .header("content-type", "application/json")
            .header("traceparent", traceparent)
            .body(Full::new(Bytes::from(body.to_string())))
            .unwrap();
        let client = Client::builder(TokioExecutor::new()).build_http();
        let response = client.request(request).await.unwrap();
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    /// Orders two of `sku`, waits for the decision and answers the order.
    async fn order(&self, sku: &str, quantity: u32, card_token: &str) -> Value {
        let line = json!({ "sku": sku, "quantity": quantity });
        assert_eq!(
            self.ask_aside("POST", "/api/cart/items", &line).await.0,
            200
        );
        let new = json!({ "customer_id": "customer-001", "card_token": card_token });
        let (status, placed) = self.ask("POST", "/api/orders", &new).await;
        assert_eq!((status, &placed["state"]), (202, &json!("PENDING")));

        let path = format!("/api/orders/{}", placed["order_id"].as_str().unwrap());
        let decided = async {
            let mut tick = interval(Duration::from_millis(50));
            loop {
                tick.tick().await;
                let order = self.ask_aside("GET", &path, &Value::Null).await.1;
                if order["state"] == "CONFIRMED" || order["state"] == "REJECTED" {
                    return order;
                }
            }
        };
        timeout(Duration::from_secs(20), decided)
            .await
            .expect("the order to be decided in 20 s")
    }

    async fn available(&self, sku: &str) -> i64 {
        let path = format!("/api/products/{sku}");
        self.ask_aside("GET", &path, &Value::Null).await.1["available"]
            .as_i64()
            .unwrap()
    }

    /// Stops all services, so that every span has ended, and answers the trace.
    async fn close(mut self) -> Vec<SpanData> {
        let mailed =
            |span: &SpanData| attribute(span, "messaging.consumer.group.name") == "notification";
        let told = async {
            let mut tick = interval(Duration::from_millis(20));
            while !telemetry()
                .linked_from_elsewhere(self.trace_id)
                .iter()
                .any(mailed)
            {
                tick.tick().await;
            }
        };
        timeout(Duration::from_secs(20), told)
            .await
            .expect("the mail to be sent in 20 s");
        self.stop.cancel();
        while let Some(ended) = self.services.join_next().await {
            ended.unwrap().unwrap();
        }
        telemetry().spans(self.trace_id)
    }
}

fn named<'a>(spans: &'a [SpanData], name: &str) -> Vec<&'a SpanData> {
    spans.iter().filter(|span| span.name == name).collect()
}

fn failed(spans: &[SpanData]) -> Vec<&str> {
    let failed = spans
        .iter()
        .filter(|span| matches!(span.status, Status::Error { .. }));
    failed.map(|span| span.name.as_ref()).collect()
}

fn assert_no_orphans(spans: &[SpanData]) {
    let ids: HashSet<String> = spans
        .iter()
        .map(|span| span.span_context.span_id().to_string())
        .collect();
    for span in spans {
        let parent = span.parent_span_id.to_string();
        let is_there = ids.contains(&parent) || parent == CLIENT_SPAN;
        assert!(is_there, "{} has no parent in its trace", span.name);
    }
}

fn saga_steps(spans: &[SpanData]) -> Vec<&str> {
    let steps = spans.iter().map(|span| span.name.as_ref());
    steps
        .filter_map(|name| name.strip_prefix("saga "))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_good_order_is_one_trace_across_http_grpc_and_messages() {
    let shop = Shop::open().await;

    let order = shop.order("SKU-0001", 2, "tok_visa_4242").await;

    assert_eq!(
        (&order["state"], &order["total_cents"]),
        (&json!("CONFIRMED"), &json!(3_790))
    );
    assert_eq!(shop.available("SKU-0001").await, 19_998);
    let trace_id = shop.trace_id;
    let spans = shop.close().await;
    assert_no_orphans(&spans);
    assert_eq!(
        saga_steps(&spans),
        ["reserve", "authorise", "book", "capture", "confirm"]
    );
    assert_eq!(failed(&spans), [""; 0]);
    for (name, count) in [
        ("POST /api/orders", 1),
        // The gateway's call and the order service's answer.
        ("shop.Order/Place", 2),
        ("shop.Cart/Get", 2),
        ("send inventory.commands", 1),
        ("process inventory.commands", 1),
        ("process payment.commands", 2),
        ("process shipping.commands", 1),
        ("process order.replies", 4),
        ("send order.confirmed", 1),
    ] {
        assert_eq!(named(&spans, name).len(), count, "{name}");
    }
    let aside = telemetry().linked_from_elsewhere(trace_id);
    let groups: HashSet<String> = aside
        .iter()
        .map(|span| attribute(span, "messaging.consumer.group.name"))
        .collect();
    assert!(groups.contains("notification"), "{groups:?}");
    assert!(telemetry().records(trace_id).len() >= 15);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_declined_card_gives_the_stock_back_and_is_no_error() {
    let shop = Shop::open().await;

    let order = shop.order("SKU-0001", 2, "tok_declined_0002").await;

    assert_eq!(
        (&order["state"], &order["reason"]),
        (&json!("REJECTED"), &json!("card declined"))
    );
    assert_eq!(shop.available("SKU-0001").await, 20_000);
    let spans = shop.close().await;
    assert_no_orphans(&spans);
    assert_eq!(
        saga_steps(&spans),
        ["reserve", "authorise", "release", "reject"]
    );
    assert_eq!(failed(&spans), [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_for_more_than_there_is_is_rejected_at_once() {
    let shop = Shop::open().await;

    let order = shop.order("SKU-0025", 6, "tok_visa_4242").await;

    assert_eq!(order["state"], "REJECTED");
    assert_eq!(order["reason"], "not enough of SKU-0025 in stock");
    let spans = shop.close().await;
    assert_eq!(saga_steps(&spans), ["reserve", "reject"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_gateway_says_what_is_wrong_with_a_request() {
    let shop = Shop::open().await;
    let new = json!({ "customer_id": "customer-001", "card_token": "tok_visa_4242" });
    let line = json!({ "sku": "SKU-0001", "quantity": 0 });

    assert_eq!(
        shop.ask_as("nobody", "", "GET", "/api/home", &Value::Null)
            .await
            .0,
        401
    );
    assert_eq!(
        shop.ask_aside("GET", "/api/products/SKU-9999", &Value::Null)
            .await
            .0,
        404
    );
    assert_eq!(
        shop.ask_aside("GET", "/api/orders/ord-0", &Value::Null)
            .await
            .0,
        404
    );
    assert_eq!(
        shop.ask_aside("POST", "/api/cart/items", &line).await.0,
        422
    );
    let (status, body) = shop.ask_aside("POST", "/api/orders", &new).await;
    assert_eq!(
        (status, body),
        (409, json!({ "error": "the cart is empty" }))
    );
    shop.stop.cancel();
}
