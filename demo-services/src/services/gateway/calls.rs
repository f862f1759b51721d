//! The gRPC calls that the gateway makes.

use tonic::Status;

use crate::{
    mesh::Peer,
    proto::{
        AddToCartRequest, GetCartRequest, GetOrderRequest, GetProductRequest, GetStockRequest,
        ListProductsRequest, OrderView, PlaceOrderRequest, Product, SearchProductsRequest,
        ShoppingCart, cart_client::CartClient, catalog_client::CatalogClient,
        inventory_client::InventoryClient, order_client::OrderClient,
    },
};

/// The services behind the gateway.
pub(super) struct Backends {
    pub(super) catalog: Peer,
    pub(super) inventory: Peer,
    pub(super) cart: Peer,
    pub(super) order: Peer,
}

impl Backends {
    pub(super) async fn list(
        &self,
        category: String,
        limit: u32,
        offset: u32,
    ) -> Result<Vec<Product>, Status> {
        let request = ListProductsRequest {
            category,
            limit,
            offset,
        };
        let list = self.catalog.call(
            "shop.Catalog/List",
            request,
            |channel, request| async move { CatalogClient::new(channel).list(request).await },
        );
        Ok(list.await?.products)
    }

    pub(super) async fn search(&self, words: String) -> Result<Vec<Product>, Status> {
        let request = SearchProductsRequest { words, limit: 0 };
        let list = self.catalog.call(
            "shop.Catalog/Search",
            request,
            |channel, request| async move { CatalogClient::new(channel).search(request).await },
        );
        Ok(list.await?.products)
    }

    pub(super) async fn product(&self, sku: String) -> Result<Product, Status> {
        let request = GetProductRequest { sku };
        self.catalog
            .call("shop.Catalog/Get", request, |channel, request| async move {
                CatalogClient::new(channel).get(request).await
            })
            .await
    }

    /// How many of the product are in stock; none if inventory has never heard of it.
    pub(super) async fn available(&self, sku: String) -> Result<i64, Status> {
        let request = GetStockRequest { skus: vec![sku] };
        let stock = self.inventory.call(
            "shop.Inventory/Get",
            request,
            |channel, request| async move { InventoryClient::new(channel).get(request).await },
        );
        Ok(stock
            .await?
            .levels
            .first()
            .map_or(0, |level| level.available))
    }

    pub(super) async fn cart_of(&self, session_id: String) -> Result<ShoppingCart, Status> {
        let request = GetCartRequest { session_id };
        self.cart
            .call("shop.Cart/Get", request, |channel, request| async move {
                CartClient::new(channel).get(request).await
            })
            .await
    }

    /// Once: a second attempt could add twice.
    pub(super) async fn add_to_cart(
        &self,
        session_id: String,
        sku: String,
        quantity: u32,
    ) -> Result<ShoppingCart, Status> {
        let request = AddToCartRequest {
            session_id,
            sku,
            quantity,
        };
        self.cart
            .call_once("shop.Cart/Add", request, |channel, request| async move {
                CartClient::new(channel).add(request).await
            })
            .await
    }

    /// Once: a second attempt could order twice.
    pub(super) async fn place(
        &self,
        session_id: String,
        customer_id: String,
        card_token: String,
    ) -> Result<OrderView, Status> {
        let request = PlaceOrderRequest {
            session_id,
            customer_id,
            card_token,
        };
        self.order
            .call_once("shop.Order/Place", request, |channel, request| async move {
                OrderClient::new(channel).place(request).await
            })
            .await
    }

    pub(super) async fn order_of(&self, order_id: String) -> Result<OrderView, Status> {
        let request = GetOrderRequest { order_id };
        self.order
            .call("shop.Order/Get", request, |channel, request| async move {
                OrderClient::new(channel).get(request).await
            })
            .await
    }
}
