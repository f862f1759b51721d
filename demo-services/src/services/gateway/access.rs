//! Who may ask, and how often: API keys with a token bucket each.

use std::{collections::HashMap, sync::Arc};

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use parking_lot::Mutex;
use rusqlite::Transaction;
use tokio::time::Instant;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use super::answer::Refusal;
use crate::database::{Database, DatabaseError};

pub(super) const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS api_keys (
    key TEXT PRIMARY KEY,
    client TEXT NOT NULL,
    requests_per_second INTEGER NOT NULL
) WITHOUT ROWID;";

/// Seconds' worth of requests that may come at once.
const BURST_SECONDS: f64 = 2.0;

pub(super) fn seed(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    transaction.execute_batch(
        "INSERT INTO api_keys (key, client, requests_per_second) VALUES
         ('key-web', 'web-shop', 50),
         ('key-load', 'load-generator', 10000),
         ('key-partner', 'price-comparison', 5);",
    )
}

/// The keys, read once at start.
pub(super) struct Access {
    clients: HashMap<String, Client>,
}

struct Client {
    name: String,
    bucket: Mutex<Bucket>,
}

impl Access {
    pub(super) async fn load(database: Database) -> Result<Self, DatabaseError> {
        let now = Instant::now();
        let rows = database.untraced(move |tx| {
            tx.query(
                "SELECT key, client, requests_per_second FROM api_keys",
                [],
                |row| {
                    let bucket = Mutex::new(Bucket::new(row.get(2)?, now));
                    Ok((
                        row.get(0)?,
                        Client {
                            name: row.get(1)?,
                            bucket,
                        },
                    ))
                },
            )
        });
        Ok(Self {
            clients: rows.await?.into_iter().collect(),
        })
    }
}

/// Middleware: lets requests with a known key through, as fast as the key allows.
pub(super) async fn check(
    State(access): State<Arc<Access>>,
    request: Request,
    next: Next,
) -> Response {
    let key = request
        .headers()
        .get("x-api-key")
        .and_then(|key| key.to_str().ok());
    let Some(client) = key.and_then(|key| access.clients.get(key)) else {
        return Refusal::unauthorized().into_response();
    };
    Span::current().set_attribute("shop.client", client.name.clone());
    let allowed = client.bucket.lock().take(Instant::now());
    if !allowed {
        return Refusal::too_many_requests().into_response();
    }
    next.run(request).await
}

/// Fills up evenly, holds [`BURST_SECONDS`] of requests.
struct Bucket {
    per_second: f64,
    tokens: f64,
    filled_at: Instant,
}

impl Bucket {
    fn new(per_second: f64, now: Instant) -> Self {
        Self {
            per_second,
            tokens: per_second * BURST_SECONDS,
            filled_at: now,
        }
    }

    fn take(&mut self, now: Instant) -> bool {
        let elapsed = now.saturating_duration_since(self.filled_at).as_secs_f64();
        self.filled_at = now;
        let full = self.per_second * BURST_SECONDS;
        self.tokens = elapsed.mul_add(self.per_second, self.tokens).min(full);
        let allowed = self.tokens >= 1.0;
        if allowed {
            self.tokens -= 1.0;
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_burst_is_served_and_then_the_rate_holds() {
        let start = Instant::now();
        let mut bucket = Bucket::new(5.0, start);

        let served = (0..20).filter(|_| bucket.take(start)).count();
        assert_eq!(served, 10);
        assert!(!bucket.take(start + Duration::from_millis(100)));
        assert!(bucket.take(start + Duration::from_millis(250)));
    }

    #[test]
    fn an_idle_key_saves_up_no_more_than_a_burst() {
        let start = Instant::now();
        let mut bucket = Bucket::new(5.0, start);

        let later = start + Duration::from_secs(3_600);
        assert_eq!((0..20).filter(|_| bucket.take(later)).count(), 10);
    }
}
