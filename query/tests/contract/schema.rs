//! Every answer is what the OpenAPI document says, with no field left out and none added.

use std::collections::BTreeSet;

use http::Method;
use serde_json::Value;

use crate::shop::{self, BROWSE, ORDER, ORPHAN};
use crate::store::Store;

/// The document, and how answers are held against it.
struct Document(Value);

impl Document {
    async fn of(store: &Store) -> Self {
        Self(store.get("/api/v1/openapi.json").await.json())
    }

    /// The schema of the answer with this status.
    fn answer_schema(&self, path: &str, method: &str, status: u16) -> &Value {
        let operation = &self.0["paths"][path][method];
        let answer = self.resolve(&operation["responses"][status.to_string()]);
        let schema = &answer["content"]["application/json"]["schema"];
        assert!(
            schema.is_object(),
            "{method} {path} does not describe status {status}"
        );
        schema
    }

    fn resolve<'a>(&'a self, schema: &'a Value) -> &'a Value {
        let Some(reference) = schema["$ref"].as_str() else {
            return schema;
        };
        self.0
            .pointer(reference.strip_prefix('#').unwrap())
            .unwrap()
    }

    /// Panics with the place at which the value is not what the schema says.
    fn check(&self, schema: &Value, value: &Value, place: &str) {
        let schema = self.resolve(schema);
        if let Some(choices) = schema["oneOf"].as_array() {
            let types = |choice: &Value| self.allows_type_of(self.resolve(choice), value);
            let choice = choices.iter().find(|choice| types(choice));
            let choice =
                choice.unwrap_or_else(|| panic!("{place}: {value} is none of the choices"));
            return self.check(choice, value, place);
        }
        assert!(
            self.allows_type_of(schema, value),
            "{place}: {value} is no {}",
            schema["type"]
        );
        if let Some(words) = schema["enum"].as_array() {
            assert!(
                words.contains(value),
                "{place}: {value} is none of {words:?}"
            );
        }
        match value {
            Value::Object(fields) => {
                let mut described = BTreeSet::new();
                self.check_fields(schema, value, place, &mut described);
                for name in fields.keys() {
                    let is_free =
                        schema.get("properties").is_none() && schema.get("allOf").is_none();
                    assert!(
                        is_free || described.contains(name),
                        "{place}.{name} is not described"
                    );
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.check(&schema["items"], item, &format!("{place}[{index}]"));
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn check_fields(
        &self,
        schema: &Value,
        value: &Value,
        place: &str,
        described: &mut BTreeSet<String>,
    ) {
        let schema = self.resolve(schema);
        for part in schema["allOf"].as_array().into_iter().flatten() {
            self.check_fields(part, value, place, described);
        }
        for name in schema["required"].as_array().into_iter().flatten() {
            let name = name.as_str().unwrap();
            assert!(value.get(name).is_some(), "{place}.{name} is missing");
        }
        for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
            described.insert(name.clone());
            if let Some(value) = value.get(name) {
                self.check(schema, value, &format!("{place}.{name}"));
            }
        }
    }

    fn allows_type_of(&self, schema: &Value, value: &Value) -> bool {
        let is = |name: &str| match name {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "boolean" => value.is_boolean(),
            "integer" => value.is_i64() || value.is_u64(),
            "number" => value.is_number(),
            "null" => value.is_null(),
            other => panic!("unknown type {other}"),
        };
        match &schema["type"] {
            Value::String(name) => is(name),
            Value::Array(names) => names.iter().any(|name| is(name.as_str().unwrap())),
            // Parts say what the type is.
            _ => value.is_object(),
        }
    }
}

/// Route and request, one pair to a line.
const QUESTIONS: &str = "
    /api/v1/traces                         /api/v1/traces?limit=2
    /api/v1/traces                         /api/v1/traces?order=slowest
    /api/v1/traces                         /api/v1/traces?q=:
    /api/v1/traces/{trace_id}              /api/v1/traces/ORDER
    /api/v1/traces/{trace_id}              /api/v1/traces/ORPHAN
    /api/v1/traces/{trace_id}              /api/v1/traces/ff
    /api/v1/traces/{trace_id}              /api/v1/traces/ffffffffffffffffffffffffffffffff
    /api/v1/traces/{trace_id}/skeleton     /api/v1/traces/BROWSE/skeleton
    /api/v1/traces/{trace_id}/skeleton     /api/v1/traces/ORPHAN/skeleton
    /api/v1/logs                           /api/v1/logs
    /api/v1/logs                           /api/v1/logs?limit=1
    /api/v1/logs/count                     /api/v1/logs/count?q=service:payment
    /api/v1/logs/count                     /api/v1/logs/count?q=body~x
    /api/v1/logs/count                     /api/v1/logs/count?q=body~(
    /api/v1/logs/count                     /api/v1/logs/count?limit=1
    /api/v1/logs/patterns                  /api/v1/logs/patterns
    /api/v1/logs/patterns                  /api/v1/logs/patterns?limit=0
    /api/v1/services                       /api/v1/services
    /api/v1/services/{service}/operations  /api/v1/services/cart/operations
    /api/v1/status                         /api/v1/status
    /api/v1/status/ingest                  /api/v1/status/ingest
    /api/v1/status/ingest                  /api/v1/status/ingest?x=1
    /api/v1/openapi.json                   /api/v1/openapi.json
";

#[tokio::test]
async fn every_answer_is_what_the_document_describes() {
    let store = shop::store().await;
    let document = Document::of(&store).await;
    let names = [("ORDER", ORDER), ("ORPHAN", ORPHAN), ("BROWSE", BROWSE)];
    for line in QUESTIONS.trim().lines() {
        let (route, path) = line.trim().split_once(' ').unwrap();
        let path = names
            .iter()
            .fold(path.trim().to_owned(), |path, (name, id)| {
                path.replace(name, id)
            });
        let answer = store.get(&path).await;
        document.check(
            document.answer_schema(route, "get", answer.status),
            &answer.json(),
            &path,
        );
    }
    let path = format!("/api/v1/traces/{ORDER}/spans");
    for body in [r#"{"span_ids":["00000000000000b1"]}"#, "?"] {
        let answer = store.ask(Method::POST, &path, body).await;
        let route = "/api/v1/traces/{trace_id}/spans";
        document.check(
            document.answer_schema(route, "post", answer.status),
            &answer.json(),
            body,
        );
    }
}
