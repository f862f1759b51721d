//! What a single record may hold.

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};

/// How deep attribute values and bodies may be nested. Deeper records are rejected singly: their JSON form
/// would exceed what common parsers read back.
pub const MAX_VALUE_DEPTH: usize = 24;

/// Whether a value stays within [`MAX_VALUE_DEPTH`].
pub(super) fn value_fits(value: &AnyValue) -> bool {
    fits(value, MAX_VALUE_DEPTH)
}

/// Whether every value stays within [`MAX_VALUE_DEPTH`].
pub(super) fn attributes_fit(attributes: &[KeyValue]) -> bool {
    attributes
        .iter()
        .all(|attribute| attribute.value.as_ref().is_none_or(value_fits))
}

fn fits(value: &AnyValue, depth_left: usize) -> bool {
    match &value.value {
        Some(Value::ArrayValue(array)) => {
            depth_left > 0 && array.values.iter().all(|item| fits(item, depth_left - 1))
        }
        Some(Value::KvlistValue(list)) => {
            depth_left > 0
                && list.values.iter().all(|entry| {
                    entry
                        .value
                        .as_ref()
                        .is_none_or(|item| fits(item, depth_left - 1))
                })
        }
        Some(
            Value::StringValue(_)
            | Value::BoolValue(_)
            | Value::IntValue(_)
            | Value::DoubleValue(_)
            | Value::BytesValue(_)
            | Value::StringValueStrindex(_),
        )
        | None => true,
    }
}
