use std::collections::{BTreeMap, HashSet};

use proptest::prelude::*;
use tokio::runtime::Runtime;

use super::*;
use crate::database::Database;

const TOPOLOGY: [(&str, &[&str]); 2] = [("orders", &["mail", "ledger"]), ("stock", &["ledger"])];
const GROUPS: [&str; 2] = ["mail", "ledger"];

fn message(id: &str, topic: &str) -> BusMessage {
    BusMessage {
        id: id.to_owned(),
        topic: topic.to_owned(),
        kind: "test".to_owned(),
        headers: HashMap::from([("traceparent".to_owned(), "00-aa-bb-01".to_owned())]),
        body: vec![1, 2, 3],
        ..BusMessage::default()
    }
}

/// The broker's tables, in a file of its own.
struct Broker {
    runtime: Runtime,
    database: Database,
    _directory: tempfile::TempDir,
}

impl Broker {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("bus.db");
        let database = Database::open(&path, "bus", SCHEMA, |tx| subscribe(tx, &TOPOLOGY)).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        Self {
            runtime,
            database,
            _directory: directory,
        }
    }

    fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Statements<'_>) -> Result<T, DatabaseError> + Send + 'static,
    ) -> T {
        self.runtime.block_on(self.database.untraced(work)).unwrap()
    }

    fn publish(&self, id: &str, topic: &str, now_ms: i64) -> Published {
        let message = message(id, topic);
        self.run(move |tx| publish(tx, &message, now_ms))
    }

    fn lease(&self, group: &str, max: u32, now_ms: i64) -> Leased {
        let group = group.to_owned();
        self.run(move |tx| lease(tx, &group, max, now_ms))
    }

    /// Ids and delivery counts of what is leased.
    fn ids(&self, group: &str, now_ms: i64) -> Vec<(String, u32)> {
        let deliveries = self.lease(group, 100, now_ms).deliveries.into_iter();
        deliveries
            .map(|d| (d.message.unwrap().id, d.delivery_count))
            .collect()
    }

    fn settle(&self, group: &str, sequence: i64, count: u32, ok: bool, now_ms: i64) {
        self.settle_for(group, sequence, count, ok, now_ms);
    }

    fn settle_for(
        &self,
        group: &str,
        sequence: i64,
        count: u32,
        acknowledged: bool,
        now_ms: i64,
    ) -> Option<DeadLetter> {
        let group = group.to_owned();
        let settlement = Settlement {
            sequence,
            delivery_count: count,
            acknowledged,
            reason: "no luck".to_owned(),
        };
        self.run(move |tx| settle(tx, &group, &settlement, now_ms))
    }

    fn count(&self, sql: &'static str) -> i64 {
        self.run(move |tx| tx.query_optional(sql, [], |row| row.get(0)))
            .unwrap()
    }

    fn kept_messages(&self) -> i64 {
        self.count("SELECT count(*) FROM messages")
    }

    fn dead_letters(&self) -> i64 {
        self.count("SELECT count(*) FROM dead_letters")
    }
}

#[test]
fn a_message_is_delivered_unchanged_to_every_group_of_its_topic() {
    let broker = Broker::new();

    assert_eq!(
        broker.publish("a", "orders", 0),
        Published::Kept { groups: 2 }
    );

    for group in GROUPS {
        let leased = broker.lease(group, 10, 0);
        assert_eq!(leased.deliveries[0].message, Some(message("a", "orders")));
    }
}

#[test]
fn a_message_published_twice_is_delivered_once() {
    let broker = Broker::new();

    broker.publish("a", "stock", 0);
    assert_eq!(broker.publish("a", "stock", 0), Published::Duplicate);

    assert_eq!(broker.ids("ledger", 0), [("a".to_owned(), 1)]);
}

#[test]
fn an_unknown_topic_is_refused() {
    assert_eq!(
        Broker::new().publish("a", "weather", 0),
        Published::UnknownTopic
    );
}

#[test]
fn a_message_goes_away_when_its_last_group_has_acknowledged_it() {
    let broker = Broker::new();
    broker.publish("a", "orders", 0);

    for (group, kept_after) in [("mail", 1), ("ledger", 0)] {
        let delivery = &broker.lease(group, 1, 0).deliveries[0];
        broker.settle(group, delivery.sequence, 1, true, 0);
        assert_eq!(broker.kept_messages(), kept_after);
    }
}

#[test]
fn a_lease_that_ran_out_is_delivered_again_and_its_late_answer_changes_nothing() {
    let broker = Broker::new();
    broker.publish("a", "stock", 0);
    let first = broker.lease("ledger", 1, 0).deliveries.remove(0);

    assert_eq!(broker.ids("ledger", LEASE_MS - 1), []);
    assert_eq!(broker.ids("ledger", LEASE_MS), [("a".to_owned(), 2)]);
    broker.settle(
        "ledger",
        first.sequence,
        first.delivery_count,
        true,
        LEASE_MS,
    );

    assert_eq!(broker.kept_messages(), 1);
}

#[test]
fn a_message_that_is_always_given_back_becomes_a_dead_letter() {
    let broker = Broker::new();
    broker.publish("a", "stock", 0);
    let mut now_ms = 0;

    for count in 1..DELIVERIES_MAX {
        let delivery = broker.lease("ledger", 1, now_ms).deliveries.remove(0);
        assert_eq!(
            broker.settle_for("ledger", delivery.sequence, count, false, now_ms),
            None
        );
        now_ms += REDELIVERY_DELAY_MS * i64::from(count);
    }
    let last = broker.lease("ledger", 1, now_ms).deliveries.remove(0);
    let dead = broker.settle_for("ledger", last.sequence, DELIVERIES_MAX, false, now_ms);

    let expected = DeadLetter {
        group: "ledger".to_owned(),
        message_id: "a".to_owned(),
        topic: "stock".to_owned(),
        delivery_count: DELIVERIES_MAX,
        reason: "no luck".to_owned(),
    };
    assert_eq!(dead, Some(expected));
    assert_eq!((broker.kept_messages(), broker.dead_letters()), (0, 1));
}

#[derive(Clone, Debug)]
enum Operation {
    Publish {
        topic: usize,
    },
    Lease {
        group: usize,
        max: u32,
    },
    /// Settles the `index`-th delivery that is still unsettled.
    Settle {
        index: usize,
        acknowledged: bool,
    },
    Wait {
        ms: i64,
    },
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        (0..TOPOLOGY.len()).prop_map(|topic| Operation::Publish { topic }),
        (0..GROUPS.len(), 1..4_u32).prop_map(|(group, max)| Operation::Lease { group, max }),
        (0..8_usize, any::<bool>()).prop_map(|(index, acknowledged)| Operation::Settle {
            index,
            acknowledged
        }),
        prop_oneof![
            Just(REDELIVERY_DELAY_MS),
            Just(LEASE_MS / 2),
            Just(LEASE_MS)
        ]
        .prop_map(|ms| Operation::Wait { ms }),
    ]
}

/// What a delivery row is in the model: when it is visible and how often it was delivered.
type Rows = BTreeMap<(usize, i64), (i64, u32)>;

/// The broker as a map; answers must be the same.
#[derive(Default)]
struct Model {
    now_ms: i64,
    published: i64,
    rows: Rows,
    dead: usize,
    open: Vec<(usize, i64, u32)>,
}

impl Model {
    fn publish(&mut self, topic: usize) {
        self.published += 1;
        for group in TOPOLOGY[topic].1 {
            let group = GROUPS.iter().position(|known| known == group).unwrap();
            self.rows.insert((group, self.published), (self.now_ms, 0));
        }
    }

    fn lease(&mut self, group: usize, max: u32) -> Vec<(i64, u32)> {
        let visible = self
            .rows
            .iter()
            .filter(|((of, _), row)| *of == group && row.0 <= self.now_ms);
        let visible: Vec<_> = visible
            .map(|(key, row)| (*key, *row))
            .take(max as usize)
            .collect();
        let mut leased = Vec::new();
        for (key, (_, count)) in visible {
            if count >= DELIVERIES_MAX {
                self.rows.remove(&key);
                self.dead += 1;
                continue;
            }
            self.rows.insert(key, (self.now_ms + LEASE_MS, count + 1));
            self.open.push((group, key.1, count + 1));
            leased.push((key.1, count + 1));
        }
        leased
    }

    fn settle(&mut self, (group, sequence, count): (usize, i64, u32), acknowledged: bool) {
        let key = (group, sequence);
        if self.rows.get(&key).is_none_or(|row| row.1 != count) {
            return;
        }
        if acknowledged {
            self.rows.remove(&key);
        } else if count >= DELIVERIES_MAX {
            self.rows.remove(&key);
            self.dead += 1;
        } else {
            let delay = REDELIVERY_DELAY_MS * i64::from(count);
            self.rows.insert(key, (self.now_ms + delay, count));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn the_broker_equals_its_model(operations in prop::collection::vec(operation(), 1..60)) {
        let broker = Broker::new();
        let mut model = Model::default();
        for operation in operations {
            match operation {
                Operation::Publish { topic } => {
                    model.publish(topic);
                    broker.publish(&format!("m{}", model.published), TOPOLOGY[topic].0, model.now_ms);
                }
                Operation::Lease { group, max } => {
                    let leased = broker.lease(GROUPS[group], max, model.now_ms);
                    let leased: Vec<_> =
                        leased.deliveries.iter().map(|d| (d.sequence, d.delivery_count)).collect();
                    prop_assert_eq!(leased, model.lease(group, max));
                }
                Operation::Settle { index, acknowledged } => {
                    if index < model.open.len() {
                        let open = model.open.remove(index);
                        model.settle(open, acknowledged);
                        broker.settle(GROUPS[open.0], open.1, open.2, acknowledged, model.now_ms);
                    }
                }
                Operation::Wait { ms } => model.now_ms += ms,
            }
        }
        let kept: HashSet<i64> = model.rows.keys().map(|(_, sequence)| *sequence).collect();
        prop_assert_eq!(usize::try_from(broker.kept_messages()).unwrap(), kept.len());
        prop_assert_eq!(usize::try_from(broker.dead_letters()).unwrap(), model.dead);
    }
}
