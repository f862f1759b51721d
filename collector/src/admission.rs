//! Bounds the bytes of export requests in memory, and their number: every byte is admitted before it is
//! buffered, and no connection gets so much that nothing is left for another.
//!
//! A connection may hold [`SHARE`] times what it leaves free. So one alone gets three quarters of the budget,
//! each of two that want everything three sevenths, and beside any number of them there is something free, of
//! which a connection that comes gets three quarters. What is fair needs no list of who waits, and no settings.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::backoff::Backoff;
use crate::error::Refusal;
use crate::senders::Peer;

/// A connection may hold this many times what is free after it has taken it.
const SHARE: usize = 3;

/// Both ends of a connection are known by the port of the other; requests without one share.
type Connection = Option<Peer>;

/// What all requests together may hold.
#[derive(Debug, Clone)]
pub(crate) struct Admission {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    limit: Use,
    held: Mutex<Held>,
    backoff: Backoff,
    is_memory_short: AtomicBool,
}

#[derive(Debug, Default)]
struct Held {
    total: Use,
    by_connection: HashMap<Connection, Use>,
}

/// Requests, and the bytes of them in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Use {
    bytes: usize,
    requests: usize,
}

impl Use {
    fn plus(self, more: Self) -> Self {
        Self {
            bytes: self.bytes.saturating_add(more.bytes),
            requests: self.requests.saturating_add(more.requests),
        }
    }

    fn minus(self, less: Self) -> Self {
        Self {
            bytes: self.bytes.saturating_sub(less.bytes),
            requests: self.requests.saturating_sub(less.requests),
        }
    }
}

/// Whether a connection that holds `own` of `total` may take `more`.
fn fits(own: usize, total: usize, more: usize, limit: usize) -> bool {
    let Some(free) = total.checked_add(more).and_then(|it| limit.checked_sub(it)) else {
        return false;
    };
    more == 0 || own.saturating_add(more) <= free.saturating_mul(SHARE)
}

/// The most that one connection can ever hold.
pub(crate) fn largest_share(limit: usize) -> usize {
    limit / (SHARE + 1) * SHARE
}

impl Admission {
    /// Admits so many bytes at once, of so many requests.
    pub(crate) fn new(limit_bytes: usize, limit_requests: usize) -> Self {
        let limit = Use {
            bytes: limit_bytes,
            requests: limit_requests,
        };
        Self {
            shared: Arc::new(Shared {
                limit,
                held: Mutex::default(),
                backoff: Backoff::default(),
                is_memory_short: AtomicBool::new(false),
            }),
        }
    }

    /// A ticket for a request of the connection, which holds no bytes yet.
    pub(crate) fn ticket(&self, connection: Option<Peer>) -> Result<Ticket, Refusal> {
        let mut ticket = Ticket {
            admission: self.clone(),
            connection,
            held: Use::default(),
        };
        let one = Use {
            bytes: 0,
            requests: 1,
        };
        if self.may_begin() && ticket.take(one) {
            Ok(ticket)
        } else {
            Err(self.overloaded())
        }
    }

    /// While memory is short, one request at a time is taken: with none at all, nothing would ever get better by
    /// what it brings about, such as a seal.
    fn may_begin(&self) -> bool {
        !self.is_memory_short() || self.shared.held.lock().total.requests == 0
    }

    /// Tells whether the process holds more memory than it should.
    pub(crate) fn set_memory_short(&self, is_short: bool) {
        self.shared
            .is_memory_short
            .store(is_short, Ordering::Relaxed);
    }

    pub(crate) fn is_memory_short(&self) -> bool {
        self.shared.is_memory_short.load(Ordering::Relaxed)
    }

    /// The bytes held by all tickets.
    pub(crate) fn in_flight_bytes(&self) -> usize {
        self.shared.held.lock().total.bytes
    }

    /// The most that all tickets may hold.
    pub(crate) fn limit_bytes(&self) -> usize {
        self.shared.limit.bytes
    }

    /// Tells that a request has been acknowledged.
    pub(crate) fn count_taken(&self) {
        self.shared.backoff.count_taken(Instant::now());
    }

    /// When a sender that is refused now should come back.
    pub(crate) fn retry_after(&self) -> Duration {
        self.shared.backoff.count_refused(Instant::now())
    }

    fn overloaded(&self) -> Refusal {
        Refusal::Overloaded {
            limit_bytes: self.shared.limit.bytes,
            limit_requests: self.shared.limit.requests,
            retry_after: self.retry_after(),
        }
    }
}

/// The bytes one request holds; dropping it gives them back.
#[derive(Debug)]
pub(crate) struct Ticket {
    admission: Admission,
    connection: Connection,
    held: Use,
}

impl Ticket {
    /// Takes `bytes` more, or refuses at once: a sender that has to wait is better told to come
    /// back than kept while half its request already fills memory.
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), Refusal> {
        self.check_possible(bytes)?;
        if self.take(Use { bytes, requests: 0 }) {
            Ok(())
        } else {
            Err(self.admission.overloaded())
        }
    }

    /// Refuses a request that could not have `bytes` more if it were alone: told to come back, it would come back
    /// for ever.
    pub(crate) fn check_possible(&self, bytes: usize) -> Result<(), Refusal> {
        let most = largest_share(self.admission.limit_bytes());
        if self.held.bytes.saturating_add(bytes) > most {
            return Err(Refusal::TooMuchMemory { limit_bytes: most });
        }
        Ok(())
    }

    /// Refuses a request that says it is larger than what is free now, before any of it is read.
    pub(crate) fn check_room(&self, bytes: u64) -> Result<(), Refusal> {
        let more = usize::try_from(bytes).unwrap_or(usize::MAX);
        let held = self.admission.shared.held.lock();
        let own = held.by_connection.get(&self.connection);
        let own = own.map_or(0, |own| own.bytes);
        let limit = self.admission.shared.limit.bytes;
        let has_room = fits(own, held.total.bytes, more, limit);
        drop(held);
        if has_room {
            Ok(())
        } else {
            Err(self.admission.overloaded())
        }
    }

    fn take(&mut self, more: Use) -> bool {
        let limit = self.admission.shared.limit;
        let mut held = self.admission.shared.held.lock();
        let own = held.by_connection.get(&self.connection);
        let own = own.copied().unwrap_or_default();
        let total = held.total;
        if !fits(own.bytes, total.bytes, more.bytes, limit.bytes)
            || !fits(own.requests, total.requests, more.requests, limit.requests)
        {
            return false;
        }
        held.total = total.plus(more);
        held.by_connection.insert(self.connection, own.plus(more));
        self.held = self.held.plus(more);
        true
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut held = self.admission.shared.held.lock();
        held.total = held.total.minus(self.held);
        if let Entry::Occupied(mut own) = held.by_connection.entry(self.connection) {
            let left = own.get().minus(self.held);
            if left == Use::default() {
                own.remove();
            } else {
                own.insert(left);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection(port: u16) -> Option<Peer> {
        Some(Peer(([127, 0, 0, 1], port).into()))
    }

    fn is_overload(refused: &Result<(), Refusal>) -> bool {
        matches!(refused, Err(Refusal::Overloaded { .. }))
    }

    /// Takes as much as it gets, by steps of one byte.
    fn take_all(ticket: &mut Ticket) -> usize {
        let before = ticket.held.bytes;
        while ticket.grow(1).is_ok() {}
        ticket.held.bytes - before
    }

    #[test]
    fn one_connection_never_gets_the_last_quarter() {
        let admission = Admission::new(1000, 100);
        let mut ticket = admission.ticket(connection(1)).unwrap();

        ticket.grow(750).unwrap();

        let refused = ticket.grow(1);
        assert!(
            matches!(refused, Err(Refusal::TooMuchMemory { limit_bytes: 750 })),
            "coming back would not help"
        );
        let mut second = admission.ticket(connection(1)).unwrap();
        assert!(is_overload(&second.grow(1)), "of the same connection");
        assert_eq!(admission.in_flight_bytes(), 750);
    }

    #[test]
    fn beside_greedy_connections_a_new_one_gets_most_of_what_is_free() {
        for greedy_count in 1..=100_u16 {
            let admission = Admission::new(100_000, 1000);
            let mut greedy = Vec::new();
            for port in 0..greedy_count {
                let mut ticket = admission.ticket(connection(port)).unwrap();
                take_all(&mut ticket);
                greedy.push(ticket);
            }

            let free = 100_000 - admission.in_flight_bytes();
            let mut honest = admission.ticket(connection(9999)).unwrap();
            let taken = take_all(&mut honest);

            assert!(free > 0, "{greedy_count}");
            assert_eq!(taken, free * 3 / 4, "{greedy_count}");
        }
    }

    #[test]
    fn connections_that_come_together_get_the_same() {
        let admission = Admission::new(70_000, 100);
        let mut tickets: Vec<Ticket> = (0..2)
            .map(|port| admission.ticket(connection(port)).unwrap())
            .collect();
        let mut has_grown = true;
        while has_grown {
            has_grown = false;
            for ticket in &mut tickets {
                has_grown |= ticket.grow(1).is_ok();
            }
        }
        let held: Vec<usize> = tickets.iter().map(|it| it.held.bytes).collect();
        assert_eq!(held, [30_000, 30_000]);
    }

    #[test]
    fn requests_are_counted_and_shared_alike() {
        let admission = Admission::new(1000, 8);
        let tickets: Vec<Ticket> =
            std::iter::from_fn(|| admission.ticket(connection(1)).ok()).collect();
        assert_eq!(tickets.len(), 6);
        let other = admission.ticket(connection(2)).unwrap();
        assert!(admission.ticket(connection(2)).is_err());
        drop((tickets, other));
        assert!(admission.shared.held.lock().by_connection.is_empty());
    }

    #[test]
    fn while_memory_is_short_one_request_at_a_time_is_taken() {
        let admission = Admission::new(1000, 100);
        admission.set_memory_short(true);
        let only = admission.ticket(connection(1)).unwrap();
        assert!(admission.ticket(connection(2)).is_err());
        drop(only);
        let _next = admission.ticket(connection(2)).unwrap();
        admission.set_memory_short(false);
        assert!(admission.ticket(connection(1)).is_ok());
    }

    #[test]
    fn a_dropped_ticket_gives_everything_back() {
        let admission = Admission::new(100, 10);
        let mut ticket = admission.ticket(connection(1)).unwrap();
        ticket.grow(40).unwrap();
        ticket.grow(35).unwrap();

        drop(ticket);

        assert_eq!(admission.in_flight_bytes(), 0);
        assert!(admission.shared.held.lock().by_connection.is_empty());
        let mut next = admission.ticket(connection(1)).unwrap();
        next.grow(75).unwrap();
    }

    #[test]
    fn a_request_that_cannot_fit_now_is_refused_before_it_is_read() {
        let admission = Admission::new(100, 10);
        let mut holder = admission.ticket(connection(1)).unwrap();
        holder.grow(60).unwrap();

        let ticket = admission.ticket(connection(2)).unwrap();

        ticket.check_room(30).unwrap();
        assert!(is_overload(&ticket.check_room(31)));
    }
}
