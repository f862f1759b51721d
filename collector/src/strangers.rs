//! Connections that end before a request could be read: nobody else tells the owner of such a sender that it
//! speaks another protocol than the port, so the status page does.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::advice::advice;
use crate::error::BoxError;
use crate::metrics::CollectorMetrics;
use crate::reason::Reason;
use crate::receiver::Protocol;
use crate::senders::{Complaint, Event, Sender};

/// Tells of the strangers at one door.
#[derive(Clone)]
pub(crate) struct Strangers {
    metrics: Arc<CollectorMetrics>,
    protocol: Protocol,
}

impl Strangers {
    /// Tells `metrics` of them, under the protocol of the door.
    pub(crate) fn new(metrics: Arc<CollectorMetrics>, protocol: Protocol) -> Self {
        Self { metrics, protocol }
    }

    /// Notes a connection that ended with this error before its first request, if it sent something else
    /// than HTTP. One that was only opened and closed is none: health checks do that.
    pub(crate) fn ended(&self, peer: SocketAddr, error: &BoxError) {
        let error = error.downcast_ref::<hyper::Error>();
        if error.is_some_and(hyper::Error::is_parse) {
            self.note(peer, Reason::NotHttp, "what arrived is not HTTP".to_owned());
        }
    }

    /// Notes a connection whose encryption could not be agreed on.
    pub(crate) fn not_let_in(&self, peer: SocketAddr, error: &io::Error) {
        if error.kind() == io::ErrorKind::InvalidData {
            self.note(peer, Reason::NotEncrypted, error.to_string());
        }
    }

    fn note(&self, peer: SocketAddr, reason: Reason, message: String) {
        let (metrics, protocol) = (&self.metrics, self.protocol);
        let complaint = Complaint {
            reason: reason.label(),
            answer: "closed".to_owned(),
            message,
            advice: advice(protocol, reason).unwrap_or_default().to_owned(),
        };
        let event = Event {
            at: metrics.clock().now(),
            protocol: protocol.label(),
            signal: None,
            is_acknowledged: false,
            accepted: 0,
            rejected: 0,
            services: &[],
            complaints: vec![complaint],
        };
        metrics.count_request(None, protocol, reason, Duration::ZERO);
        metrics.count_sent(&Sender::of_connection(peer), None, protocol, event);
    }
}
