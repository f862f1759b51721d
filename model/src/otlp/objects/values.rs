//! Attribute values of protobuf on their way into columns.

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};

use crate::columns::{AttributesBuilder, ColumnValue};
use crate::otlp::values::from_any_value;

/// The value on its way into a column, without building a row form for scalars.
pub(super) fn column_value(value: Option<&AnyValue>) -> ColumnValue<'_> {
    let Some(value) = value else {
        return ColumnValue::Absent;
    };
    match &value.value {
        // A string table index only means something in profiles: treated as no value.
        None | Some(Value::StringValueStrindex(_)) => ColumnValue::Empty,
        Some(Value::StringValue(text)) => ColumnValue::String(text.as_bytes()),
        Some(Value::BoolValue(truth)) => ColumnValue::Bool(*truth),
        Some(Value::IntValue(number)) => ColumnValue::Int(*number),
        Some(Value::DoubleValue(number)) => ColumnValue::Double(*number),
        Some(Value::BytesValue(bytes)) => ColumnValue::Bytes(bytes),
        Some(Value::ArrayValue(_) | Value::KvlistValue(_)) => {
            ColumnValue::Nested(Box::new(from_any_value(value)))
        }
    }
}

/// Adds the attributes to the row being built, without ending it.
pub(super) fn push_attributes(builder: &mut AttributesBuilder, attributes: &[KeyValue]) {
    for attribute in attributes {
        let value = column_value(attribute.value.as_ref());
        builder.push(attribute.key.as_bytes(), &value);
    }
}
