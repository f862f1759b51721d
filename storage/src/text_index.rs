//! The index of a split: which rows hold which values. Nothing is stored in it; the values are in the
//! columns. docs/formats/split.md lists the fields and files.
//!
//! Terms are in one tantivy segment whose document number is the row number. Beside it lie the rows of
//! traces, where traces begin, and filters for the values of keys that have too many for terms.

pub(crate) mod attributes;
mod directory;
pub(crate) mod postings;
pub(crate) mod query;
pub(crate) mod reader;
mod segment;
pub(crate) mod services;
pub(crate) mod term;
mod trace_index;
mod trace_starts;
mod value_filter;
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
/// The name of the fast field with the severity of a log record.
pub(crate) const SEVERITY: &str = "severity_number";

/// The fields of both signals; the others exist for one signal only.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields {
    /// `key=value` of the row's own attributes, its events and links.
    pub(crate) attribute: Field,
    /// The same for terms whose rows come in long runs; the documents are the boundaries of runs.
    pub(crate) attribute_run: Field,
    /// Keys of which the values have no terms.
    pub(crate) filtered_key: Field,
    /// Number of the row's resource.
    pub(crate) resource: Field,
    /// `key=value` of resources; its documents are resource numbers.
    pub(crate) resource_attribute: Field,
    /// Service names; its documents are resource numbers.
    pub(crate) service: Field,
    /// Number of the row's scope, for scopes that have attributes.
    pub(crate) scope: Field,
    /// `key=value` of scopes; its documents are scope numbers.
    pub(crate) scope_attribute: Field,
    pub(crate) of_signal: SignalFields,
}

/// The fields of one signal.
#[derive(Debug, Clone, Copy)]
pub(crate) enum SignalFields {
    Traces {
        /// Service, kind and name.
        operation: Field,
        /// Status codes other than 0.
        status: Field,
    },
    Logs {
        event_name: Field,
    },
}

/// The index schema of a signal. The order of the fields is part of the format.
pub(crate) fn index_schema(signal: Signal) -> (Schema, Fields) {
    let mut builder = Schema::builder();
    let attribute = add_text(&mut builder, "attribute");
    let attribute_run = add_text(&mut builder, "attribute_run");
    let filtered_key = add_text(&mut builder, "filtered_key");
    let resource = add_bytes(&mut builder, "resource");
    let resource_attribute = add_text(&mut builder, "resource_attribute");
    let service = add_text(&mut builder, "service");
    let scope = add_bytes(&mut builder, "scope");
    let scope_attribute = add_text(&mut builder, "scope_attribute");
    builder.add_u64_field(TIME, NumericOptions::default().set_fast());
    let of_signal = match signal {
        Signal::Traces => {
            builder.add_u64_field(DURATION, NumericOptions::default().set_fast());
            SignalFields::Traces {
                operation: add_text(&mut builder, "operation"),
                status: add_bytes(&mut builder, "status_code"),
            }
        }
        Signal::Logs => {
            builder.add_i64_field(SEVERITY, NumericOptions::default().set_fast());
            SignalFields::Logs {
                event_name: add_text(&mut builder, "event_name"),
            }
        }
    };
    let fields = Fields {
        attribute,
        attribute_run,
        filtered_key,
        resource,
        resource_attribute,
        service,
        scope,
        scope_attribute,
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

/// Numbers as terms: four bytes, big-endian.
fn add_bytes(builder: &mut SchemaBuilder, name: &str) -> Field {
    builder.add_bytes_field(name, BytesOptions::default().set_indexed())
}
