//! Who sends, what of it arrived, and what went wrong last: the answer to "why is my data not here".
//!
//! Bounded in every direction: a crowd of senders, or one that changes its name with each request, pushes out
//! those that nothing was ever accepted from, and of these those that were not heard for longest. A sender whose
//! records are here is pushed out by its like only.

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};

use access::SenderName;
use http::Request;
use http::header::USER_AGENT;
use model::UnixNanos;
use parking_lot::Mutex;

/// Most senders that are remembered.
const SENDERS_MAX: usize = 256;
/// Most services that are named for one sender.
const SERVICES_MAX: usize = 32;
/// Most different problems that are remembered for one sender.
const PROBLEMS_MAX: usize = 8;
/// Longest name of a program or service that is kept, in bytes.
const NAME_BYTES_MAX: usize = 200;

/// The other end of a connection, as an extension of its requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// What one sender is known by. Connections of one program come and go, so ports do not count.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Sender {
    address: Option<IpAddr>,
    user_agent: String,
    name: Option<SenderName>,
}

impl Sender {
    /// Whoever connected, before it said anything that can be read.
    pub(crate) fn of_connection(peer: SocketAddr) -> Self {
        Self {
            address: Some(peer.ip().to_canonical()),
            user_agent: String::new(),
            name: None,
        }
    }

    /// The sender of a request with this head.
    pub(crate) fn of<B>(request: &Request<B>) -> Self {
        let peer = request.extensions().get::<Peer>().copied();
        let user_agent = request.headers().get(USER_AGENT);
        let user_agent = user_agent.map(|value| value.as_bytes());
        let user_agent = String::from_utf8_lossy(user_agent.unwrap_or_default());
        Self {
            address: peer.map(|Peer(address)| address.ip().to_canonical()),
            user_agent: bounded(&user_agent),
            name: request.extensions().get().cloned(),
        }
    }
}

/// What happened to one request.
#[derive(Debug)]
pub(crate) struct Event<'a> {
    pub(crate) at: UnixNanos,
    /// The value of the label `protocol`.
    pub(crate) protocol: &'static str,
    /// The value of the label `signal`; `None` where the request did not say.
    pub(crate) signal: Option<&'static str>,
    pub(crate) is_acknowledged: bool,
    pub(crate) accepted: u64,
    pub(crate) rejected: u64,
    pub(crate) services: &'a [String],
    pub(crate) complaints: Vec<Complaint>,
}

/// Something that is wrong with a request, and how to change it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Complaint {
    /// The value of the label `reason`, or a word of its own where the request was accepted.
    pub(crate) reason: &'static str,
    /// What the sender was told, such as `503` or `UNAVAILABLE`.
    pub(crate) answer: String,
    pub(crate) message: String,
    pub(crate) advice: String,
}

/// A sender as [`crate::CollectorMetrics::senders`] tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SenderReport {
    /// Where it connects from; `None` when the system did not say.
    pub address: Option<IpAddr>,
    /// What it calls itself; empty when it does not.
    pub user_agent: String,
    /// The name of the token it showed.
    pub token_name: Option<String>,
    /// How it sends, such as `otlp_grpc`.
    pub protocols: BTreeSet<&'static str>,
    /// Services whose telemetry came from it, at most 32.
    pub services: BTreeSet<String>,
    /// When its first request ended.
    pub first_seen: UnixNanos,
    /// When its latest request ended.
    pub last_seen: UnixNanos,
    /// Requests that were acknowledged, in whole or in part.
    pub requests_acknowledged: u64,
    /// Requests that were refused.
    pub requests_refused: u64,
    /// Spans and log records that were acknowledged.
    pub records_accepted: u64,
    /// Records that were rejected from acknowledged requests.
    pub records_rejected: u64,
    /// What went wrong, latest first, each kind once, at most 8.
    pub problems: Vec<Problem>,
}

/// A kind of problem of one sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// How it was sent, such as `otlp_http`.
    pub protocol: &'static str,
    /// What was sent, such as `traces`; `None` where the request did not say.
    pub signal: Option<&'static str>,
    /// The kind of problem, such as `too_large`.
    pub reason: &'static str,
    /// What the sender was told the last time, such as `503` or `UNAVAILABLE`.
    pub answer: String,
    /// The text it was told the last time.
    pub message: String,
    /// What to change, and where.
    pub advice: String,
    /// How often it happened.
    pub count: u64,
    /// When it happened first.
    pub first_seen: UnixNanos,
    /// When it happened last.
    pub last_seen: UnixNanos,
}

/// Remembers the senders.
#[derive(Debug, Default)]
pub(crate) struct Senders {
    reports: Mutex<HashMap<Sender, SenderReport>>,
}

impl Senders {
    /// Adds what happened to one request of `sender`.
    pub(crate) fn record(&self, sender: &Sender, event: Event<'_>) {
        let mut reports = self.reports.lock();
        if let Some(report) = reports.get_mut(sender) {
            report.add(event);
            return;
        }
        if reports.len() >= SENDERS_MAX {
            let rank = |report: &SenderReport| (report.records_accepted > 0, report.last_seen);
            let quietest = reports.iter().min_by_key(|(_, report)| rank(report));
            let quietest = quietest.map(|(sender, _)| sender.clone());
            quietest.and_then(|sender| reports.remove(&sender));
        }
        let mut report = SenderReport::new(sender, event.at);
        report.add(event);
        reports.insert(sender.clone(), report);
    }

    /// All senders that are remembered, the latest heard first.
    pub(crate) fn report(&self) -> Vec<SenderReport> {
        let mut reports: Vec<SenderReport> = self.reports.lock().values().cloned().collect();
        reports.sort_by(|a, b| {
            let names = |it: &SenderReport| (it.address, it.user_agent.clone());
            b.last_seen
                .cmp(&a.last_seen)
                .then_with(|| names(a).cmp(&names(b)))
        });
        reports
    }
}

impl SenderReport {
    fn new(sender: &Sender, at: UnixNanos) -> Self {
        Self {
            address: sender.address,
            user_agent: sender.user_agent.clone(),
            token_name: sender.name.as_ref().map(SenderName::to_string),
            protocols: BTreeSet::new(),
            services: BTreeSet::new(),
            first_seen: at,
            last_seen: at,
            requests_acknowledged: 0,
            requests_refused: 0,
            records_accepted: 0,
            records_rejected: 0,
            problems: Vec::new(),
        }
    }

    fn add(&mut self, event: Event<'_>) {
        self.last_seen = event.at;
        self.protocols.insert(event.protocol);
        if event.is_acknowledged {
            self.requests_acknowledged += 1;
        } else {
            self.requests_refused += 1;
        }
        self.records_accepted += event.accepted;
        self.records_rejected += event.rejected;
        for service in event.services {
            if self.services.len() < SERVICES_MAX && !self.services.contains(service) {
                self.services.insert(bounded(service));
            }
        }
        for complaint in event.complaints {
            self.complain(event.at, event.protocol, event.signal, complaint);
        }
    }

    /// Keeps the problem at the front; a new kind pushes out the one not seen for longest.
    fn complain(
        &mut self,
        at: UnixNanos,
        protocol: &'static str,
        signal: Option<&'static str>,
        complaint: Complaint,
    ) {
        let kind = |it: &Problem| (it.protocol, it.signal, it.reason);
        let same = |it: &Problem| kind(it) == (protocol, signal, complaint.reason);
        let known = self.problems.iter().position(same);
        let known = known.map(|position| self.problems.remove(position));
        let (count, first_seen) = known.map_or((0, at), |it| (it.count, it.first_seen));
        let problem = Problem {
            protocol,
            signal,
            reason: complaint.reason,
            answer: complaint.answer,
            message: complaint.message,
            advice: complaint.advice,
            count: count + 1,
            first_seen,
            last_seen: at,
        };
        self.problems.truncate(PROBLEMS_MAX - 1);
        self.problems.insert(0, problem);
    }
}

/// At most `NAME_BYTES_MAX` of a name.
fn bounded(name: &str) -> String {
    let mut end = NAME_BYTES_MAX.min(name.len());
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name.get(..end).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sender(user_agent: &str) -> Sender {
        Sender {
            address: Some(IpAddr::from([10, 0, 0, 7])),
            user_agent: user_agent.to_owned(),
            name: None,
        }
    }

    fn taken(at: u64, services: &[String]) -> Event<'_> {
        Event {
            at: UnixNanos(at),
            protocol: "otlp_grpc",
            signal: Some("traces"),
            is_acknowledged: true,
            accepted: 5,
            rejected: 1,
            services,
            complaints: Vec::new(),
        }
    }

    fn refused(at: u64, reason: &'static str) -> Event<'static> {
        let complaint = Complaint {
            reason,
            answer: "503".to_owned(),
            message: format!("at {at}"),
            advice: "wait".to_owned(),
        };
        Event {
            at: UnixNanos(at),
            protocol: "otlp_http",
            signal: Some("logs"),
            is_acknowledged: false,
            accepted: 0,
            rejected: 0,
            services: &[],
            complaints: vec![complaint],
        }
    }

    #[test]
    fn a_sender_is_told_of_with_everything_that_came_from_it() {
        let senders = Senders::default();
        senders.record(&sender("python"), taken(1, &["shop".to_owned()]));
        senders.record(&sender("rust"), taken(2, &[]));
        senders.record(&sender("python"), refused(3, "overloaded"));
        senders.record(&sender("python"), refused(4, "too_large"));
        senders.record(&sender("python"), refused(5, "overloaded"));

        let reports = senders.report();

        let names: Vec<&str> = reports.iter().map(|it| it.user_agent.as_str()).collect();
        assert_eq!(names, ["python", "rust"]);
        let python = &reports[0];
        assert_eq!(python.protocols, BTreeSet::from(["otlp_grpc", "otlp_http"]));
        assert_eq!(python.services, BTreeSet::from(["shop".to_owned()]));
        assert_eq!(
            (python.first_seen, python.last_seen),
            (UnixNanos(1), UnixNanos(5))
        );
        assert_eq!(
            (python.requests_acknowledged, python.requests_refused),
            (1, 3)
        );
        assert_eq!((python.records_accepted, python.records_rejected), (5, 1));
        let problems: Vec<_> = python
            .problems
            .iter()
            .map(|it| (it.reason, it.count, it.first_seen.0, it.message.as_str()))
            .collect();
        assert_eq!(
            problems,
            [("overloaded", 2, 3, "at 5"), ("too_large", 1, 4, "at 4")]
        );
    }

    #[test]
    fn what_was_not_heard_for_longest_is_forgotten_first() {
        let senders = Senders::default();
        let count = u64::try_from(SENDERS_MAX).unwrap();
        for at in 0..=count {
            senders.record(&sender(&format!("agent {at}")), taken(at, &[]));
        }

        let reports = senders.report();

        assert_eq!(reports.len(), SENDERS_MAX);
        assert_eq!(reports[0].user_agent, format!("agent {count}"));
        assert_eq!(reports[SENDERS_MAX - 1].user_agent, "agent 1");
    }

    #[test]
    fn a_crowd_of_strangers_pushes_out_no_sender_whose_records_are_here() {
        let senders = Senders::default();
        let real = u64::try_from(SENDERS_MAX).unwrap() - 1;
        for at in 0..real {
            senders.record(&sender(&format!("agent {at}")), taken(at, &[]));
        }
        for at in real..real + 1000 {
            let stranger = sender(&format!("stranger {at}"));
            senders.record(&stranger, refused(at, "unauthenticated"));
        }

        let reports = senders.report();

        assert_eq!(reports.len(), SENDERS_MAX);
        let is_real = |it: &&SenderReport| it.user_agent.starts_with("agent");
        assert_eq!(reports.iter().filter(is_real).count() as u64, real);
        let last = format!("stranger {}", real + 999);
        assert_eq!(reports[0].user_agent, last);

        // Once something of a stranger is here, it counts as much as others.
        senders.record(&sender(&last), taken(9_000, &[]));
        senders.record(&sender("stranger"), refused(9_001, "unauthenticated"));
        let names: Vec<_> = senders
            .report()
            .into_iter()
            .map(|it| it.user_agent)
            .collect();
        assert!(names.contains(&last));
        assert!(!names.contains(&"agent 0".to_owned()));
    }

    #[test]
    fn one_sender_holds_a_bounded_number_of_problems_and_services() {
        const REASONS: [&str; 10] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];
        let senders = Senders::default();
        let services: Vec<String> = (0..100).map(|number| format!("s{number}")).collect();
        senders.record(&sender("python"), taken(0, &services));
        for (at, reason) in (1..).zip(REASONS) {
            senders.record(&sender("python"), refused(at, reason));
        }

        let [python] = senders.report().try_into().unwrap();

        let reasons: Vec<&str> = python.problems.iter().map(|it| it.reason).collect();
        assert_eq!(reasons, ["j", "i", "h", "g", "f", "e", "d", "c"]);
        assert_eq!(python.services.len(), SERVICES_MAX);
    }
}
