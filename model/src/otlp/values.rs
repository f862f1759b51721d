//! Attribute values of protobuf as rows.

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, EntityRef as ProtoEntityRef, InstrumentationScope, KeyValue,
};
use opentelemetry_proto::tonic::resource::v1::Resource as ProtoResource;

use crate::attributes::{Attribute, AttributeValue};
use crate::resource::{EntityRef, Resource, Scope};

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
