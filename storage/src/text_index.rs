//! The tantivy index of a split: which rows hold which terms. Document number = row number.
//!
//! Nothing is stored in it; the values are in the columns. docs/formats/split.md lists the fields.

pub(crate) mod query;
pub(crate) mod reader;
pub(crate) mod term;
pub(crate) mod writer;

use model::Signal;
use tantivy::schema::{
    BytesOptions, Field, IndexRecordOption, NumericOptions, Schema, SchemaBuilder,
    TextFieldIndexing, TextOptions,
};

/// The name of the fast field with the moment a row is filed under.
pub(crate) const TIME: &str = "time";
/// The name of the fast field with the duration of a span.
pub(crate) const DURATION: &str = "duration_nano";
/// The name of the fast field with the number of a row's trace within the split.
pub(crate) const TRACE_ORDINAL: &str = "trace_ordinal";
/// The name of the fast field with the number of a row's resource within the split.
pub(crate) const RESOURCE: &str = "resource";
/// The name of the fast field with the severity of a log record.
pub(crate) const SEVERITY: &str = "severity_number";

/// The fields of both signals; the others exist for one signal only.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields {
    /// 16 bytes; absent for log records of no trace.
    pub(crate) trace_id: Field,
    pub(crate) service: Field,
    /// `key=value` of the row's own attributes, its events, links and scope.
    pub(crate) attribute: Field,
    /// Number of the row's resource.
    pub(crate) resource: Field,
    /// `key=value` of the resource, in the first row that has it and in no other.
    pub(crate) resource_attribute: Field,
    pub(crate) time: Field,
    pub(crate) trace_ordinal: Field,
    pub(crate) of_signal: SignalFields,
}

/// The fields of one signal.
#[derive(Debug, Clone, Copy)]
pub(crate) enum SignalFields {
    Traces {
        name: Field,
        operation: Field,
        kind: Field,
        status: Field,
        duration: Field,
    },
    Logs {
        severity: Field,
        event_name: Field,
    },
}

/// The index schema of a signal. The order of the fields is part of the format.
pub(crate) fn index_schema(signal: Signal) -> (Schema, Fields) {
    let mut builder = Schema::builder();
    let trace_id = builder.add_bytes_field("trace_id", BytesOptions::default().set_indexed());
    let service = add_text(&mut builder, "service");
    let attribute = add_text(&mut builder, "attribute");
    let resource =
        builder.add_u64_field(RESOURCE, NumericOptions::default().set_indexed().set_fast());
    let resource_attribute = add_text(&mut builder, "resource_attribute");
    let time = builder.add_u64_field(TIME, NumericOptions::default().set_fast());
    let trace_ordinal = builder.add_u64_field(TRACE_ORDINAL, NumericOptions::default().set_fast());
    let of_signal = match signal {
        Signal::Traces => SignalFields::Traces {
            name: add_text(&mut builder, "name"),
            operation: add_text(&mut builder, "operation"),
            kind: builder.add_i64_field("kind", NumericOptions::default().set_indexed()),
            status: builder.add_i64_field("status_code", NumericOptions::default().set_indexed()),
            duration: builder.add_u64_field(DURATION, NumericOptions::default().set_fast()),
        },
        Signal::Logs => SignalFields::Logs {
            severity: builder.add_i64_field(SEVERITY, NumericOptions::default().set_fast()),
            event_name: add_text(&mut builder, "event_name"),
        },
    };
    let fields = Fields {
        trace_id,
        service,
        attribute,
        resource,
        resource_attribute,
        time,
        trace_ordinal,
        of_signal,
    };
    (builder.build(), fields)
}

/// Whole texts as terms, without frequencies, positions or norms.
fn add_text(builder: &mut SchemaBuilder, name: &str) -> Field {
    let indexing = TextFieldIndexing::default()
        .set_tokenizer("raw")
        .set_index_option(IndexRecordOption::Basic)
        .set_fieldnorms(false);
    builder.add_text_field(name, TextOptions::default().set_indexing_options(indexing))
}
