//! The product catalog. It only reads, from a file that is seeded the same everywhere, so that any
//! number of replicas give the same answers.

mod seed;

use rusqlite::Row;
use tonic::{Request, Response, Status};
use tracing::info;

use crate::{
    database::{Database, refuse},
    host::{Host, HostError},
    proto::{
        BatchGetProductsRequest, GetProductRequest, ListProductsRequest, Product, ProductList,
        SearchProductsRequest,
        catalog_server::{Catalog, CatalogServer},
    },
};

const LIMIT_DEFAULT: u32 = 20;
const LIMIT_MAX: u32 = 500;

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS products (
    sku TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    category TEXT NOT NULL,
    description TEXT NOT NULL,
    price_cents INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS products_by_category ON products (category, sku);";

pub(crate) async fn run(host: Host) -> Result<(), HostError> {
    let database = host.database(SCHEMA, seed::products)?;
    host.serve_grpc(|routes| {
        routes.add_service(CatalogServer::new(Products { database }));
    })
    .await
}

struct Products {
    database: Database,
}

#[tonic::async_trait]
impl Catalog for Products {
    async fn get(&self, request: Request<GetProductRequest>) -> Result<Response<Product>, Status> {
        let GetProductRequest { sku } = request.into_inner();
        let wanted = sku.clone();
        let product = self
            .database
            .transaction(move |tx| {
                tx.query_optional(
                    "SELECT sku, name, category, description, price_cents FROM products \
                     WHERE sku = ?1",
                    [wanted],
                    read,
                )
            })
            .await
            .map_err(refuse)?;
        let Some(product) = product else {
            info!(shop.product.sku = sku, "Nobody sells {sku}");
            return Err(Status::not_found(format!("there is no product {sku}")));
        };
        info!(
            shop.product.sku = sku,
            shop.product.price_cents = product.price_cents,
            "Found {} for {} cents",
            product.name,
            product.price_cents
        );
        Ok(Response::new(product))
    }

    async fn batch_get(
        &self,
        request: Request<BatchGetProductsRequest>,
    ) -> Result<Response<ProductList>, Status> {
        let skus = serde_json::json!(request.into_inner().skus).to_string();
        let products = self
            .database
            .transaction(move |tx| {
                tx.query(
                    "SELECT sku, name, category, description, price_cents FROM products \
                     WHERE sku IN (SELECT value FROM json_each(?1)) ORDER BY sku",
                    [skus],
                    read,
                )
            })
            .await
            .map_err(refuse)?;
        info!(
            shop.products = products.len(),
            "Looked up {} products at once",
            products.len()
        );
        Ok(Response::new(ProductList { products }))
    }

    async fn list(
        &self,
        request: Request<ListProductsRequest>,
    ) -> Result<Response<ProductList>, Status> {
        let ListProductsRequest {
            category,
            limit,
            offset,
        } = request.into_inner();
        let wanted = category.clone();
        let products = self
            .database
            .transaction(move |tx| {
                tx.query(
                    "SELECT sku, name, category, description, price_cents FROM products \
                     WHERE ?1 = '' OR category = ?1 ORDER BY sku LIMIT ?2 OFFSET ?3",
                    rusqlite::params![wanted, bounded(limit), offset],
                    read,
                )
            })
            .await
            .map_err(refuse)?;
        let category = if category.is_empty() {
            "all categories"
        } else {
            &category
        };
        info!(
            shop.category = category,
            shop.products = products.len(),
            "Listed {} products of {category}",
            products.len()
        );
        Ok(Response::new(ProductList { products }))
    }

    async fn search(
        &self,
        request: Request<SearchProductsRequest>,
    ) -> Result<Response<ProductList>, Status> {
        let SearchProductsRequest { words, limit } = request.into_inner();
        let pattern = format!("%{}%", words.replace(['%', '_'], " "));
        let products = self
            .database
            .transaction(move |tx| {
                tx.query(
                    "SELECT sku, name, category, description, price_cents FROM products \
                     WHERE name LIKE ?1 OR description LIKE ?1 ORDER BY sku LIMIT ?2",
                    rusqlite::params![pattern, bounded(limit)],
                    read,
                )
            })
            .await
            .map_err(refuse)?;
        info!(
            shop.search.words = words,
            shop.products = products.len(),
            "Searched for \"{words}\" and found {} products",
            products.len()
        );
        Ok(Response::new(ProductList { products }))
    }
}

fn bounded(limit: u32) -> u32 {
    if limit == 0 {
        LIMIT_DEFAULT
    } else {
        limit.min(LIMIT_MAX)
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<Product> {
    Ok(Product {
        sku: row.get(0)?,
        name: row.get(1)?,
        category: row.get(2)?,
        description: row.get(3)?,
        price_cents: row.get(4)?,
    })
}
