//! Searches for traces: a trace matches if one of its spans satisfies everything and starts within the
//! range. The newest are those whose latest matching span starts last.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ops::Range,
};

use super::{
    ByClass, TRACES_STREAM, Windows,
    expected::{ExpectedTraces, KnownTrace},
};
use crate::synth::{
    dice::{Dice, Zipf, spread},
    names::{Names, OPERATIONS, SERVICES},
    plan::USERS,
    spans,
    truth::SpanFacts,
    wire,
};

/// Traces that are remembered for a search.
const NEWEST_MAX: usize = 20;
/// Shortest durations that are asked for.
const DURATIONS_NANOS: [u64; 5] = [1_000_000, 10_000_000, 50_000_000, 200_000_000, 500_000_000];
/// All status codes that spans have, and those that few have.
const STATUS_CODES: [u64; 5] = [200, 201, 404, 500, 503];
const RARE_STATUS_CODES: [u64; 3] = [404, 500, 503];
/// After so many draws for each user wanted there are no more users to be had.
const DRAWS_PER_USER: usize = 1_000;

/// What a span must satisfy.
#[derive(Clone, Debug, Default)]
struct Terms {
    service: Option<usize>,
    /// An operation of the service.
    operation: Option<usize>,
    /// Ask for the operation by its route, which no other has, and not by its name.
    is_by_route: bool,
    duration_min: Option<u64>,
    status_code: Option<u64>,
    user: Option<u16>,
}

/// A trace that matched.
struct Match {
    /// The latest start of a matching span.
    start: u64,
    trace: u64,
    trace_id: u128,
    spans: u64,
}

struct Probe {
    class: &'static str,
    terms: Terms,
    range: Range<u64>,
    matching: u64,
    /// Ordered by start.
    newest: Vec<Match>,
    last_trace: Option<u64>,
}

/// A session, which only one trace has.
struct Session {
    value: u128,
    found: Match,
}

/// All searches for traces.
pub(in crate::synth) struct TraceProbes {
    samples: usize,
    windows: Windows,
    probes: Vec<Probe>,
    /// Places of the probes that a span may match, by what they ask for.
    by_service: Vec<Vec<usize>>,
    by_operation: Vec<Vec<usize>>,
    by_status_code: HashMap<u64, Vec<usize>>,
    by_user: HashMap<u16, Vec<usize>>,
    /// Those with the smallest hashes.
    sessions: BTreeMap<u64, Session>,
    /// The trace that was counted last, and how many of its spans.
    last: (u64, u64),
}

impl TraceProbes {
    /// Draws so many searches of each class.
    pub(in crate::synth) fn new(seed: u64, samples: usize, windows: Windows) -> Self {
        let mut drawn = Self {
            samples,
            windows,
            probes: Vec::new(),
            by_service: vec![Vec::new(); SERVICES.len()],
            by_operation: vec![Vec::new(); SERVICES.len() * OPERATIONS],
            by_status_code: HashMap::new(),
            by_user: HashMap::new(),
            sessions: BTreeMap::new(),
            last: (0, 0),
        };
        let mut dice = Dice::of_trace(seed, TRACES_STREAM);
        for number in 0..samples {
            drawn.draw(number, &mut dice);
        }
        for (number, user) in users(samples, &mut dice).into_iter().enumerate() {
            let terms = Terms {
                user: Some(user),
                ..Terms::default()
            };
            let all = drawn.windows.all.clone();
            drawn.add("attribute_high", terms.clone(), all.clone());
            let service = Some(number % SERVICES.len());
            drawn.add("service_and_attribute", Terms { service, ..terms }, all);
        }
        drawn
    }

    /// One search of each class within an hour.
    fn draw(&mut self, number: usize, dice: &mut Dice) {
        let service = Some(number % SERVICES.len());
        // Every operation of every service comes up before one comes up again.
        let operation = Some(number / SERVICES.len() % OPERATIONS);
        let pick = |dice: &mut Dice, values: &[u64]| values.get(dice.index(values.len())).copied();
        let of_service = Terms {
            service,
            ..Terms::default()
        };
        let slow = Terms {
            operation,
            duration_min: pick(dice, &DURATIONS_NANOS),
            ..of_service.clone()
        };
        let status = Terms {
            status_code: STATUS_CODES.get(number % STATUS_CODES.len()).copied(),
            ..Terms::default()
        };
        let route = Terms {
            operation,
            is_by_route: true,
            ..of_service.clone()
        };
        let route_and_status = Terms {
            status_code: pick(dice, &RARE_STATUS_CODES),
            ..route.clone()
        };
        let service_and_status = Terms {
            status_code: pick(dice, &RARE_STATUS_CODES),
            ..of_service.clone()
        };
        for (class, terms) in [
            ("service", of_service),
            ("service_and_status", service_and_status),
            ("operation", slow),
            ("attribute_low", status),
            ("attribute_medium", route),
            ("attributes_two", route_and_status),
        ] {
            let hour = self.windows.hour(number, self.samples, dice);
            self.add(class, terms, hour);
        }
    }

    fn add(&mut self, class: &'static str, terms: Terms, range: Range<u64>) {
        let place = self.probes.len();
        let places = match &terms {
            Terms {
                user: Some(user), ..
            } => Some(self.by_user.entry(*user).or_default()),
            Terms {
                service: Some(service),
                operation: Some(operation),
                ..
            } => self.by_operation.get_mut(service * OPERATIONS + operation),
            Terms {
                service: Some(service),
                ..
            } => self.by_service.get_mut(*service),
            Terms {
                status_code: Some(code),
                ..
            } => Some(self.by_status_code.entry(*code).or_default()),
            _ => None,
        };
        if let Some(places) = places {
            places.push(place);
            self.probes.push(Probe {
                class,
                terms,
                range,
                matching: 0,
                newest: Vec::new(),
                last_trace: None,
            });
        }
    }

    /// Counts a span. The spans of a trace come one after the other.
    pub(in crate::synth) fn span(&mut self, facts: &SpanFacts<'_>) {
        let SpanFacts { plan, span, .. } = facts;
        let is_first = self.last.0 != plan.index || self.last.1 == 0;
        self.last = (plan.index, if is_first { 1 } else { self.last.1 + 1 });
        if is_first {
            self.session(facts);
        }
        let operation = span.service * OPERATIONS + span.operation;
        let candidates = [
            self.by_service.get(span.service),
            self.by_operation.get(operation),
            self.by_status_code.get(&facts.status_code),
            self.by_user.get(&plan.user),
        ];
        for &place in candidates.into_iter().flatten().flatten() {
            if let Some(probe) = self.probes.get_mut(place) {
                probe.count(facts);
            }
        }
    }

    fn session(&mut self, facts: &SpanFacts<'_>) {
        let hash = spread(facts.plan.session as u64);
        let value = facts.plan.session;
        let found = Match::of(facts);
        self.sessions.insert(hash, Session { value, found });
        if self.sessions.len() > self.samples {
            self.sessions.pop_last();
        }
    }

    /// All searches with their answers.
    pub(in crate::synth) fn expected(self, names: &Names) -> ByClass<ExpectedTraces> {
        let mut expected = ByClass::new();
        let (last_trace, last_spans) = self.last;
        // The workload may end within a trace.
        let spans = |one: &Match| {
            if one.trace == last_trace {
                last_spans
            } else {
                one.spans
            }
        };
        let known = |one: &Match| KnownTrace {
            trace_id: format!("{:032x}", one.trace_id),
            spans: spans(one),
        };
        for probe in self.probes {
            let newest = probe.newest.iter().rev().map(known).collect();
            let answer = ExpectedTraces::new(&probe, newest, names);
            expected
                .entry(probe.class)
                .or_insert_with(Vec::new)
                .push(answer);
        }
        let sessions = self.sessions.values().map(|session| {
            let mut value = Vec::new();
            wire::hex(&mut value, session.value, 32);
            ExpectedTraces {
                attributes: [("session.id", text(value))].into(),
                start_unix_nano: self.windows.all.start,
                end_unix_nano: self.windows.all.end,
                matching: 1,
                newest: vec![known(&session.found)],
                ..ExpectedTraces::default()
            }
        });
        expected.insert("attribute_unique", sessions.collect());
        expected
    }
}

impl Match {
    fn of(facts: &SpanFacts<'_>) -> Self {
        Self {
            start: facts.span.start,
            trace: facts.plan.index,
            trace_id: facts.plan.trace_id,
            spans: facts.plan.spans.len() as u64,
        }
    }
}

impl Probe {
    fn accepts(&self, facts: &SpanFacts<'_>) -> bool {
        let span = facts.span;
        let terms = &self.terms;
        self.range.contains(&span.start)
            && terms.service.is_none_or(|service| service == span.service)
            && terms
                .operation
                .is_none_or(|operation| operation == span.operation)
            && terms
                .duration_min
                .is_none_or(|shortest| span.duration >= shortest)
            && terms
                .status_code
                .is_none_or(|code| code == facts.status_code)
            && terms.user.is_none_or(|user| user == facts.plan.user)
    }

    fn count(&mut self, facts: &SpanFacts<'_>) {
        if !self.accepts(facts) {
            return;
        }
        let found = Match::of(facts);
        if self.last_trace.replace(found.trace) != Some(found.trace) {
            self.matching += 1;
        } else if let Some(place) = self.newest.iter().position(|one| one.trace == found.trace) {
            // A trace counts by its latest span.
            if self.newest[place].start >= found.start {
                return;
            }
            self.newest.remove(place);
        }
        let place = self.newest.partition_point(|one| one.start <= found.start);
        self.newest.insert(place, found);
        if self.newest.len() > NEWEST_MAX {
            self.newest.remove(0);
        }
    }
}

/// Different users, the frequent ones likelier.
fn users(count: usize, dice: &mut Dice) -> BTreeSet<u16> {
    let zipf = Zipf::new(USERS);
    let mut users = BTreeSet::new();
    for _ in 0..count * DRAWS_PER_USER {
        if users.len() == count {
            break;
        }
        users.insert(zipf.draw(dice));
    }
    users
}

impl ExpectedTraces {
    fn new(probe: &Probe, newest: Vec<KnownTrace>, names: &Names) -> Self {
        let terms = &probe.terms;
        let operation = terms.service.zip(terms.operation);
        let operation = operation.map(|(service, number)| &names.operations[service][number]);
        let service = terms.service.map(|service| SERVICES[service].to_owned());
        let mut attributes = BTreeMap::new();
        if let Some(code) = terms.status_code {
            attributes.insert("http.response.status_code", code.to_string());
        }
        if let Some(user) = terms.user {
            let mut value = Vec::new();
            spans::user_id(&mut value, user);
            attributes.insert("user.id", text(value));
        }
        let route = operation.filter(|_| terms.is_by_route);
        attributes.extend(route.map(|operation| ("http.route", operation.route.clone())));
        let name = operation.filter(|_| !terms.is_by_route);
        Self {
            service: service.filter(|_| !terms.is_by_route),
            operation: name.map(|operation| operation.name.clone()),
            duration_min_nanos: terms.duration_min,
            attributes,
            start_unix_nano: probe.range.start,
            end_unix_nano: probe.range.end,
            matching: probe.matching,
            newest,
        }
    }
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8_lossy(&bytes).into_owned()
}
