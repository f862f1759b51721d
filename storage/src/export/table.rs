//! Records as a plain table: what is in the columns can be read without knowing this program.

mod columns;

use std::borrow::Cow;
use std::sync::Arc;

use arrow_array::{ArrayRef, Int32Array, Int64Array, RecordBatch, UInt32Array};
use arrow_schema::ArrowError;
use model::otlp::json::{resource_text, scope_text};
use model::{LogRecord, Resource, Scope, Span, ValueType};

use super::json_lines::hex;
use super::records::Records;
use columns::{AttributeColumns, Columns, EventColumns, LinkColumns, Texts, timestamps};

/// The table of the records. Its columns depend on their signal only.
pub(super) fn batch(records: &Records) -> Result<RecordBatch, ArrowError> {
    match records {
        Records::Spans(spans) => span_batch(spans),
        Records::Logs(records) => log_batch(records),
    }
}

/// The word for a number of OTLP, or the number itself where it has none.
pub(super) fn word(number: i32, word: Option<&'static str>) -> Cow<'static, str> {
    word.map_or_else(|| Cow::Owned(number.to_string()), Cow::Borrowed)
}

fn span_batch(spans: &[Span]) -> Result<RecordBatch, ArrowError> {
    let texts = |text: &dyn Fn(&Span) -> Cow<'_, str>| -> ArrayRef {
        let mut texts = Texts::default();
        spans.iter().for_each(|span| texts.push(&text(span)));
        texts.finish()
    };
    let counts = |count: &dyn Fn(&Span) -> u32| -> ArrayRef {
        Arc::new(UInt32Array::from_iter_values(spans.iter().map(count)))
    };
    let mut attributes = AttributeColumns::default();
    let (mut events, mut links) = (EventColumns::default(), LinkColumns::default());
    let (mut parents, mut codes) = (Texts::default(), Texts::default());
    for span in spans {
        attributes.push(&span.attributes, span.dropped_attributes_count);
        events.push(&span.events);
        links.push(&span.links);
        parents.push_option(span.parent_span_id.map(|id| id.to_string()).as_deref());
        let code = span.status.as_ref().map(|status| status.code);
        codes.push_option(code.map(|it| word(it.0, it.as_str())).as_deref());
    }
    let mut columns = Columns::default();
    columns.add("trace_id", texts(&|span| span.trace_id.to_string().into()));
    columns.add("span_id", texts(&|span| span.span_id.to_string().into()));
    columns.add_nullable("parent_span_id", parents.finish());
    columns.add("trace_state", texts(&|span| (&span.trace_state).into()));
    columns.add("flags", counts(&|span| span.flags));
    columns.add("name", texts(&|span| (&span.name).into()));
    columns.add("kind", texts(&|span| word(span.kind.0, span.kind.as_str())));
    columns.add(
        "start_time",
        timestamps(spans.iter().map(|it| Some(it.start))),
    );
    columns.add("end_time", timestamps(spans.iter().map(|it| Some(it.end))));
    columns.add("duration_nano", durations(spans));
    columns.add("service_name", texts(&|span| span.resource.service_name()));
    columns.extend(attributes.finish()?);
    columns.add("events", events.finish()?);
    columns.add(
        "dropped_events_count",
        counts(&|span| span.dropped_events_count),
    );
    columns.add("links", links.finish()?);
    columns.add(
        "dropped_links_count",
        counts(&|span| span.dropped_links_count),
    );
    columns.add_nullable("status_code", codes.finish());
    columns.add(
        "status_message",
        texts(&|span| match &span.status {
            Some(status) => (&status.message).into(),
            None => "".into(),
        }),
    );
    let envelopes = spans.iter().map(|it| (&it.resource, &it.scope));
    columns.extend(envelope_columns(envelopes)?);
    columns.into_batch()
}

/// End minus start; negative for a span that ends before it starts.
fn durations(spans: &[Span]) -> ArrayRef {
    let nanos = |span: &Span| span.end.to_column().wrapping_sub(span.start.to_column());
    Arc::new(Int64Array::from_iter_values(spans.iter().map(nanos)))
}

fn log_batch(records: &[LogRecord]) -> Result<RecordBatch, ArrowError> {
    let texts = |text: &dyn Fn(&LogRecord) -> Cow<'_, str>| -> ArrayRef {
        let mut texts = Texts::default();
        records.iter().for_each(|record| texts.push(&text(record)));
        texts.finish()
    };
    let ids = |id: &dyn Fn(&LogRecord) -> &[u8]| -> ArrayRef {
        let mut texts = Texts::default();
        for bytes in records.iter().map(id) {
            texts.push_option((!bytes.is_empty()).then(|| hex(bytes)).as_deref());
        }
        texts.finish()
    };
    let mut attributes = AttributeColumns::default();
    let (mut bodies, mut body_types) = (Texts::default(), Texts::default());
    for record in records {
        attributes.push(&record.attributes, record.dropped_attributes_count);
        bodies.push_option(record.body.as_ref().map(|body| body.text()).as_deref());
        let value_type = record.body.as_ref().map(|body| body.value_type());
        body_types.push_option(value_type.map(ValueType::as_str));
    }
    let known = |moment: model::UnixNanos| (moment.0 != 0).then_some(moment);
    let flags = UInt32Array::from_iter_values(records.iter().map(|it| it.flags));
    let severities = Int32Array::from_iter_values(records.iter().map(|it| it.severity.0));
    let mut columns = Columns::default();
    columns.add_nullable("time", timestamps(records.iter().map(|it| known(it.time))));
    let observed = timestamps(records.iter().map(|it| known(it.observed_time)));
    columns.add_nullable("observed_time", observed);
    columns.add_nullable("trace_id", ids(&|record| &record.trace_id));
    columns.add_nullable("span_id", ids(&|record| &record.span_id));
    columns.add("flags", Arc::new(flags));
    columns.add("severity_number", Arc::new(severities));
    columns.add("severity_text", texts(&|it| (&it.severity_text).into()));
    columns.add("event_name", texts(&|it| (&it.event_name).into()));
    columns.add_nullable("body", bodies.finish());
    columns.add_nullable("body_type", body_types.finish());
    columns.add("service_name", texts(&|it| it.resource.service_name()));
    columns.extend(attributes.finish()?);
    let envelopes = records.iter().map(|it| (&it.resource, &it.scope));
    columns.extend(envelope_columns(envelopes)?);
    columns.into_batch()
}

/// Resource and scope: what people look for in columns of its own, and everything as OTLP JSON.
fn envelope_columns<'a>(
    envelopes: impl Iterator<Item = (&'a Arc<Resource>, &'a Arc<Scope>)>,
) -> Result<Columns, ArrowError> {
    let (mut resources, mut scopes) = (AttributeColumns::default(), AttributeColumns::default());
    let (mut names, mut versions) = (Texts::default(), Texts::default());
    let (mut resource_texts, mut scope_texts) = (Texts::default(), Texts::default());
    // Rows of one resource or scope share it, and mostly follow one another.
    let mut last: Option<(&Arc<Resource>, String)> = None;
    let mut last_scope: Option<(&Arc<Scope>, String)> = None;
    for (resource, scope) in envelopes {
        resources.push(&resource.attributes, 0);
        scopes.push(&scope.attributes, 0);
        names.push(&scope.name);
        versions.push(&scope.version);
        resource_texts.push(text_of(&mut last, resource, resource_text));
        scope_texts.push(text_of(&mut last_scope, scope, scope_text));
    }
    let mut columns = Columns::default();
    columns.add("resource_attributes", resources.finish_map()?);
    columns.add("resource", resource_texts.finish());
    columns.add("scope_name", names.finish());
    columns.add("scope_version", versions.finish());
    columns.add("scope_attributes", scopes.finish_map()?);
    columns.add("scope", scope_texts.finish());
    Ok(columns)
}

fn text_of<'a, 't, T>(
    last: &'t mut Option<(&'a Arc<T>, String)>,
    value: &'a Arc<T>,
    text: impl Fn(&T) -> String,
) -> &'t str {
    let is_known = matches!(last, Some((known, _)) if Arc::ptr_eq(known, value));
    if !is_known {
        *last = Some((value, text(value)));
    }
    last.as_ref().map_or("", |(_, text)| text)
}
