//! The connections of one server: a bounded number, of which the longest idle gives way when all are taken.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// A connection that has been idle for less than this is not closed to make room: it may be about to send.
const IDLE_MIN: Duration = Duration::from_secs(1);

/// The connections that are open.
#[derive(Debug)]
pub(crate) struct Connections {
    open: Mutex<Open>,
    most: usize,
    /// How many of those who never sent anything are closed at once: one by one they could come faster.
    silent_at_once: usize,
    left: Notify,
}

#[derive(Debug, Default)]
struct Open {
    states: HashMap<u64, State>,
    next_id: u64,
    closed_for_room: u64,
}

#[derive(Debug)]
struct State {
    requests: usize,
    /// Whether it has ever sent a request that was answered.
    has_served: bool,
    idle_since: Instant,
    is_asked_to_close: bool,
    close: CancellationToken,
}

impl Connections {
    /// Has room for `most`.
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self {
            open: Mutex::default(),
            most,
            silent_at_once: (most / 16).max(1),
            left: Notify::new(),
        })
    }

    /// A place for one more. When there is none, whoever has been idle for longest is asked to leave, those
    /// first who never sent anything; while nobody is idle, it waits for one to leave.
    pub(crate) async fn enter(self: &Arc<Self>) -> Guard {
        loop {
            // Whoever leaves after this line is heard.
            let left = self.left.notified();
            let next_look = match self.try_enter(Instant::now()) {
                Ok(guard) => return guard,
                Err(next_look) => next_look,
            };
            tokio::select! {
                () = left => {}
                () = sleep_until(next_look) => {}
            }
        }
    }

    /// A place, or when to try again.
    fn try_enter(self: &Arc<Self>, now: Instant) -> Result<Guard, Instant> {
        let mut open = self.open.lock();
        if open.states.len() < self.most {
            return Ok(self.admit(&mut open, now));
        }
        let is_leaving = open.states.values().any(|it| it.is_asked_to_close);
        if is_leaving {
            return Err(now + IDLE_MIN);
        }
        let mut idle: Vec<&mut State> = open
            .states
            .values_mut()
            .filter(|it| it.requests == 0)
            .collect();
        idle.sort_by_key(|it| (it.has_served, it.idle_since));
        let Some(first) = idle.first() else {
            return Err(now + IDLE_MIN);
        };
        let may_leave = first.idle_since + IDLE_MIN;
        if now < may_leave {
            return Err(may_leave);
        }
        let has_served = first.has_served;
        let count = if has_served { 1 } else { self.silent_at_once };
        let leave = idle.into_iter().take(count);
        let mut closed = 0;
        for state in
            leave.filter(|it| it.has_served == has_served && it.idle_since + IDLE_MIN <= now)
        {
            state.is_asked_to_close = true;
            state.close.cancel();
            closed += 1;
        }
        self.tell(&mut open, closed);
        Err(now + IDLE_MIN)
    }

    /// Once in a power of two, so that a flood of connections is told of and does not flood the log.
    fn tell(&self, open: &mut Open, closed: u64) {
        let before = open.closed_for_room;
        open.closed_for_room += closed;
        if before.checked_ilog2() != open.closed_for_room.checked_ilog2() {
            tracing::warn!(
                most = self.most,
                closed = open.closed_for_room,
                "all connections are taken; the longest idle are closed to make room"
            );
        }
    }

    fn admit(self: &Arc<Self>, open: &mut Open, now: Instant) -> Guard {
        let id = open.next_id;
        open.next_id += 1;
        let close = CancellationToken::new();
        let state = State {
            requests: 0,
            has_served: false,
            idle_since: now,
            is_asked_to_close: false,
            close: close.clone(),
        };
        open.states.insert(id, state);
        Guard {
            connections: Arc::clone(self),
            id,
            close,
        }
    }

    fn change(&self, id: u64, change: impl FnOnce(&mut State)) {
        if let Some(state) = self.open.lock().states.get_mut(&id) {
            change(state);
        }
    }
}

/// The place of one connection; dropping it makes room.
#[derive(Debug)]
pub(crate) struct Guard {
    connections: Arc<Connections>,
    id: u64,
    close: CancellationToken,
}

impl Guard {
    /// Cancelled when the connection should end, as soon as it has nothing to answer.
    pub(crate) fn close(&self) -> &CancellationToken {
        &self.close
    }

    /// Where requests of the connection are counted.
    pub(crate) fn requests(&self) -> Requests {
        Requests {
            connections: Arc::clone(&self.connections),
            id: self.id,
        }
    }
}

/// The requests of one connection.
#[derive(Debug)]
pub(crate) struct Requests {
    connections: Arc<Connections>,
    id: u64,
}

impl Requests {
    /// Says that a request is being answered, as long as what is returned lives.
    pub(crate) fn begin(&self) -> RequestGuard {
        self.connections
            .change(self.id, |state| state.requests += 1);
        RequestGuard {
            connections: Arc::clone(&self.connections),
            id: self.id,
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.connections.open.lock().states.remove(&self.id);
        self.connections.left.notify_one();
    }
}

/// A request that is being answered.
#[derive(Debug)]
pub(crate) struct RequestGuard {
    connections: Arc<Connections>,
    id: u64,
}

impl Drop for RequestGuard {
    fn drop(&mut self) {
        self.connections.change(self.id, |state| {
            state.requests = state.requests.saturating_sub(1);
            state.has_served = true;
            state.idle_since = Instant::now();
        });
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    async fn enter(connections: &Arc<Connections>) -> Guard {
        tokio::time::timeout(Duration::from_secs(3600), connections.enter())
            .await
            .expect("no place for an hour")
    }

    #[tokio::test(start_paused = true)]
    async fn the_longest_idle_gives_way_those_first_that_never_sent_anything() {
        let connections = Connections::new(3);
        let served = enter(&connections).await;
        drop(served.requests().begin());
        let silent = enter(&connections).await;
        let busy = enter(&connections).await;
        let request = busy.requests().begin();

        let leave = async {
            silent.close().cancelled().await;
            drop(silent);
        };
        let (fourth, ()) = tokio::join!(enter(&connections), leave);
        assert!(!served.close().is_cancelled());
        let _fourth_request = fourth.requests().begin();

        let leave = async {
            served.close().cancelled().await;
            drop(served);
        };
        let (_fifth, ()) = tokio::join!(enter(&connections), leave);
        assert!(!busy.close().is_cancelled());
        drop(request);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_is_new_is_given_time_to_send() {
        let connections = Connections::new(1);
        let first = enter(&connections).await;
        let start = Instant::now();

        let leave = async {
            first.close().cancelled().await;
            drop(first);
        };
        let (_second, ()) = tokio::join!(enter(&connections), leave);

        assert_eq!(start.elapsed(), IDLE_MIN);
    }

    #[tokio::test(start_paused = true)]
    async fn while_all_are_busy_a_new_one_waits() {
        let connections = Connections::new(1);
        let busy = enter(&connections).await;
        let request = busy.requests().begin();

        let waiting = tokio::time::timeout(Duration::from_secs(600), connections.enter());
        assert!(waiting.await.is_err());
        assert!(!busy.close().is_cancelled());

        drop((request, busy));
        enter(&connections).await;
    }
}
