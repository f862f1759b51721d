//! One order of a shop, as real SDKs trace and log it: what has to arrive, field by field.
//!
//! `tests/node/order.mjs`, `tests/python/order.py` and `e2e/rust_sdk.rs` place the same order. Only the ids and
//! what an SDK says of itself differ, and the habits that are listed here.

use std::collections::BTreeMap;

use http::StatusCode;
use serde_json::{Value, json};

use crate::process::SpandrelProcess;

/// The name, version and schema of the scope.
pub const SCOPE: (&str, &str, &str) = (
    "shop.checkout",
    "0.7",
    "https://opentelemetry.io/schemas/1.44.0",
);

/// An order that was placed: the ids that the SDK chose, and what it says of itself.
#[derive(Debug, Clone)]
pub struct Order {
    /// The trace.
    pub trace_id: String,
    /// The root span, `POST /checkout`.
    pub checkout_span_id: String,
    /// Its child, `charge card`.
    pub charge_span_id: String,
    /// The attributes of the resource.
    pub resource: BTreeMap<String, String>,
    /// What the exporters complained of.
    pub failures: Vec<String>,
}

/// What SDKs do differently, each of them legally.
#[derive(Debug, Clone, Copy)]
pub struct Habits {
    /// The flags of spans: 0x100 says that the parent is known not to be remote, 1 that the span is sampled.
    pub span_flags: u32,
    /// The flags of the link to a remote and sampled span.
    pub link_flags: u32,
    /// Whether links carry their trace state.
    pub has_link_trace_state: bool,
    /// The flags of a log record within a span.
    pub log_flags: u32,
    /// Whether whole numbers are integers, which plain JavaScript does not know. Without them attributes are doubles,
    /// and times, which went through a double, are compared to the microsecond.
    pub has_integers: bool,
    /// Whether the scope has its schema.
    pub has_schema_url: bool,
}

/// The SDK for JavaScript, in Node and in browsers.
pub const JAVASCRIPT: Habits = Habits {
    span_flags: 0x101,
    link_flags: 0x301,
    has_link_trace_state: true,
    log_flags: 1,
    has_integers: true,
    has_schema_url: true,
};

impl Order {
    /// Reads what a program printed.
    pub fn from_json(printed: &Value) -> Self {
        let text = |name: &str| printed[name].as_str().unwrap().to_owned();
        let resource = printed["resource"].as_object().unwrap().iter();
        let failures = printed["failures"].as_array().unwrap().iter();
        Self {
            trace_id: text("trace_id"),
            checkout_span_id: text("checkout_span_id"),
            charge_span_id: text("charge_span_id"),
            resource: resource
                .map(|(key, value)| (key.clone(), value.as_str().unwrap().to_owned()))
                .collect(),
            failures: failures.map(|it| it.as_str().unwrap().to_owned()).collect(),
        }
    }

    /// Expects every field of its spans to be as they were sent.
    pub async fn assert_spans_are_stored(&self, spandrel: &SpandrelProcess, habits: &Habits) {
        let path = format!("/api/v1/traces/{}", self.trace_id);
        let answer = spandrel.api.get_json(&path).await;
        let found = records(&answer, ["resourceSpans", "scopeSpans", "spans"], habits);
        let spans = [self.checkout(habits), self.charge(habits)];
        assert_same(&found, &spans.map(|span| self.within(span, habits)));
    }

    /// Expects every field of its log records to be as they were sent, and no others to be of its resource.
    pub async fn assert_logs_are_stored(&self, spandrel: &SpandrelProcess, habits: &Habits) {
        let mut found = stored_logs(spandrel, habits).await;
        found.retain(|it| it["resource"] == json!(self.resource));
        let logs = [self.declined(habits), closing()];
        assert_same(&found, &logs.map(|record| self.within(record, habits)));
    }

    /// A record with what is around it.
    fn within(&self, record: Value, habits: &Habits) -> Value {
        let (name, version, schema_url) = SCOPE;
        json!({
            "resource": self.resource,
            "scope": { "name": name, "version": version },
            "schemaUrl": if habits.has_schema_url { json!(schema_url) } else { Value::Null },
            "record": record,
        })
    }

    fn checkout(&self, habits: &Habits) -> Value {
        let whole = |number: i32| whole(number, habits);
        let texts = json!([{ "stringValue": "visa" }, { "stringValue": "amex" }]);
        let doubles = json!([{ "doubleValue": 0.25 }, { "doubleValue": 1.75 }]);
        let wholes = json!([whole(1), whole(2)]);
        let truths = json!([{ "boolValue": true }, { "boolValue": false }]);
        let array = |values: Value| json!({ "arrayValue": { "values": values } });
        json!({
            "traceId": self.trace_id,
            "spanId": self.checkout_span_id,
            "flags": habits.span_flags,
            "name": "POST /checkout",
            "kind": 2,
            "startTimeUnixNano": time(1, habits),
            "endTimeUnixNano": time(250_000_005, habits),
            "attributes": [
                { "key": "shop.customer", "value": { "stringValue": "Zoë 🛒 \"quoted\"\n" } },
                { "key": "shop.note", "value": { "stringValue": "" } },
                { "key": "shop.items", "value": whole(3) },
                { "key": "shop.total", "value": { "doubleValue": 12.5 } },
                { "key": "shop.gift", "value": { "boolValue": true } },
                { "key": "shop.cards", "value": array(texts) },
                { "key": "shop.prices", "value": array(doubles) },
                { "key": "shop.quantities", "value": array(wholes) },
                { "key": "shop.flags", "value": array(truths) },
            ],
            "events": [{
                "timeUnixNano": time(50_000_002, habits),
                "name": "item reserved",
                "attributes": [
                    { "key": "shop.sku", "value": { "stringValue": "A-1" } },
                    { "key": "shop.shelf", "value": whole(7) },
                ],
            }],
            "status": {},
        })
    }

    fn charge(&self, habits: &Habits) -> Value {
        let mut link = json!({
            "traceId": "0af7651916cd43dd8448eb211c80319c",
            "spanId": "b7ad6b7169203331",
            "attributes": [{ "key": "shop.cart", "value": { "stringValue": "c-9" } }],
            "flags": habits.link_flags,
        });
        if habits.has_link_trace_state {
            link["traceState"] = json!("shop=cart");
        }
        json!({
            "traceId": self.trace_id,
            "spanId": self.charge_span_id,
            "parentSpanId": self.checkout_span_id,
            "flags": habits.span_flags,
            "name": "charge card",
            "kind": 3,
            "startTimeUnixNano": time(100_000_003, habits),
            "endTimeUnixNano": time(200_000_004, habits),
            "links": [link],
            "status": { "code": 2, "message": "card declined" },
        })
    }

    fn declined(&self, habits: &Habits) -> Value {
        let codes = json!([{ "stringValue": "51" }, { "stringValue": "05" }]);
        // By key, as `records` sorts them: an SDK may keep such a map without order.
        let body = json!([
            { "key": "attempts", "value": { "intValue": "2" } },
            { "key": "codes", "value": { "arrayValue": { "values": codes } } },
            { "key": "final", "value": { "boolValue": true } },
            { "key": "reason", "value": { "stringValue": "no money" } },
        ]);
        json!({
            "timeUnixNano": time(150_000_006, habits),
            "observedTimeUnixNano": time(150_000_007, habits),
            "severityNumber": 13,
            "severityText": "WARN",
            "eventName": "card.declined",
            "body": { "kvlistValue": { "values": body } },
            "attributes": [
                { "key": "shop.customer", "value": { "intValue": "17" } },
                { "key": "shop.card", "value": { "stringValue": "visa" } },
            ],
            "flags": habits.log_flags,
            "traceId": self.trace_id,
            "spanId": self.charge_span_id,
        })
    }
}

fn closing() -> Value {
    json!({
        "timeUnixNano": time(160_000_008, &JAVASCRIPT),
        "observedTimeUnixNano": time(160_000_009, &JAVASCRIPT),
        "severityNumber": 9,
        "severityText": "INFO",
        "body": { "stringValue": "the shop closes" },
    })
}

fn whole(number: i32, habits: &Habits) -> Value {
    if habits.has_integers {
        json!({ "intValue": number.to_string() })
    } else {
        json!({ "doubleValue": f64::from(number) })
    }
}

fn time(nanoseconds: u64, habits: &Habits) -> Value {
    json!(comparable(1_790_000_000_000_000_000 + nanoseconds, habits))
}

/// A time as it is compared: to the nanosecond, or rounded to the microsecond.
fn comparable(unix_nano: u64, habits: &Habits) -> String {
    if habits.has_integers {
        unix_nano.to_string()
    } else {
        format!("{}000", (unix_nano + 500) / 1000)
    }
}

/// Every log record that is stored, in order of time, each with what is around it.
pub async fn stored_logs(spandrel: &SpandrelProcess, habits: &Habits) -> Vec<Value> {
    let answer = spandrel
        .api
        .get("/api/v1/export?signal=logs&format=otlp")
        .await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let mut found: Vec<Value> = Vec::new();
    for line in answer.text().lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        found.extend(records(
            &line,
            ["resourceLogs", "scopeLogs", "logRecords"],
            habits,
        ));
    }
    found.sort_by_key(|it| it["record"]["timeUnixNano"].to_string());
    found
}

/// The records in OTLP JSON, each with what is around it.
fn records(answer: &Value, names: [&str; 3], habits: &Habits) -> Vec<Value> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let [resources, scopes, records] = names;
    let mut found = Vec::new();
    for resource in list(&answer[resources]) {
        let attributes = list(&resource["resource"]["attributes"]);
        let attributes: BTreeMap<String, Value> = attributes
            .iter()
            .map(|it| {
                (
                    it["key"].as_str().unwrap().to_owned(),
                    it["value"]["stringValue"].clone(),
                )
            })
            .collect();
        for scope in list(&resource[scopes]) {
            for mut record in list(&scope[records]) {
                normalize(&mut record, habits);
                found.push(json!({
                    "resource": attributes,
                    "scope": scope["scope"],
                    "schemaUrl": scope["schemaUrl"],
                    "record": record,
                }));
            }
        }
    }
    found
}

/// Sorts the maps in values by key, and makes times comparable.
fn normalize(value: &mut Value, habits: &Habits) {
    match value {
        Value::Object(fields) => {
            for (key, field) in fields {
                if key.to_lowercase().ends_with("timeunixnano") {
                    let unix_nano = field.as_str().unwrap().parse().unwrap();
                    *field = json!(comparable(unix_nano, habits));
                } else if key == "kvlistValue"
                    && let Some(values) = field["values"].as_array_mut()
                {
                    values.sort_by_key(|it| it["key"].to_string());
                } else {
                    normalize(field, habits);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| normalize(item, habits)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn assert_same(found: &[Value], expected: &[Value]) {
    let pretty = |values: &[Value]| serde_json::to_string_pretty(values).unwrap();
    assert!(
        found == expected,
        "what arrived is not what was sent\narrived: {}\nsent: {}",
        pretty(found),
        pretty(expected)
    );
}
