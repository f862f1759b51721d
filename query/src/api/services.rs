//! `/api/v1/services`: what is stored, by service and by operation.

use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use serde::Serialize;

use super::json::{OpenObject, enveloped};
use super::params::Params;
use super::{Api, PathParameter};
use crate::error::QueryError;
use crate::exec::services;

#[derive(Serialize)]
struct ServicesBody {
    services: Vec<ServiceFields>,
}

#[derive(Serialize)]
struct ServiceFields {
    name: String,
    span_count: u64,
    log_count: u64,
}

/// `GET /api/v1/services`
pub(super) async fn list(
    State(api): State<Api>,
    RawQuery(query): RawQuery,
) -> Result<Response, QueryError> {
    Params::strict(query.as_deref(), &[])?;
    let answer = api
        .pool
        .run(|snapshot, budget| {
            let services = services::services(snapshot, budget)
                .into_iter()
                .map(|count| {
                    let services::ServiceCount {
                        name,
                        span_count,
                        log_count,
                    } = count;
                    ServiceFields {
                        name,
                        span_count,
                        log_count,
                    }
                });
            OpenObject::new(&ServicesBody {
                services: services.collect(),
            })
        })
        .await?;
    enveloped(answer)
}

#[derive(Serialize)]
struct OperationsBody {
    operations: Vec<OperationFields>,
}

#[derive(Serialize)]
struct OperationFields {
    name: String,
    kind: &'static str,
    span_count: u64,
}

/// `GET /api/v1/services/{service}/operations`
pub(super) async fn operations(
    State(api): State<Api>,
    Path(PathParameter(service)): Path<PathParameter>,
    RawQuery(query): RawQuery,
) -> Result<Response, QueryError> {
    Params::strict(query.as_deref(), &[])?;
    let answer = api
        .pool
        .run(move |snapshot, budget| {
            let operations = services::operations(snapshot, &service, budget);
            let operations = operations.into_iter().map(|count| OperationFields {
                name: count.name,
                kind: count.kind.as_str().unwrap_or("unspecified"),
                span_count: count.span_count,
            });
            OpenObject::new(&OperationsBody {
                operations: operations.collect(),
            })
        })
        .await?;
    enveloped(answer)
}
