//! The bus as services use it: an outbox that sends what a transaction decided, a consumer that
//! handles what arrives, an inbox that makes handling it twice harmless.
//!
//! The shape of traces is decided by the topic. Commands and replies have one receiver, which
//! continues the sender's trace *and* links to it, so that one order is one trace. Events are for
//! whoever subscribed; each receiver starts its own trace that links back.

mod client;
mod consumer;
pub(crate) mod inbox;
mod outbox;
pub(crate) mod topics;

pub(crate) use client::BusClient;
pub(crate) use consumer::{Consumer, HandleError, Received};
pub(crate) use outbox::{Draft, OUTBOX_SCHEMA, Outbox};

#[cfg(test)]
pub(crate) mod testing;
