//! Orders. Placing one writes it down and answers at once; a saga over the bus then reserves stock,
//! authorises the payment, books the shipment and captures the payment, or undoes what it did.

mod orchestrator;
mod saga;
mod store;

use tonic::{Request, Response, Status};
use tracing::{Span, info};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use self::{orchestrator::Orchestrator, store::Order as PlacedOrder};
use crate::{
    database::refuse,
    host::{Host, HostError},
    mesh::Peer,
    messaging::{Consumer, OUTBOX_SCHEMA, Outbox, inbox::INBOX_SCHEMA},
    proto::{
        GetCartRequest, GetOrderRequest, OrderView, PlaceOrderRequest, ShoppingCart,
        cart_client::CartClient,
        order_server::{Order, OrderServer},
    },
    services::Service,
};

pub(crate) async fn run(mut host: Host) -> Result<(), HostError> {
    let schema = [store::SCHEMA, OUTBOX_SCHEMA, INBOX_SCHEMA].concat();
    let database = host.database(&schema, store::seed)?;
    let bus = host.bus()?;
    let cart = host.peer(Service::Cart)?;
    let outbox = Outbox::new(database.clone(), bus.clone());

    let orchestrator = Orchestrator {
        database,
        outbox: outbox.clone(),
    };
    let replies = orchestrator.clone();
    let handle = move |received| replies.clone().handle(received);
    host.background(outbox.run(host.shutdown()));
    host.background(Consumer::new(bus, "order").run(handle, host.shutdown()));
    host.background(orchestrator.clone().watch(host.shutdown()));
    host.serve_grpc(|routes| {
        routes.add_service(OrderServer::new(Orders { orchestrator, cart }));
    })
    .await
}

struct Orders {
    orchestrator: Orchestrator,
    cart: Peer,
}

#[tonic::async_trait]
impl Order for Orders {
    async fn place(
        &self,
        request: Request<PlaceOrderRequest>,
    ) -> Result<Response<OrderView>, Status> {
        let request = request.into_inner();
        let cart = self.cart(&request.session_id).await?;
        if cart.lines.is_empty() {
            info!(
                session.id = request.session_id,
                "Nothing to order, the cart is empty"
            );
            return Err(Status::failed_precondition("the cart is empty"));
        }
        self.require_customer(&request.customer_id).await?;

        let order = PlacedOrder {
            id: format!("ord-{:012x}", rand::random::<u64>() >> 16),
            customer_id: request.customer_id,
            session_id: request.session_id,
            card_token: request.card_token,
            total_cents: cart.total_cents,
        };
        let view = view(
            &order,
            saga::State::Pending,
            String::new(),
            cart.lines.clone(),
        );
        Span::current().set_attribute("shop.order.id", order.id.clone());
        info!(
            shop.order.id = order.id,
            shop.customer.id = order.customer_id,
            shop.order.total_cents = order.total_cents,
            shop.order.lines = cart.lines.len(),
            "Placing order {} with {} lines for {} cents",
            order.id,
            cart.lines.len(),
            order.total_cents
        );
        self.orchestrator
            .begin(order, cart.lines)
            .await
            .map_err(refuse)?;
        Ok(Response::new(view))
    }

    async fn get(&self, request: Request<GetOrderRequest>) -> Result<Response<OrderView>, Status> {
        let GetOrderRequest { order_id } = request.into_inner();
        Span::current().set_attribute("shop.order.id", order_id.clone());
        let id = order_id.clone();
        let found = self
            .orchestrator
            .database
            .transaction(move |tx| {
                let (Some(order), Some(row)) = (store::order(tx, &id)?, store::saga(tx, &id)?)
                else {
                    return Ok(None);
                };
                let lines = store::lines(tx, &id)?;
                Ok(Some(view(&order, row.saga.state, row.reason, lines)))
            })
            .await
            .map_err(refuse)?;
        let Some(view) = found else {
            return Err(Status::not_found(format!("there is no order {order_id}")));
        };
        info!(
            shop.order.id = order_id,
            shop.saga.state = view.state,
            "Order {order_id} is {}",
            view.state
        );
        Ok(Response::new(view))
    }
}

impl Orders {
    async fn cart(&self, session_id: &str) -> Result<ShoppingCart, Status> {
        let request = GetCartRequest {
            session_id: session_id.to_owned(),
        };
        self.cart
            .call("shop.Cart/Get", request, |channel, request| async move {
                CartClient::new(channel).get(request).await
            })
            .await
    }

    async fn require_customer(&self, customer_id: &str) -> Result<(), Status> {
        let id = customer_id.to_owned();
        let customer = self
            .orchestrator
            .database
            .transaction(move |tx| store::customer(tx, &id))
            .await
            .map_err(refuse)?;
        if customer.is_none() {
            return Err(Status::invalid_argument(format!(
                "there is no customer {customer_id:?}"
            )));
        }
        Ok(())
    }
}

fn view(
    order: &PlacedOrder,
    state: saga::State,
    reason: String,
    lines: Vec<crate::proto::CartLine>,
) -> OrderView {
    OrderView {
        order_id: order.id.clone(),
        customer_id: order.customer_id.clone(),
        state: state.name().to_owned(),
        reason,
        total_cents: order.total_cents,
        lines,
    }
}
