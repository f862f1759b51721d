//! The shop's REST edge: checks the API key, limits the rate, and turns each request into gRPC calls
//! to the services behind.

mod access;
mod answer;
mod calls;

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode},
    middleware,
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::{Value, json};
use tonic::Status;
use tracing::{Span, info};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use self::{access::Access, answer::Refusal, calls::Backends};
use crate::{
    host::{Host, HostError},
    proto::{OrderView, Product, ShoppingCart},
    services::Service,
    telemetry,
};

/// Products on the front page.
const FEATURED: u32 = 8;

pub(crate) async fn run(host: Host) -> Result<(), HostError> {
    let access = Access::load(host.database(access::SCHEMA, access::seed)?).await?;
    let backends = Arc::new(Backends {
        catalog: host.peer(Service::Catalog)?,
        inventory: host.peer(Service::Inventory)?,
        cart: host.peer(Service::Cart)?,
        order: host.peer(Service::Order)?,
    });
    host.serve_http(router(backends, Arc::new(access))).await
}

fn router(backends: Arc<Backends>, access: Arc<Access>) -> Router {
    let api = Router::new()
        .route("/api/home", get(home))
        .route("/api/products", get(products))
        .route("/api/products/{sku}", get(product))
        .route("/api/search", get(search))
        .route("/api/cart", get(cart))
        .route("/api/cart/items", post(add_to_cart))
        .route("/api/orders", post(place_order))
        .route("/api/orders/{order_id}", get(order))
        .with_state(backends)
        .route_layer(middleware::from_fn_with_state(access, access::check))
        // Outermost, so that refused requests are traced too.
        .route_layer(middleware::from_fn(telemetry::http::server_span));
    Router::new()
        .route("/readyz", get(async || StatusCode::OK))
        .merge(api)
}

type Answer = Result<Json<Value>, Refusal>;

/// The visitor's session, from the header `x-session-id`.
fn session(headers: &HeaderMap) -> Result<String, Refusal> {
    let session = headers
        .get("x-session-id")
        .and_then(|value| value.to_str().ok());
    let Some(session) = session.filter(|session| !session.is_empty()) else {
        return Err(Refusal::bad_request("the header x-session-id is missing"));
    };
    Span::current().set_attribute("session.id", session.to_owned());
    Ok(session.to_owned())
}

async fn home(State(backends): State<Arc<Backends>>, headers: HeaderMap) -> Answer {
    let session = session(&headers)?;
    let (featured, cart) = tokio::join!(
        backends.list(String::new(), FEATURED, 0),
        backends.cart_of(session)
    );
    let (featured, cart) = (featured?, cart?);
    info!(
        shop.products = featured.len(),
        shop.cart.lines = cart.lines.len(),
        "Put the front page together from {} products and the cart",
        featured.len()
    );
    let featured: Vec<Value> = featured.iter().map(product_json).collect();
    Ok(Json(
        json!({ "featured": featured, "cart": cart_json(&cart) }),
    ))
}

#[derive(Deserialize)]
struct ListQuery {
    #[serde(default)]
    category: String,
    #[serde(default)]
    limit: u32,
    #[serde(default)]
    offset: u32,
}

async fn products(State(backends): State<Arc<Backends>>, Query(query): Query<ListQuery>) -> Answer {
    let products = backends
        .list(query.category, query.limit, query.offset)
        .await?;
    Ok(products_json(&products))
}

#[derive(Deserialize)]
struct SearchQuery {
    q: String,
}

async fn search(State(backends): State<Arc<Backends>>, Query(query): Query<SearchQuery>) -> Answer {
    let products = backends.search(query.q).await?;
    Ok(products_json(&products))
}

async fn product(State(backends): State<Arc<Backends>>, Path(sku): Path<String>) -> Answer {
    let (product, available) = tokio::join!(
        backends.product(sku.clone()),
        backends.available(sku.clone())
    );
    let (product, available) = (product?, available?);
    info!(
        shop.product.sku = sku,
        shop.product.available = available,
        "Showing {}, of which {available} are in stock",
        product.name
    );
    let mut json = product_json(&product);
    json["available"] = available.into();
    Ok(Json(json))
}

async fn cart(State(backends): State<Arc<Backends>>, headers: HeaderMap) -> Answer {
    let cart = backends.cart_of(session(&headers)?).await?;
    Ok(Json(cart_json(&cart)))
}

#[derive(Deserialize)]
struct NewLine {
    sku: String,
    quantity: u32,
}

async fn add_to_cart(
    State(backends): State<Arc<Backends>>,
    headers: HeaderMap,
    Json(line): Json<NewLine>,
) -> Answer {
    let cart = backends
        .add_to_cart(session(&headers)?, line.sku, line.quantity)
        .await?;
    info!(
        shop.cart.lines = cart.lines.len(),
        shop.cart.total_cents = cart.total_cents,
        "The cart now holds {} lines",
        cart.lines.len()
    );
    Ok(Json(cart_json(&cart)))
}

#[derive(Deserialize)]
struct NewOrder {
    customer_id: String,
    card_token: String,
}

/// 202: the order is written down, and what becomes of it is seen by asking again.
async fn place_order(
    State(backends): State<Arc<Backends>>,
    headers: HeaderMap,
    Json(new): Json<NewOrder>,
) -> Result<(StatusCode, Json<Value>), Refusal> {
    let session = session(&headers)?;
    let order = backends
        .place(session, new.customer_id, new.card_token)
        .await?;
    Span::current().set_attribute("shop.order.id", order.order_id.clone());
    info!(
        shop.order.id = order.order_id,
        shop.order.total_cents = order.total_cents,
        "Accepted order {}",
        order.order_id
    );
    Ok((StatusCode::ACCEPTED, Json(order_json(&order))))
}

async fn order(State(backends): State<Arc<Backends>>, Path(order_id): Path<String>) -> Answer {
    let order = backends.order_of(order_id).await?;
    Ok(Json(order_json(&order)))
}

fn products_json(products: &[Product]) -> Json<Value> {
    info!(
        shop.products = products.len(),
        "Showing {} products",
        products.len()
    );
    let products: Vec<Value> = products.iter().map(product_json).collect();
    Json(json!({ "products": products }))
}

fn product_json(product: &Product) -> Value {
    json!({
        "sku": product.sku,
        "name": product.name,
        "category": product.category,
        "description": product.description,
        "price_cents": product.price_cents,
    })
}

fn lines_json(lines: &[crate::proto::CartLine]) -> Vec<Value> {
    let line = |line: &crate::proto::CartLine| {
        json!({
            "sku": line.sku,
            "name": line.name,
            "quantity": line.quantity,
            "price_cents": line.price_cents,
        })
    };
    lines.iter().map(line).collect()
}

fn cart_json(cart: &ShoppingCart) -> Value {
    json!({ "lines": lines_json(&cart.lines), "total_cents": cart.total_cents })
}

fn order_json(order: &OrderView) -> Value {
    json!({
        "order_id": order.order_id,
        "customer_id": order.customer_id,
        "state": order.state,
        "reason": order.reason,
        "total_cents": order.total_cents,
        "lines": lines_json(&order.lines),
    })
}

impl From<Status> for Refusal {
    fn from(status: Status) -> Self {
        Self::from_status(&status)
    }
}
