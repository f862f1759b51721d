//! Decides what happens in a trace, before anything is encoded: which spans there are, where, when
//! and with what outcome, and which log records go with them. A trace is a function of the
//! seed, its index and the moment at which it starts.

use super::{
    dice::{Dice, Zipf, spread},
    names::{INSTANCES, OPERATIONS, SERVICES},
};

/// Levels of spans below the root, the root included.
const DEPTH_MAX: u8 = 8;
/// One trace in so many is a large one.
const LARGE_ONE_IN: u32 = 100;
/// Users of the made-up system.
pub(super) const USERS: u16 = 10_000;
/// Addresses of clients: 2^18, about 260,000.
const CLIENT_BITS: u32 = 18;

/// Where a span comes from and how it went.
pub(super) struct PlannedSpan {
    /// Place of the parent in the trace; `None` for the root.
    pub(super) parent: Option<usize>,
    depth: u8,
    pub(super) service: usize,
    pub(super) operation: usize,
    pub(super) start: u64,
    pub(super) duration: u64,
    pub(super) is_error: bool,
    /// It asks a database.
    pub(super) has_query: bool,
    /// It is called by another service.
    pub(super) is_server: bool,
    /// How many log records its service writes meanwhile.
    pub(super) log_records: u32,
}

/// One trace.
pub(super) struct Plan {
    /// Counted from 0.
    pub(super) index: u64,
    pub(super) trace_id: u128,
    /// Unique for each trace.
    pub(super) session: u128,
    pub(super) user: u16,
    pub(super) client: u32,
    pub(super) user_agent: usize,
    /// A parent comes before its children.
    pub(super) spans: Vec<PlannedSpan>,
    instances: u64,
    /// For the content of the spans.
    pub(super) span_dice: Dice,
    /// For the content of the log records: whether spans are made or not makes no difference to it.
    pub(super) log_dice: Dice,
}

impl Plan {
    /// The place of the instance of a service that takes part in this trace.
    pub(super) fn instance(&self, service: usize) -> usize {
        service * INSTANCES + ((self.instances >> service) & 1) as usize
    }

    /// The id of the span at this place.
    pub(super) fn span_id(&self, place: usize) -> u64 {
        span_id(self.trace_id, place)
    }
}

/// The id of a trace.
pub(super) fn trace_id(seed: u64, index: u64) -> u128 {
    let high = spread(spread(seed) ^ index);
    let low = spread(high ^ seed.rotate_left(17));
    u128::from(high) << 64 | u128::from(low)
}

/// The id of the span at a place of a trace.
pub(super) fn span_id(trace_id: u128, place: usize) -> u64 {
    spread(spread(trace_id as u64).wrapping_add(place as u64))
}

/// Makes plans.
pub(super) struct Planner {
    seed: u64,
    services: Zipf,
    users: Zipf,
}

impl Planner {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            seed,
            services: Zipf::new(SERVICES.len() as u16),
            users: Zipf::new(USERS),
        }
    }

    /// The trace with this index, if its root starts at `start` (Unix nanoseconds).
    pub(super) fn plan(&self, index: u64, start: u64) -> Plan {
        // Three streams for each trace: adding a draw to one does not change the others.
        let mut dice = Dice::of_trace(self.seed, 3 * index);
        let count = if dice.one_in(LARGE_ONE_IN) {
            200 + dice.index(1_801)
        } else {
            1 + dice.index(19)
        };
        let mut plan = Plan {
            index,
            trace_id: trace_id(self.seed, index),
            session: u128::from(dice.bits()) << 64 | u128::from(spread(self.seed ^ index)),
            user: self.users.draw(&mut dice),
            client: dice.below(1 << CLIENT_BITS),
            user_agent: dice.index(30),
            spans: Vec::with_capacity(count),
            instances: dice.bits(),
            span_dice: Dice::of_trace(self.seed, 3 * index + 1),
            log_dice: Dice::of_trace(self.seed, 3 * index + 2),
        };
        for place in 0..count {
            let span = if place == 0 {
                self.root(&mut dice, start)
            } else {
                self.child(&mut dice, &plan.spans)
            };
            plan.spans.push(span);
        }
        plan
    }

    fn root(&self, dice: &mut Dice, start: u64) -> PlannedSpan {
        PlannedSpan {
            parent: None,
            depth: 1,
            service: usize::from(self.services.draw(dice)),
            operation: operation(dice),
            start,
            duration: dice.duration_nanos(),
            is_error: dice.one_in(50),
            has_query: false,
            is_server: true,
            log_records: dice.below(3),
        }
    }

    /// A span inside one of the spans before it.
    fn child(&self, dice: &mut Dice, before: &[PlannedSpan]) -> PlannedSpan {
        let mut place = dice.index(before.len());
        while before[place].depth == DEPTH_MAX {
            place = before[place].parent.unwrap_or_default();
        }
        let parent = &before[place];
        let is_server = dice.one_in(2);
        let service = if is_server {
            usize::from(self.services.draw(dice))
        } else {
            parent.service
        };
        let delay = parent.duration * u64::from(dice.below(600)) / 1_000;
        let left = parent.duration - delay;
        PlannedSpan {
            parent: Some(place),
            depth: parent.depth + 1,
            service,
            operation: operation(dice),
            start: parent.start + delay,
            duration: left / 1_000 * u64::from(100 + dice.below(850)) + dice.bits() % 1_000,
            is_error: dice.one_in(50),
            has_query: !is_server && dice.below(3) > 0,
            is_server,
            log_records: dice.below(3),
        }
    }
}

/// One of the operations of a service, those in front more often.
fn operation(dice: &mut Dice) -> usize {
    dice.index(OPERATIONS).min(dice.index(OPERATIONS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traces_have_the_sizes_of_the_workload_and_children_lie_inside_their_parents() {
        let planner = Planner::new(1);
        let (mut spans, mut large) = (0, 0);
        for index in 0..5_000 {
            let plan = planner.plan(index, 1_000_000_000);
            spans += plan.spans.len();
            large += usize::from(plan.spans.len() >= 200);
            assert!(
                (1..20).contains(&plan.spans.len()) || (200..=2_000).contains(&plan.spans.len())
            );
            for span in &plan.spans {
                let Some(parent) = span.parent else { continue };
                let parent = &plan.spans[parent];
                assert!(span.depth <= DEPTH_MAX);
                assert!(span.start >= parent.start);
                assert!(span.start + span.duration <= parent.start + parent.duration + 1_000);
            }
        }
        assert!((30..80).contains(&large), "{large} large traces");
        assert!((80_000..130_000).contains(&spans), "{spans} spans");
    }
}
