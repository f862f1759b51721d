//! Stock. Reserving and releasing come as commands of the order saga; looking comes over gRPC.

mod stock;

use tonic::{Request, Response, Status};

use crate::{
    database::{Database, refuse},
    host::{Host, HostError},
    messaging::{Consumer, HandleError, OUTBOX_SCHEMA, Outbox, Received, inbox::INBOX_SCHEMA},
    proto::{
        GetStockRequest, OrderCommand, ReserveStock, StockList,
        inventory_server::{Inventory, InventoryServer},
    },
};

pub(crate) async fn run(mut host: Host) -> Result<(), HostError> {
    let schema = [stock::SCHEMA, OUTBOX_SCHEMA, INBOX_SCHEMA].concat();
    let database = host.database(&schema, stock::seed)?;
    let bus = host.bus()?;
    let outbox = Outbox::new(database.clone(), bus.clone());

    let commands = Commands {
        database: database.clone(),
        outbox: outbox.clone(),
    };
    let handle = move |received| commands.clone().handle(received);
    host.background(outbox.run(host.shutdown()));
    host.background(Consumer::new(bus, "inventory").run(handle, host.shutdown()));
    host.serve_grpc(|routes| {
        routes.add_service(InventoryServer::new(Levels { database }));
    })
    .await
}

#[derive(Clone)]
struct Commands {
    database: Database,
    outbox: Outbox,
}

impl Commands {
    async fn handle(self, received: Received) -> Result<(), HandleError> {
        let id = received.message.id.clone();
        match received.message.kind.as_str() {
            "inventory.reserve" => {
                let command: ReserveStock = received.decode()?;
                self.database
                    .transaction(move |tx| stock::reserve(tx, &id, &command))
                    .await?;
            }
            "inventory.release" => {
                let command: OrderCommand = received.decode()?;
                self.database
                    .transaction(move |tx| stock::release(tx, &id, &command))
                    .await?;
            }
            kind => {
                return Err(HandleError::Kind {
                    kind: kind.to_owned(),
                });
            }
        }
        self.outbox.ring();
        Ok(())
    }
}

struct Levels {
    database: Database,
}

#[tonic::async_trait]
impl Inventory for Levels {
    async fn get(&self, request: Request<GetStockRequest>) -> Result<Response<StockList>, Status> {
        let GetStockRequest { skus } = request.into_inner();
        let levels = self
            .database
            .transaction(move |tx| stock::levels(tx, &skus))
            .await
            .map_err(refuse)?;
        Ok(Response::new(StockList { levels }))
    }
}
