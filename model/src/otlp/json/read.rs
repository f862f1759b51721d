//! OTLP JSON to protobuf messages.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as ProtoValue;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, EntityRef, InstrumentationScope, KeyValue, KeyValueList,
};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use serde_json::{Map, Value};

use crate::otlp::DecodeError;

/// What is wrong with a field, and where, from the inside out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FieldError {
    path: Vec<String>,
    problem: &'static str,
}

impl FieldError {
    fn new(problem: &'static str) -> Self {
        Self {
            path: Vec::new(),
            problem,
        }
    }

    fn within(mut self, step: String) -> Self {
        self.path.push(step);
        self
    }
}

impl From<FieldError> for DecodeError {
    fn from(error: FieldError) -> Self {
        let mut path = String::new();
        for step in error.path.iter().rev() {
            if !path.is_empty() && !step.starts_with('[') {
                path.push('.');
            }
            path.push_str(step);
        }
        Self::Field {
            path,
            problem: error.problem,
        }
    }
}

type Read<T> = Result<T, FieldError>;

pub(in crate::otlp) fn traces_request(
    body: &[u8],
) -> Result<ExportTraceServiceRequest, DecodeError> {
    let json: Value = serde_json::from_slice(body).map_err(DecodeError::Json)?;
    let object = Object::of(&json)?;
    Ok(ExportTraceServiceRequest {
        resource_spans: object.list("resourceSpans", resource_spans)?,
    })
}

pub(in crate::otlp) fn logs_request(body: &[u8]) -> Result<ExportLogsServiceRequest, DecodeError> {
    let json: Value = serde_json::from_slice(body).map_err(DecodeError::Json)?;
    let object = Object::of(&json)?;
    Ok(ExportLogsServiceRequest {
        resource_logs: object.list("resourceLogs", resource_logs)?,
    })
}

/// Counts data points without reading what is in them.
pub(in crate::otlp) fn metric_point_count(body: &[u8]) -> Result<u64, DecodeError> {
    const KINDS: [&str; 5] = [
        "gauge",
        "sum",
        "histogram",
        "exponentialHistogram",
        "summary",
    ];
    let json: Value = serde_json::from_slice(body).map_err(DecodeError::Json)?;
    let count_metric = |metric: &Value| {
        let object = Object::of(metric)?;
        let mut count = 0;
        for kind in KINDS {
            if let Some(data) = object.get(kind) {
                count += Object::of(data)?.list("dataPoints", |_| Ok(()))?.len();
            }
        }
        Ok(count)
    };
    let count_scope = |scope: &Value| {
        let counts = Object::of(scope)?.list("metrics", count_metric)?;
        Ok(counts.iter().sum::<usize>())
    };
    let count_resource = |resource: &Value| {
        let counts = Object::of(resource)?.list("scopeMetrics", count_scope)?;
        Ok(counts.iter().sum::<usize>())
    };
    let counts = Object::of(&json)?.list("resourceMetrics", count_resource)?;
    Ok(counts.iter().sum::<usize>() as u64)
}

/// A JSON object whose fields are read by name; `null` is the same as missing.
struct Object<'a>(&'a Map<String, Value>);

impl<'a> Object<'a> {
    fn of(value: &'a Value) -> Read<Self> {
        value
            .as_object()
            .map(Self)
            .ok_or_else(|| FieldError::new("must be an object"))
    }

    fn get(&self, key: &str) -> Option<&'a Value> {
        self.0.get(key).filter(|value| !value.is_null())
    }

    fn field<T>(&self, key: &str, read: impl FnOnce(&'a Value) -> Read<T>) -> Read<Option<T>> {
        self.get(key)
            .map(|value| read(value).map_err(|error| error.within(key.to_owned())))
            .transpose()
    }

    fn list<T>(&self, key: &str, read: impl Fn(&'a Value) -> Read<T>) -> Read<Vec<T>> {
        let Some(value) = self.get(key) else {
            return Ok(Vec::new());
        };
        let items = value
            .as_array()
            .ok_or_else(|| FieldError::new("must be an array").within(key.to_owned()))?;
        let read_item = |(index, item)| {
            read(item).map_err(|error| error.within(format!("[{index}]")).within(key.to_owned()))
        };
        items.iter().enumerate().map(read_item).collect()
    }

    fn string(&self, key: &str) -> Read<String> {
        Ok(self.field(key, string)?.unwrap_or_default())
    }

    fn u64(&self, key: &str) -> Read<u64> {
        let read = |value: &Value| {
            u64::try_from(integer(value)?).map_err(|_| FieldError::new("is out of range"))
        };
        Ok(self.field(key, read)?.unwrap_or_default())
    }

    fn u32(&self, key: &str) -> Read<u32> {
        let read = |value: &Value| {
            u32::try_from(integer(value)?).map_err(|_| FieldError::new("is out of range"))
        };
        Ok(self.field(key, read)?.unwrap_or_default())
    }

    fn i32(&self, key: &str) -> Read<i32> {
        let read = |value: &Value| {
            i32::try_from(integer(value)?).map_err(|_| FieldError::new("is out of range"))
        };
        Ok(self.field(key, read)?.unwrap_or_default())
    }

    /// Ids are hex. Text that is not becomes one byte, an id of the wrong length, so that the record is
    /// judged singly like any other record with an invalid id.
    fn id(&self, key: &str) -> Read<Vec<u8>> {
        let text = self.string(key)?;
        Ok(hex::decode(&text).unwrap_or_else(|_| vec![0]))
    }
}

fn string(value: &Value) -> Read<String> {
    value
        .as_str()
        .map(ToOwned::to_owned)
        .ok_or_else(|| FieldError::new("must be a string"))
}

/// An integer as proto3 JSON allows it: a number, a decimal string, or either with a zero fraction or exponent.
fn integer(value: &Value) -> Read<i128> {
    let problem = || FieldError::new("must be an integer");
    match value {
        Value::Number(number) => {
            if let Some(unsigned) = number.as_u64() {
                return Ok(i128::from(unsigned));
            }
            if let Some(signed) = number.as_i64() {
                return Ok(i128::from(signed));
            }
            whole(number.as_f64().ok_or_else(problem)?)
        }
        Value::String(text) => match text.parse::<i128>() {
            Ok(number) => Ok(number),
            Err(_) => whole(text.parse::<f64>().map_err(|_| problem())?),
        },
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => Err(problem()),
    }
}

fn whole(number: f64) -> Read<i128> {
    // Beyond 2^64 nothing fits any field, and below that the cast is exact for whole numbers.
    if number.fract() == 0.0 && number.abs() <= 18_446_744_073_709_551_616.0 {
        Ok(number as i128)
    } else {
        Err(FieldError::new("must be an integer"))
    }
}

fn double(value: &Value) -> Read<f64> {
    let problem = || FieldError::new("must be a number");
    match value {
        Value::Number(number) => number.as_f64().ok_or_else(problem),
        Value::String(text) => match text.as_str() {
            "NaN" => Ok(f64::NAN),
            "Infinity" => Ok(f64::INFINITY),
            "-Infinity" => Ok(f64::NEG_INFINITY),
            text => text.parse().map_err(|_| problem()),
        },
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => Err(problem()),
    }
}

fn boolean(value: &Value) -> Read<bool> {
    value
        .as_bool()
        .ok_or_else(|| FieldError::new("must be true or false"))
}

/// Base64 of either alphabet, padded or not.
fn base64_bytes(value: &Value) -> Read<Vec<u8>> {
    const LENIENT: GeneralPurposeConfig =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
    const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);
    let text = value
        .as_str()
        .ok_or_else(|| FieldError::new("must be base64 text"))?;
    STANDARD
        .decode(text)
        .or_else(|_| URL_SAFE.decode(text))
        .map_err(|_| FieldError::new("must be base64 text"))
}

pub(super) fn any_value(value: &Value) -> Read<AnyValue> {
    let object = Object::of(value)?;
    let mut found = object
        .field("stringValue", string)?
        .map(ProtoValue::StringValue);
    if found.is_none() {
        found = object
            .field("boolValue", boolean)?
            .map(ProtoValue::BoolValue);
    }
    if found.is_none() && object.get("intValue").is_some() {
        let read = |value: &Value| {
            i64::try_from(integer(value)?).map_err(|_| FieldError::new("is out of range"))
        };
        found = object.field("intValue", read)?.map(ProtoValue::IntValue);
    }
    if found.is_none() {
        found = object
            .field("doubleValue", double)?
            .map(ProtoValue::DoubleValue);
    }
    if found.is_none() {
        found = object
            .field("bytesValue", base64_bytes)?
            .map(ProtoValue::BytesValue);
    }
    if found.is_none() {
        found = object
            .field("arrayValue", array_value)?
            .map(ProtoValue::ArrayValue);
    }
    if found.is_none() {
        found = object
            .field("kvlistValue", kvlist_value)?
            .map(ProtoValue::KvlistValue);
    }
    Ok(AnyValue { value: found })
}

fn array_value(value: &Value) -> Read<ArrayValue> {
    Ok(ArrayValue {
        values: Object::of(value)?.list("values", any_value)?,
    })
}

fn kvlist_value(value: &Value) -> Read<KeyValueList> {
    Ok(KeyValueList {
        values: Object::of(value)?.list("values", key_value)?,
    })
}

fn key_value(value: &Value) -> Read<KeyValue> {
    let object = Object::of(value)?;
    Ok(KeyValue {
        key: object.string("key")?,
        value: object.field("value", any_value)?,
        ..KeyValue::default()
    })
}

fn resource(value: &Value) -> Read<Resource> {
    let object = Object::of(value)?;
    Ok(Resource {
        attributes: object.list("attributes", key_value)?,
        dropped_attributes_count: object.u32("droppedAttributesCount")?,
        entity_refs: object.list("entityRefs", entity_ref)?,
    })
}

fn entity_ref(value: &Value) -> Read<EntityRef> {
    let object = Object::of(value)?;
    Ok(EntityRef {
        schema_url: object.string("schemaUrl")?,
        r#type: object.string("type")?,
        id_keys: object.list("idKeys", string)?,
        description_keys: object.list("descriptionKeys", string)?,
    })
}

fn scope(value: &Value) -> Read<InstrumentationScope> {
    let object = Object::of(value)?;
    Ok(InstrumentationScope {
        name: object.string("name")?,
        version: object.string("version")?,
        attributes: object.list("attributes", key_value)?,
        dropped_attributes_count: object.u32("droppedAttributesCount")?,
    })
}

/// `resource` and `schemaUrl` of an envelope object.
pub(super) fn resource_envelope(value: &Value) -> Read<(Option<Resource>, String)> {
    let object = Object::of(value)?;
    Ok((
        object.field("resource", resource)?,
        object.string("schemaUrl")?,
    ))
}

/// `scope` and `schemaUrl` of an envelope object.
pub(super) fn scope_envelope(value: &Value) -> Read<(Option<InstrumentationScope>, String)> {
    let object = Object::of(value)?;
    Ok((object.field("scope", scope)?, object.string("schemaUrl")?))
}

fn resource_spans(value: &Value) -> Read<ResourceSpans> {
    let (resource, schema_url) = resource_envelope(value)?;
    let scope_spans = Object::of(value)?.list("scopeSpans", scope_spans)?;
    Ok(ResourceSpans {
        resource,
        scope_spans,
        schema_url,
    })
}

fn scope_spans(value: &Value) -> Read<ScopeSpans> {
    let (scope, schema_url) = scope_envelope(value)?;
    let spans = Object::of(value)?.list("spans", span)?;
    Ok(ScopeSpans {
        scope,
        spans,
        schema_url,
    })
}

fn span(value: &Value) -> Read<Span> {
    let object = Object::of(value)?;
    Ok(Span {
        trace_id: object.id("traceId")?,
        span_id: object.id("spanId")?,
        trace_state: object.string("traceState")?,
        parent_span_id: object.id("parentSpanId")?,
        flags: object.u32("flags")?,
        name: object.string("name")?,
        kind: object.i32("kind")?,
        start_time_unix_nano: object.u64("startTimeUnixNano")?,
        end_time_unix_nano: object.u64("endTimeUnixNano")?,
        attributes: object.list("attributes", key_value)?,
        dropped_attributes_count: object.u32("droppedAttributesCount")?,
        events: object.list("events", event)?,
        dropped_events_count: object.u32("droppedEventsCount")?,
        links: object.list("links", link)?,
        dropped_links_count: object.u32("droppedLinksCount")?,
        status: object.field("status", status)?,
    })
}

fn event(value: &Value) -> Read<Event> {
    let object = Object::of(value)?;
    Ok(Event {
        time_unix_nano: object.u64("timeUnixNano")?,
        name: object.string("name")?,
        attributes: object.list("attributes", key_value)?,
        dropped_attributes_count: object.u32("droppedAttributesCount")?,
    })
}

fn link(value: &Value) -> Read<Link> {
    let object = Object::of(value)?;
    Ok(Link {
        trace_id: object.id("traceId")?,
        span_id: object.id("spanId")?,
        trace_state: object.string("traceState")?,
        attributes: object.list("attributes", key_value)?,
        dropped_attributes_count: object.u32("droppedAttributesCount")?,
        flags: object.u32("flags")?,
    })
}

fn status(value: &Value) -> Read<Status> {
    let object = Object::of(value)?;
    Ok(Status {
        message: object.string("message")?,
        code: object.i32("code")?,
    })
}

fn resource_logs(value: &Value) -> Read<ResourceLogs> {
    let (resource, schema_url) = resource_envelope(value)?;
    let scope_logs = Object::of(value)?.list("scopeLogs", scope_logs)?;
    Ok(ResourceLogs {
        resource,
        scope_logs,
        schema_url,
    })
}

fn scope_logs(value: &Value) -> Read<ScopeLogs> {
    let (scope, schema_url) = scope_envelope(value)?;
    let log_records = Object::of(value)?.list("logRecords", log_record)?;
    Ok(ScopeLogs {
        scope,
        log_records,
        schema_url,
    })
}

fn log_record(value: &Value) -> Read<LogRecord> {
    let object = Object::of(value)?;
    Ok(LogRecord {
        time_unix_nano: object.u64("timeUnixNano")?,
        observed_time_unix_nano: object.u64("observedTimeUnixNano")?,
        severity_number: object.i32("severityNumber")?,
        severity_text: object.string("severityText")?,
        body: object.field("body", any_value)?,
        attributes: object.list("attributes", key_value)?,
        dropped_attributes_count: object.u32("droppedAttributesCount")?,
        flags: object.u32("flags")?,
        trace_id: object.id("traceId")?,
        span_id: object.id("spanId")?,
        event_name: object.string("eventName")?,
    })
}
