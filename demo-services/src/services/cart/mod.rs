//! Shopping carts, one per session. Prices are asked from the catalog when something is added; a
//! confirmed order empties the cart.

mod lines;

use tonic::{Request, Response, Status};
use tracing::info;

use crate::{
    clock,
    database::{Database, refuse},
    host::{Host, HostError},
    mesh::Peer,
    messaging::{
        Consumer, HandleError, Received,
        inbox::{self, INBOX_SCHEMA},
    },
    proto::{
        AddToCartRequest, CartLine, GetCartRequest, GetProductRequest, OrderEvent, Product,
        ShoppingCart,
        cart_server::{Cart, CartServer},
        catalog_client::CatalogClient,
    },
    services::Service,
};

const QUANTITY_MAX: u32 = 99;

pub(crate) async fn run(mut host: Host) -> Result<(), HostError> {
    let database = host.database(&[lines::SCHEMA, INBOX_SCHEMA].concat(), |_| Ok(()))?;
    let catalog = host.peer(Service::Catalog)?;

    let events = database.clone();
    let handle = move |received| empty(events.clone(), received);
    host.background(Consumer::new(host.bus()?, "cart").run(handle, host.shutdown()));
    host.serve_grpc(|routes| {
        routes.add_service(CartServer::new(Carts { database, catalog }));
    })
    .await
}

/// Empties the cart of an order that went through.
async fn empty(database: Database, received: Received) -> Result<(), HandleError> {
    let event: OrderEvent = received.decode()?;
    let message_id = received.message.id;
    let work = database.transaction(move |tx| {
        if !inbox::is_new(tx, &message_id)? {
            return Ok(());
        }
        let removed = lines::remove_all(tx, &event.session_id)?;
        info!(
            shop.order.id = event.order_id,
            session.id = event.session_id,
            shop.cart.lines = removed,
            "Emptied the cart of order {}",
            event.order_id
        );
        Ok(())
    });
    Ok(work.await?)
}

struct Carts {
    database: Database,
    catalog: Peer,
}

#[tonic::async_trait]
impl Cart for Carts {
    async fn get(
        &self,
        request: Request<GetCartRequest>,
    ) -> Result<Response<ShoppingCart>, Status> {
        let GetCartRequest { session_id } = request.into_inner();
        let session = session_id.clone();
        let lines = self
            .database
            .transaction(move |tx| lines::of(tx, &session))
            .await
            .map_err(refuse)?;
        let cart = cart(session_id, lines);
        info!(
            session.id = cart.session_id,
            shop.cart.lines = cart.lines.len(),
            shop.cart.total_cents = cart.total_cents,
            "The cart holds {} lines",
            cart.lines.len()
        );
        Ok(Response::new(cart))
    }

    async fn add(
        &self,
        request: Request<AddToCartRequest>,
    ) -> Result<Response<ShoppingCart>, Status> {
        let AddToCartRequest {
            session_id,
            sku,
            quantity,
        } = request.into_inner();
        if session_id.is_empty() {
            return Err(Status::invalid_argument("the session is missing"));
        }
        if !(1..=QUANTITY_MAX).contains(&quantity) {
            return Err(Status::invalid_argument(format!(
                "quantity must be 1 to {QUANTITY_MAX}"
            )));
        }
        let product = self.product(sku).await?;
        let line = CartLine {
            sku: product.sku,
            name: product.name,
            quantity,
            price_cents: product.price_cents,
        };
        info!(
            session.id = session_id,
            shop.product.sku = line.sku,
            shop.cart.quantity = quantity,
            "Adding {quantity} times {} to the cart",
            line.name
        );
        let session = session_id.clone();
        let lines = self
            .database
            .transaction(move |tx| {
                lines::add(tx, &session, &line, clock::unix_ms())?;
                lines::of(tx, &session)
            })
            .await
            .map_err(refuse)?;
        Ok(Response::new(cart(session_id, lines)))
    }
}

impl Carts {
    async fn product(&self, sku: String) -> Result<Product, Status> {
        let request = GetProductRequest { sku };
        self.catalog
            .call("shop.Catalog/Get", request, |channel, request| async move {
                CatalogClient::new(channel).get(request).await
            })
            .await
    }
}

fn cart(session_id: String, lines: Vec<CartLine>) -> ShoppingCart {
    let total_cents = lines
        .iter()
        .map(|line| line.price_cents * i64::from(line.quantity))
        .sum::<i64>();
    ShoppingCart {
        session_id,
        lines,
        total_cents,
    }
}
