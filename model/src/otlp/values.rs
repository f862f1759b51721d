//! Attribute values between protobuf, rows and columns.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, EntityRef as ProtoEntityRef, InstrumentationScope, KeyValue,
};
use opentelemetry_proto::tonic::resource::v1::Resource as ProtoResource;

use crate::attributes::{Attribute, AttributeValue, ValueType, double_text};
use crate::columns::AttributesBuilder;
use crate::resource::{EntityRef, Resource, Scope};

/// Calls `use_text` with the type and text of a value without building a row form for scalars.
pub(super) fn with_text<R>(
    value: Option<&AnyValue>,
    use_text: impl FnOnce(ValueType, &str) -> R,
) -> R {
    let Some(value) = value else {
        return use_text(ValueType::Absent, "");
    };
    match &value.value {
        // A string table index only means something in profiles: treated as no value.
        None | Some(Value::StringValueStrindex(_)) => use_text(ValueType::Empty, ""),
        Some(Value::StringValue(text)) => use_text(ValueType::String, text),
        Some(Value::BoolValue(true)) => use_text(ValueType::Bool, "true"),
        Some(Value::BoolValue(false)) => use_text(ValueType::Bool, "false"),
        Some(Value::IntValue(number)) => use_text(ValueType::Int, &number.to_string()),
        Some(Value::DoubleValue(number)) => use_text(ValueType::Double, &double_text(*number)),
        Some(Value::BytesValue(bytes)) => use_text(ValueType::Bytes, &BASE64.encode(bytes)),
        Some(Value::ArrayValue(_) | Value::KvlistValue(_)) => {
            let value = from_any_value(value);
            use_text(value.value_type(), &value.text())
        }
    }
}

/// Adds the attributes to the row being built, without ending it.
pub(super) fn push_attributes(builder: &mut AttributesBuilder, attributes: &[KeyValue]) {
    for attribute in attributes {
        with_text(attribute.value.as_ref(), |value_type, text| {
            builder.push(&attribute.key, value_type, text);
        });
    }
}

pub(super) fn from_any_value(value: &AnyValue) -> AttributeValue {
    match &value.value {
        None | Some(Value::StringValueStrindex(_)) => AttributeValue::Empty,
        Some(Value::StringValue(text)) => AttributeValue::String(text.clone()),
        Some(Value::BoolValue(truth)) => AttributeValue::Bool(*truth),
        Some(Value::IntValue(number)) => AttributeValue::Int(*number),
        Some(Value::DoubleValue(number)) => AttributeValue::Double(*number),
        Some(Value::BytesValue(bytes)) => AttributeValue::Bytes(bytes.clone()),
        Some(Value::ArrayValue(array)) => {
            AttributeValue::Array(array.values.iter().map(from_any_value).collect())
        }
        Some(Value::KvlistValue(list)) => AttributeValue::KvList(from_key_values(&list.values)),
    }
}

pub(super) fn from_key_values(attributes: &[KeyValue]) -> Vec<Attribute> {
    let convert = |attribute: &KeyValue| Attribute {
        key: attribute.key.clone(),
        value: attribute.value.as_ref().map(from_any_value),
    };
    attributes.iter().map(convert).collect()
}

pub(super) fn from_resource(resource: Option<&ProtoResource>, schema_url: &str) -> Resource {
    let schema_url = schema_url.to_owned();
    let Some(resource) = resource else {
        return Resource {
            schema_url,
            ..Resource::default()
        };
    };
    let entity_ref = |reference: &ProtoEntityRef| EntityRef {
        schema_url: reference.schema_url.clone(),
        entity_type: reference.r#type.clone(),
        id_keys: reference.id_keys.clone(),
        description_keys: reference.description_keys.clone(),
    };
    Resource {
        is_present: true,
        attributes: from_key_values(&resource.attributes),
        dropped_attributes_count: resource.dropped_attributes_count,
        entity_refs: resource.entity_refs.iter().map(entity_ref).collect(),
        schema_url,
    }
}

pub(super) fn from_scope(scope: Option<&InstrumentationScope>, schema_url: &str) -> Scope {
    let schema_url = schema_url.to_owned();
    let Some(scope) = scope else {
        return Scope {
            schema_url,
            ..Scope::default()
        };
    };
    Scope {
        is_present: true,
        name: scope.name.clone(),
        version: scope.version.clone(),
        attributes: from_key_values(&scope.attributes),
        dropped_attributes_count: scope.dropped_attributes_count,
        schema_url,
    }
}
