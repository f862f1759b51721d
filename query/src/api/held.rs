//! Memory of an answer, which its query holds until the client has taken it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use hyper::body::{Frame, SizeHint};

use crate::limits::Outcome;
use crate::memory::Account;

/// Says that the response is the answer of a query.
pub(super) fn held_by(mut response: Response, outcome: &Outcome) -> Response {
    response
        .extensions_mut()
        .insert(Arc::clone(&outcome.memory));
    response
}

/// Keeps the account of the query with the body of its answer.
pub(super) async fn until_sent(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    match response.extensions_mut().remove::<Arc<Account>>() {
        Some(account) => response.map(|body| {
            Body::new(Held {
                body,
                _account: account,
            })
        }),
        None => response,
    }
}

struct Held {
    body: Body,
    _account: Arc<Account>,
}

impl hyper::body::Body for Held {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
