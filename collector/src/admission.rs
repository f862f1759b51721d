//! Bounds the bytes of export requests in memory: every byte is admitted before it is buffered.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::Refusal;

/// The bytes all requests together may hold.
#[derive(Debug, Clone)]
pub(crate) struct Admission {
    permits: Arc<Semaphore>,
    limit_bytes: usize,
}

impl Admission {
    /// Admits up to `limit_bytes` at once.
    pub(crate) fn new(limit_bytes: usize) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(limit_bytes)),
            limit_bytes,
        }
    }

    /// A ticket that holds nothing yet.
    pub(crate) fn ticket(&self) -> Ticket {
        Ticket {
            admission: self.clone(),
            held: None,
        }
    }

    /// The bytes held by all tickets.
    pub(crate) fn in_flight_bytes(&self) -> usize {
        self.limit_bytes
            .saturating_sub(self.permits.available_permits())
    }

    /// The most that all tickets may hold.
    pub(crate) fn limit_bytes(&self) -> usize {
        self.limit_bytes
    }
}

/// The bytes one request holds; dropping it gives them back.
#[derive(Debug)]
pub(crate) struct Ticket {
    admission: Admission,
    held: Option<OwnedSemaphorePermit>,
}

impl Ticket {
    /// Takes `bytes` more, or refuses at once: a sender that has to wait is better told to come
    /// back than kept while half its request already fills memory.
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), Refusal> {
        let overloaded = Refusal::Overloaded {
            limit_bytes: self.admission.limit_bytes,
        };
        let Ok(count) = u32::try_from(bytes) else {
            return Err(overloaded);
        };
        let permits = Arc::clone(&self.admission.permits);
        let Ok(taken) = permits.try_acquire_many_owned(count) else {
            return Err(overloaded);
        };
        match &mut self.held {
            Some(held) => held.merge(taken),
            None => self.held = Some(taken),
        }
        Ok(())
    }

    /// Refuses a request that says it is larger than what is free now, before any of it is read.
    pub(crate) fn check_room(&self, bytes: u64) -> Result<(), Refusal> {
        let free = u64::try_from(self.admission.permits.available_permits()).unwrap_or(u64::MAX);
        if bytes > free {
            return Err(Refusal::Overloaded {
                limit_bytes: self.admission.limit_bytes,
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tickets_together_never_hold_more_than_the_limit() {
        let admission = Admission::new(100);
        let mut first = admission.ticket();
        let mut second = admission.ticket();

        first.grow(40).unwrap();
        first.grow(20).unwrap();
        second.grow(40).unwrap();
        let refused = second.grow(1).unwrap_err();

        assert!(matches!(refused, Refusal::Overloaded { limit_bytes: 100 }));
        assert_eq!(admission.in_flight_bytes(), 100);
    }

    #[test]
    fn a_dropped_ticket_gives_everything_back() {
        let admission = Admission::new(100);
        let mut ticket = admission.ticket();
        ticket.grow(60).unwrap();
        ticket.grow(40).unwrap();

        drop(ticket);

        assert_eq!(admission.in_flight_bytes(), 0);
        admission.ticket().grow(100).unwrap();
    }

    #[test]
    fn a_request_that_cannot_fit_now_is_refused_before_it_is_read() {
        let admission = Admission::new(100);
        let mut holder = admission.ticket();
        holder.grow(60).unwrap();

        admission.ticket().check_room(40).unwrap();
        let refused = admission.ticket().check_room(41).unwrap_err();

        assert!(matches!(refused, Refusal::Overloaded { limit_bytes: 100 }));
    }
}
