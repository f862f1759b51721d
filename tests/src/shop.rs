//! The bundled shop, as processes of their own.

use std::net::SocketAddr;
use std::process::Stdio;

use http::StatusCode;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout};
use tokio::time::timeout;

use crate::client::HttpClient;
use crate::process::{SpandrelProcess, binary, command};
use crate::wait::{PATIENCE, until};

/// The key of the shop's own web site, and a session as a visitor has it.
const HEADERS: [(&str, &str); 3] = [
    ("x-api-key", "key-web"),
    ("x-session-id", "session-e2e"),
    ("content-type", "application/json"),
];

/// A running shop that sends its telemetry to a server under test. Dropping it stops it.
pub struct ShopProcess {
    gateway: HttpClient,
    _process: Child,
    _stdout: Lines<BufReader<ChildStdout>>,
    _dir: TempDir,
}

impl ShopProcess {
    /// Opens the shop on free ports.
    pub async fn start(spandrel: &SpandrelProcess) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut command = command(&binary());
        command.args(["shop", "up", "--gateway-listen", "127.0.0.1:0"]);
        command
            .arg("--otlp")
            .arg(format!("http://{}", spandrel.otlp_grpc));
        command.arg("--data").arg(dir.path());
        command.stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let mut stdout = BufReader::new(process.stdout.take().unwrap()).lines();
        let address = timeout(PATIENCE, gateway_address(&mut stdout)).await;
        let gateway = HttpClient::new(address.expect("the shop does not open"));
        Self {
            gateway,
            _process: process,
            _stdout: stdout,
            _dir: dir,
        }
    }

    /// Puts one product into the cart, places an order with this card, waits until the order has
    /// reached `state`, and returns it.
    pub async fn order(&self, card_token: &str, state: &str) -> Value {
        let products = self
            .gateway
            .get_with("/api/products?limit=1", &HEADERS)
            .await;
        let products = products.json(StatusCode::OK);
        let line = json!({ "sku": products["products"][0]["sku"], "quantity": 1 });
        let cart = self
            .gateway
            .post("/api/cart/items", &HEADERS, line.to_string())
            .await;
        cart.json(StatusCode::OK);
        let order = json!({ "customer_id": "customer-001", "card_token": card_token });
        let placed = self
            .gateway
            .post("/api/orders", &HEADERS, order.to_string())
            .await;
        let placed = placed.json(StatusCode::ACCEPTED);
        let path = format!("/api/orders/{}", placed["order_id"].as_str().unwrap());
        until("the order to be decided", || async {
            let order = self
                .gateway
                .get_with(&path, &HEADERS)
                .await
                .json(StatusCode::OK);
            if order["state"] == state {
                Ok(order)
            } else {
                Err(order.to_string())
            }
        })
        .await
    }
}

/// The address on the line that tells where the gateway is.
async fn gateway_address(stdout: &mut Lines<BufReader<ChildStdout>>) -> SocketAddr {
    let mut seen = String::new();
    while let Some(line) = stdout.next_line().await.unwrap() {
        if let Some((_, address)) = line.split_once("http://") {
            let address = address
                .split_whitespace()
                .next()
                .unwrap_or_default()
                .trim_end_matches('.');
            return address
                .parse()
                .unwrap_or_else(|error| panic!("{error} in {line:?}"));
        }
        seen.push_str(&line);
        seen.push('\n');
    }
    panic!("the shop ended without telling where its gateway is\n{seen}");
}
