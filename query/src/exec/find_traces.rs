//! Finds the traces that have a matching span: exactly the first K, newest or slowest first.
//!
//! A trace may have spans in several sources. Its key is the best over all of them, so a trace that is
//! the best of the whole store is also among the best of the source that holds its best span: it is
//! enough to look at the top of each source. A page that is not the first must leave out the traces of
//! earlier pages, which may come up again by a lesser span: those are collected first.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::ops::ControlFlow;

use model::{Signal, TimeRange, TraceId, UnixNanos};
use storage::filter::Filter;
use storage::{ReadError, Snapshot, Source, Step, TimeOrder};

use super::{continue_if, note_unreadable, readable};
use crate::limits::Budget;

/// Groups whose trace ids are looked up at once; fewer when a page needs fewer, since the rows of the best
/// groups lie close together and looking further costs pages.
const IDS_AT_A_TIME: usize = 256;

/// What comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TraceOrder {
    /// The trace whose latest matching span started last.
    Newest,
    /// The trace whose longest matching span is the longest.
    Slowest,
}

impl TraceOrder {
    /// What a matching span contributes to the key of its trace; the largest counts.
    pub fn key(self, start: UnixNanos, duration_nano: u64) -> u64 {
        match self {
            Self::Newest => start.0,
            Self::Slowest => duration_nano,
        }
    }
}

/// Place of a trace in the order: larger keys first, then smaller ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TracePlace {
    /// Best start or duration of a matching span.
    pub key: u64,
    /// The trace.
    pub trace_id: TraceId,
}

impl TracePlace {
    fn rank(&self) -> (Reverse<u64>, TraceId) {
        (Reverse(self.key), self.trace_id)
    }
}

/// A search for traces.
#[derive(Debug, Clone)]
pub struct TraceSearch {
    /// What one span must satisfy.
    pub filter: Filter,
    /// What comes first.
    pub order: TraceOrder,
    /// Most traces in the answer.
    pub limit: usize,
    /// The last trace of the page before.
    pub after: Option<TracePlace>,
}

/// A page of traces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TracePage {
    /// In order.
    pub traces: Vec<TracePlace>,
    /// Whether there are more after them.
    pub has_more: bool,
}

/// Finds a page of traces in the snapshot.
pub fn find_traces(snapshot: &Snapshot, search: &TraceSearch, budget: &mut Budget) -> TracePage {
    note_unreadable(snapshot, Signal::Traces, search.filter.time, budget);
    let sources: Vec<&Source> = snapshot.sources(Signal::Traces).iter().collect();
    find_in(&sources, search, budget)
}

/// What the search needs of a source; the tests have one of their own.
trait TraceSource {
    fn time_range(&self) -> TimeRange;
    fn find(
        &self,
        filter: &Filter,
        order: TimeOrder,
        budget: &mut Budget,
        visit: &mut dyn FnMut(Step, &mut Budget) -> ControlFlow<()>,
    );
    fn trace_ids(&self, rows: &[u32], budget: &mut Budget) -> Vec<Option<TraceId>>;
}

impl TraceSource for &Source {
    fn time_range(&self) -> TimeRange {
        Source::time_range(self)
    }

    fn find(
        &self,
        filter: &Filter,
        order: TimeOrder,
        budget: &mut Budget,
        visit: &mut dyn FnMut(Step, &mut Budget) -> ControlFlow<()>,
    ) {
        budget.count_source(self);
        let found: Result<(), ReadError> =
            Source::find_in_order(self, filter, order, &mut |step| visit(step, budget));
        readable(found, self, budget);
    }

    fn trace_ids(&self, rows: &[u32], budget: &mut Budget) -> Vec<Option<TraceId>> {
        let ids = Source::trace_ids(self, rows);
        readable(ids, self, budget).unwrap_or_default()
    }
}

/// One trace in one source: its best matching span there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Group {
    key: u64,
    row: u32,
}

/// What a group takes: in the table of its source, which keeps every other place free, and in the list made of it.
type GroupPlace = [(u32, Group); 3];

fn find_in<S: TraceSource>(sources: &[S], search: &TraceSearch, budget: &mut Budget) -> TracePage {
    let mut sources: Vec<&S> = sources
        .iter()
        .filter(|source| source.time_range().overlaps(&search.filter.time))
        .collect();
    sources.sort_by_key(|source| Reverse(source.time_range().end));
    let mut page = Page::new(search);
    let mut scanned = Vec::new();
    for source in &sources {
        if !page.may_hold_earlier(source.time_range()) {
            break;
        }
        let groups = scan(*source, search, None, budget);
        let (before, rest) = groups.split_at(groups.partition_point(|group| page.is_before(group)));
        for_each_id(*source, before, budget, |group, trace_id| {
            page.exclude_or_offer(TracePlace {
                key: group.key,
                trace_id,
            });
        });
        scanned.push((*source, rest.to_vec()));
    }
    let unscanned = sources.iter().skip(scanned.len());
    for (source, groups) in &scanned {
        page.take_best(*source, groups, budget);
    }
    for source in unscanned {
        if page.is_settled_before(source.time_range()) || !budget.may_continue() {
            break;
        }
        let enough = page.enough_groups();
        let held_before = budget.held_bytes();
        let groups = scan(*source, search, enough, budget);
        page.take_best(*source, &groups, budget);
        drop(groups);
        budget.give_back_to(held_before);
    }
    page.finish()
}

/// Every trace of the source that has a matching span, best first; only the best ones when that many
/// are `enough`.
fn scan<S: TraceSource>(
    source: &S,
    search: &TraceSearch,
    enough: Option<usize>,
    budget: &mut Budget,
) -> Vec<Group> {
    let mut by_ordinal: HashMap<u32, Group> = HashMap::new();
    let mut held_bytes = 0;
    let order = match (search.order, enough) {
        (TraceOrder::Newest, Some(_)) => TimeOrder::NewestFirst,
        _ => TimeOrder::Any,
    };
    source.find(&search.filter, order, budget, &mut |step, budget| {
        let found = match step {
            Step::Match(found) => found,
            Step::Scanned { body_bytes } => return continue_if(budget.scan_bodies(body_bytes)),
            Step::Rest(newest) => return continue_if(!is_enough(&by_ordinal, newest, enough)),
        };
        if !budget.visit_row() {
            return ControlFlow::Break(());
        }
        let key = search.order.key(found.time, found.duration_nano);
        let group = Group {
            key,
            row: found.row,
        };
        let best = by_ordinal.entry(found.group).or_insert(group);
        if key > best.key {
            *best = group;
        }
        continue_if(budget.hold_list::<GroupPlace>(&mut held_bytes, by_ordinal.len()))
    });
    let mut groups: Vec<Group> = by_ordinal.into_values().collect();
    groups.sort_unstable_by(|a, b| b.cmp(a));
    groups
}

/// Whether enough traces are known that nothing up to this moment can overtake or equal.
fn is_enough(groups: &HashMap<u32, Group>, newest: UnixNanos, enough: Option<usize>) -> bool {
    let is_ahead = |group: &&Group| group.key > newest.0;
    enough.is_some_and(|enough| {
        groups.len() >= enough && groups.values().filter(is_ahead).count() >= enough
    })
}

fn for_each_id<S: TraceSource>(
    source: &S,
    groups: &[Group],
    budget: &mut Budget,
    mut visit: impl FnMut(Group, TraceId),
) {
    for chunk in groups.chunks(IDS_AT_A_TIME) {
        let mut by_row = chunk.to_vec();
        by_row.sort_unstable_by_key(|group| group.row);
        let rows: Vec<u32> = by_row.iter().map(|group| group.row).collect();
        for (group, trace_id) in by_row.iter().zip(source.trace_ids(&rows, budget)) {
            if let Some(trace_id) = trace_id {
                visit(*group, trace_id);
            }
        }
    }
}

/// The last moment of a range, which ends at the end of time or before its own end.
fn latest(range: TimeRange) -> u64 {
    if range.end == UnixNanos::MAX {
        u64::MAX
    } else {
        range.end.0.saturating_sub(1)
    }
}

/// The page while it is being put together.
struct Page<'a> {
    search: &'a TraceSearch,
    /// One more than asked for, so that it is known whether there are more.
    wanted: usize,
    /// Traces of earlier pages.
    excluded: HashSet<TraceId>,
    /// Best key known of each trace that may be on the page.
    candidates: HashMap<TraceId, u64>,
}

impl<'a> Page<'a> {
    fn new(search: &'a TraceSearch) -> Self {
        let (excluded, candidates) = (HashSet::new(), HashMap::new());
        Self {
            search,
            wanted: search.limit.saturating_add(1),
            excluded,
            candidates,
        }
    }

    /// Whether the source may hold the best span of a trace of an earlier page.
    fn may_hold_earlier(&self, range: TimeRange) -> bool {
        match (self.search.after, self.search.order) {
            (None, _) => false,
            (Some(after), TraceOrder::Newest) => latest(range) >= after.key,
            (Some(_), TraceOrder::Slowest) => true,
        }
    }

    /// How many of a source's best traces are enough to settle the page; unknown when some of them may
    /// belong to earlier pages.
    fn enough_groups(&self) -> Option<usize> {
        self.search.after.is_none().then_some(self.wanted)
    }

    /// Whether the group's trace belongs to an earlier page, or may by its id.
    fn is_before(&self, group: &Group) -> bool {
        self.search
            .after
            .is_some_and(|after| group.key >= after.key)
    }

    fn exclude_or_offer(&mut self, place: TracePlace) {
        if self
            .search
            .after
            .is_some_and(|after| place.rank() <= after.rank())
        {
            self.candidates.remove(&place.trace_id);
            self.excluded.insert(place.trace_id);
        } else {
            self.offer(place);
        }
    }

    fn offer(&mut self, place: TracePlace) {
        if !self.excluded.contains(&place.trace_id) {
            let best = self.candidates.entry(place.trace_id).or_insert(place.key);
            *best = place.key.max(*best);
        }
    }

    /// The smallest key that still makes the page, once enough traces are known.
    fn threshold(&self) -> Option<u64> {
        let mut best = BinaryHeap::with_capacity(self.wanted.min(self.candidates.len()) + 1);
        for key in self.candidates.values() {
            best.push(Reverse(*key));
            if best.len() > self.wanted {
                best.pop();
            }
        }
        (best.len() == self.wanted)
            .then(|| best.peek().map(|Reverse(key)| *key))
            .flatten()
    }

    /// Looks at groups, best first, until the rest cannot make the page. Equal keys are all looked at,
    /// since only the ids tell which of them comes first.
    fn take_best<S: TraceSource>(&mut self, source: &S, groups: &[Group], budget: &mut Budget) {
        for chunk in groups.chunks(self.wanted.min(IDS_AT_A_TIME)) {
            let best_key = chunk.first().map_or(0, |group| group.key);
            let is_hopeless = self
                .threshold()
                .is_some_and(|threshold| best_key < threshold);
            if is_hopeless || !budget.may_continue() {
                return;
            }
            for_each_id(source, chunk, budget, |group, trace_id| {
                self.offer(TracePlace {
                    key: group.key,
                    trace_id,
                });
            });
        }
    }

    /// Whether no span of the time range can change the page any more.
    fn is_settled_before(&self, range: TimeRange) -> bool {
        self.search.order == TraceOrder::Newest
            && self
                .threshold()
                .is_some_and(|threshold| latest(range) < threshold)
    }

    fn finish(self) -> TracePage {
        let mut traces: Vec<TracePlace> = self
            .candidates
            .into_iter()
            .map(|(trace_id, key)| TracePlace { key, trace_id })
            .collect();
        traces.sort_unstable_by_key(TracePlace::rank);
        let has_more = traces.len() > self.search.limit;
        traces.truncate(self.search.limit);
        TracePage { traces, has_more }
    }
}

#[cfg(test)]
mod tests;
