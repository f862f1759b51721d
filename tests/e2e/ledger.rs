//! Senders keep a ledger of what was acknowledged, while the server is killed again and again as it
//! seals, merges and deletes.

pub(crate) mod book;
pub(crate) mod sender;

use std::sync::Arc;
use std::time::{Duration, Instant};

use model::Signal;
use tests::{HttpClient, PATIENCE, SpandrelProcess};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;

use self::book::{Round, Work, try_counts, watch};
use self::sender::{Connection, Ledger, RECORDS, Request, send};

/// How often the server is killed; hundreds for a long run.
const KILLS: &str = "SPANDREL_TEST_KILLS";
const KILLS_DEFAULT: u64 = 12;
/// And so often more until splits have been merged and have expired.
const KILLS_MORE_MAX: u64 = 100;
const SENDERS: u64 = 4;
const RETENTION_AGE: Duration = Duration::from_secs(8);
/// Small enough that splits are being written, merged or deleted at the moment of most kills.
const FLAGS: [&str; 6] = [
    "--seal-rows",
    "40",
    "--seal-age",
    "1s",
    "--retention-age",
    "8s",
];
/// The server is killed after this many acknowledgements at least.
const ACKNOWLEDGED_MIN: u64 = 10;
/// And so many more at most.
const ACKNOWLEDGED_SPREAD: u64 = 600;

/// Everything that is known from outside of the server.
struct Campaign {
    spandrel: SpandrelProcess,
    rounds: Vec<Round>,
    work: Work,
    acknowledged: usize,
    unknown: usize,
    resent: usize,
    longest_restart: Duration,
}

impl Campaign {
    async fn begin() -> Self {
        Self {
            spandrel: SpandrelProcess::start_with(&FLAGS).await,
            rounds: Vec::new(),
            work: Work::default(),
            acknowledged: 0,
            unknown: 0,
            resent: 0,
            longest_restart: Duration::ZERO,
        }
    }

    /// Senders send and a reader looks until the server is killed.
    async fn send_until_kill(&mut self, number: u64) -> Round {
        let service = format!("round-{number}");
        let began = Instant::now();
        let acknowledged = Arc::new(Semaphore::new(0));
        let mut senders = JoinSet::new();
        for sender in 0..SENDERS {
            senders.spawn(send(
                Connection::open(&self.spandrel, sender),
                number * SENDERS + sender + 1,
                service.clone(),
                Arc::clone(&acknowledged),
            ));
        }
        let known = self.rounds.iter();
        let known = known.map(|round| (round.service.clone(), round.began, round.counts));
        let api = self.spandrel.api.clone();
        let mut reader = JoinSet::new();
        reader.spawn(watch(api, known.collect(), RETENTION_AGE));
        let enough = ACKNOWLEDGED_MIN + scrambled(number) % ACKNOWLEDGED_SPREAD;
        let enough = acknowledged.acquire_many(u32::try_from(enough).unwrap());
        let Ok(enough) = timeout(PATIENCE, enough).await else {
            panic!("too few acknowledgements\n{}", self.spandrel.log_tail());
        };
        enough.unwrap().forget();
        self.spandrel.kill().await;

        let mut ledger = Ledger::default();
        for of_sender in senders.join_all().await {
            ledger.add(of_sender);
        }
        for work in reader.join_all().await {
            self.work.add(work);
        }
        Round {
            service,
            began,
            ledger,
            counts: (0, 0),
        }
    }

    async fn restart(&mut self) {
        let began = Instant::now();
        self.spandrel.restart().await;
        self.longest_restart = self.longest_restart.max(began.elapsed());
    }

    /// A start is not over before something can be written and read.
    async fn probe(&self, number: u64) {
        let request = Request {
            signal: Signal::Traces,
            trace_id: format!("{:016x}{number:016x}", u64::MAX),
            service: "probe".to_owned(),
        };
        let connection = Connection::open(&self.spandrel, number);
        connection.export(&request).await.unwrap();
        let names = request.texts();
        assert_eq!(self.spandrel.trace(&request.trace_id).await.names(), names);
    }

    /// Compares what is stored with what was sent, and sends again what nobody answered: what is
    /// there twice then is there by the sender's doing.
    async fn close(&mut self, mut round: Round, number: u64) {
        let there = round.check(&self.spandrel).await;
        self.acknowledged += round.ledger.acknowledged.len();
        self.unknown += round.ledger.unknown.len();
        let mut copies = round.ledger.acknowledged.clone();
        copies.extend(there);
        if number.is_multiple_of(2) {
            let connection = Connection::open(&self.spandrel, number / 2);
            for request in std::mem::take(&mut round.ledger.unknown) {
                connection.export(&request).await.unwrap();
                copies.push(request.clone());
                round.ledger.acknowledged.push(request);
                self.resent += 1;
            }
        }
        let of = |signal| copies.iter().filter(|it| it.signal == signal).count() as u64 * RECORDS;
        round.counts = (of(Signal::Traces), of(Signal::Logs));
        let found = self.counts_of(&round.service).await;
        let is_checked = round.is_young(RETENTION_AGE);
        assert!(is_checked, "too slow to be checked before it expires");
        assert_eq!(found, round.counts, "{}: rows are doubled", round.service);
        self.rounds.push(round);
        self.rounds.retain(|round| round.is_young(RETENTION_AGE));
    }

    async fn counts_of(&self, service: &str) -> (u64, u64) {
        let api: &HttpClient = &self.spandrel.api;
        let counts = try_counts(api).await.unwrap();
        counts.get(service).copied().unwrap_or_default()
    }
}

/// Numbers without order, the same in each run.
fn scrambled(number: u64) -> u64 {
    let mixed = (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 32
}

fn kill_count() -> u64 {
    let count = std::env::var_os(KILLS);
    count.map_or(KILLS_DEFAULT, |text| {
        text.to_str().unwrap().parse().unwrap()
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_was_acknowledged_is_there_once_after_many_kills() {
    let mut campaign = Campaign::begin().await;
    let kills_min = kill_count();
    let mut kills = 0;
    // Until all of it has happened.
    while kills < kills_min || campaign.work.merges == 0 || campaign.work.expired == 0 {
        assert!(kills < kills_min + KILLS_MORE_MAX, "{:?}", campaign.work);
        let number = kills;
        kills += 1;
        let round = campaign.send_until_kill(number).await;
        campaign.restart().await;
        campaign.probe(number).await;
        campaign.close(round, number).await;
    }

    let Campaign {
        work,
        acknowledged,
        unknown,
        resent,
        longest_restart,
        ..
    } = campaign;
    #[expect(clippy::print_stdout, reason = "long runs are reported")]
    {
        println!(
            "{kills} kills, {acknowledged} requests acknowledged and all there once, {unknown} \
             without an answer, {resent} of them sent again; {work:?}; longest restart \
             {longest_restart:?}"
        );
    }
    assert!(work.seals > kills, "{work:?}");
    assert!(work.looks > kills, "{work:?}");
}
