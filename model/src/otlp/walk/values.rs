//! Attributes, values, resources and scopes.
#![warn(clippy::indexing_slicing, clippy::cast_possible_truncation)]

use super::wire::{Fields, Seen, delimited, fixed64, short, varint};
use super::{Unusual, Walk};
use crate::attributes::{Attribute, AttributeValue};
use crate::columns::{AttributesBuilder, ColumnValue};
use crate::otlp::limits::{MAX_VALUE_DEPTH, RecordLimits};
use crate::resource::{EntityRef, Resource, Scope};

/// `KeyValue`.
mod key_value {
    use super::{delimited, varint};
    pub(super) const KEY: u32 = delimited(1);
    pub(super) const VALUE: u32 = delimited(2);
    pub(super) const KEY_STRINDEX: u32 = varint(3);
    pub(super) const LAST: u32 = 3;
}

/// `AnyValue`.
mod any_value {
    use super::{delimited, fixed64, varint};
    pub(super) const STRING: u32 = delimited(1);
    pub(super) const BOOL: u32 = varint(2);
    pub(super) const INT: u32 = varint(3);
    pub(super) const DOUBLE: u32 = fixed64(4);
    pub(super) const ARRAY: u32 = delimited(5);
    pub(super) const KVLIST: u32 = delimited(6);
    pub(super) const BYTES: u32 = delimited(7);
    pub(super) const STRING_STRINDEX: u32 = varint(8);
    pub(super) const LAST: u32 = 8;
}

/// `ArrayValue` and `KeyValueList`, which both are a list and nothing else.
mod list {
    use super::delimited;
    pub(super) const VALUES: u32 = delimited(1);
    pub(super) const LAST: u32 = 1;
}

/// `Resource`.
mod resource {
    use super::{delimited, varint};
    pub(super) const ATTRIBUTES: u32 = delimited(1);
    pub(super) const DROPPED_ATTRIBUTES_COUNT: u32 = varint(2);
    pub(super) const ENTITY_REFS: u32 = delimited(3);
    pub(super) const LAST: u32 = 3;
}

/// `EntityRef`.
mod entity_ref {
    use super::delimited;
    pub(super) const SCHEMA_URL: u32 = delimited(1);
    pub(super) const TYPE: u32 = delimited(2);
    pub(super) const ID_KEYS: u32 = delimited(3);
    pub(super) const DESCRIPTION_KEYS: u32 = delimited(4);
    pub(super) const LAST: u32 = 4;
}

/// `InstrumentationScope`.
mod scope {
    use super::{delimited, varint};
    pub(super) const NAME: u32 = delimited(1);
    pub(super) const VERSION: u32 = delimited(2);
    pub(super) const ATTRIBUTES: u32 = delimited(3);
    pub(super) const DROPPED_ATTRIBUTES_COUNT: u32 = varint(4);
    pub(super) const LAST: u32 = 4;
}

/// Adds an attribute to the row being built.
#[inline]
pub(super) fn push_attribute(
    message: &[u8],
    columns: &mut AttributesBuilder,
    limits: &RecordLimits,
) -> Walk<()> {
    if message.len() > limits.value_bytes {
        return Err(Unusual);
    }
    if let Some((key, text)) = short_text(message) {
        columns.push_text(key, text);
        return Ok(());
    }
    push_any_attribute(message, columns)
}

fn push_any_attribute(message: &[u8], columns: &mut AttributesBuilder) -> Walk<()> {
    let (key, value) = key_and_value(message)?;
    columns.push(key, &column_value(value)?);
    Ok(())
}

/// Key and text of the attribute, if it is of the form that most have: key and text, in this order, both short
/// and nothing beside them.
#[inline]
fn short_text(message: &[u8]) -> Option<(&[u8], &[u8])> {
    let (key, rest) = short(key_value::KEY, message)?;
    let (value, rest) = short(key_value::VALUE, rest)?;
    let (text, inner_rest) = short(any_value::STRING, value)?;
    (rest.is_empty() && inner_rest.is_empty()).then_some((key, text))
}

/// The key and the message of the value of a `KeyValue`.
#[inline]
fn key_and_value(message: &[u8]) -> Walk<(&[u8], Option<&[u8]>)> {
    let mut key_bytes: &[u8] = &[];
    let mut value = None;
    let mut seen = Seen::default();
    let mut fields = Fields::of(message);
    while let Some(key) = fields.key()? {
        match key {
            key_value::KEY => {
                seen.once(key)?;
                key_bytes = fields.bytes()?;
            }
            key_value::VALUE => {
                seen.once(key)?;
                value = Some(fields.bytes()?);
            }
            key_value::KEY_STRINDEX => {
                fields.varint()?;
            }
            _ => fields.skip_unknown(key, key_value::LAST)?,
        }
    }
    Ok((key_bytes, value))
}

/// A value on its way into a column, from the message of an `AnyValue` if there is one.
#[inline]
pub(super) fn column_value(message: Option<&[u8]>) -> Walk<ColumnValue<'_>> {
    match message {
        Some(message) => value(message, MAX_VALUE_DEPTH),
        None => Ok(ColumnValue::Absent),
    }
}

/// Arrays and lists may be nested `depth_left` deep.
fn value(message: &[u8], depth_left: usize) -> Walk<ColumnValue<'_>> {
    let mut fields = Fields::of(message);
    while let Some(key) = fields.key()? {
        let found = match key {
            any_value::STRING => ColumnValue::String(fields.bytes()?),
            any_value::BOOL => ColumnValue::Bool(fields.varint()? != 0),
            any_value::INT => ColumnValue::Int(fields.varint()?.cast_signed()),
            any_value::DOUBLE => ColumnValue::Double(f64::from_bits(fields.fixed64()?)),
            any_value::ARRAY => nested(array(fields.bytes()?, depth_left)?),
            any_value::KVLIST => nested(kvlist(fields.bytes()?, depth_left)?),
            any_value::BYTES => ColumnValue::Bytes(fields.bytes()?),
            any_value::STRING_STRINDEX => {
                fields.varint()?;
                // A string table index only means something in profiles: treated as no value.
                ColumnValue::Empty
            }
            _ => {
                fields.skip_unknown(key, any_value::LAST)?;
                continue;
            }
        };
        // Of several values the last would win, or be merged with the one before.
        while let Some(key) = fields.key()? {
            fields.skip_unknown(key, any_value::LAST)?;
        }
        return Ok(found);
    }
    Ok(ColumnValue::Empty)
}

fn nested<'a>(value: AttributeValue) -> ColumnValue<'a> {
    ColumnValue::Nested(Box::new(value))
}

fn array(message: &[u8], depth_left: usize) -> Walk<AttributeValue> {
    let depth_left = depth_left.checked_sub(1).ok_or(Unusual)?;
    let mut items = Vec::new();
    each_of_list(message, |item| {
        items.push(row_value(value(item, depth_left)?)?);
        Ok(())
    })?;
    Ok(AttributeValue::Array(items))
}

fn kvlist(message: &[u8], depth_left: usize) -> Walk<AttributeValue> {
    let depth_left = depth_left.checked_sub(1).ok_or(Unusual)?;
    let mut entries = Vec::new();
    each_of_list(message, |entry| {
        entries.push(attribute(entry, depth_left)?);
        Ok(())
    })?;
    Ok(AttributeValue::KvList(entries))
}

fn each_of_list<'a>(message: &'a [u8], mut visit: impl FnMut(&'a [u8]) -> Walk<()>) -> Walk<()> {
    let mut fields = Fields::of(message);
    while let Some(key) = fields.key()? {
        match key {
            list::VALUES => visit(fields.bytes()?)?,
            _ => fields.skip_unknown(key, list::LAST)?,
        }
    }
    Ok(())
}

/// The row form of an attribute.
fn attribute(message: &[u8], depth_left: usize) -> Walk<Attribute> {
    let (key, message) = key_and_value(message)?;
    let value = match message {
        Some(message) => Some(row_value(value(message, depth_left)?)?),
        None => None,
    };
    Ok(Attribute {
        key: owned_text(key)?,
        value,
    })
}

/// The row form of a value that was sent.
fn row_value(value: ColumnValue<'_>) -> Walk<AttributeValue> {
    Ok(match value {
        ColumnValue::Absent | ColumnValue::Empty => AttributeValue::Empty,
        ColumnValue::String(bytes) => AttributeValue::String(owned_text(bytes)?),
        ColumnValue::Bool(truth) => AttributeValue::Bool(truth),
        ColumnValue::Int(number) => AttributeValue::Int(number),
        ColumnValue::Double(number) => AttributeValue::Double(number),
        ColumnValue::Bytes(bytes) => AttributeValue::Bytes(bytes.to_vec()),
        ColumnValue::Nested(value) => *value,
    })
}

fn owned_text(bytes: &[u8]) -> Walk<String> {
    String::from_utf8(bytes.to_vec()).map_err(|_| Unusual)
}

/// A resource, from its message if there is one, within the limits.
pub(super) fn resource(
    message: Option<&[u8]>,
    schema_url: &str,
    limits: &RecordLimits,
) -> Walk<Resource> {
    // Smaller than one value may be: none of it can be over.
    if message.map_or(0, <[u8]>::len).max(schema_url.len()) > limits.value_bytes {
        return Err(Unusual);
    }
    let mut resource = Resource {
        is_present: message.is_some(),
        schema_url: schema_url.to_owned(),
        ..Resource::default()
    };
    let mut seen = Seen::default();
    let mut fields = Fields::of(message.unwrap_or_default());
    while let Some(key) = fields.key()? {
        match key {
            resource::ATTRIBUTES => {
                let attribute = attribute(fields.bytes()?, MAX_VALUE_DEPTH)?;
                resource.attributes.push(attribute);
                if resource.attributes.len() > limits.attributes {
                    return Err(Unusual);
                }
            }
            resource::DROPPED_ATTRIBUTES_COUNT => {
                seen.once(key)?;
                resource.dropped_attributes_count = fields.varint_u32()?;
            }
            resource::ENTITY_REFS => resource.entity_refs.push(entity_ref(fields.bytes()?)?),
            _ => fields.skip_unknown(key, resource::LAST)?,
        }
    }
    Ok(resource)
}

fn entity_ref(message: &[u8]) -> Walk<EntityRef> {
    let mut reference = EntityRef::default();
    let mut seen = Seen::default();
    let mut fields = Fields::of(message);
    while let Some(key) = fields.key()? {
        match key {
            entity_ref::SCHEMA_URL => {
                seen.once(key)?;
                fields.text()?.clone_into(&mut reference.schema_url);
            }
            entity_ref::TYPE => {
                seen.once(key)?;
                fields.text()?.clone_into(&mut reference.entity_type);
            }
            entity_ref::ID_KEYS => reference.id_keys.push(fields.text()?.to_owned()),
            entity_ref::DESCRIPTION_KEYS => {
                reference.description_keys.push(fields.text()?.to_owned());
            }
            _ => fields.skip_unknown(key, entity_ref::LAST)?,
        }
    }
    Ok(reference)
}

/// A scope, from its message if there is one, within the limits.
pub(super) fn scope(
    message: Option<&[u8]>,
    schema_url: &str,
    limits: &RecordLimits,
) -> Walk<Scope> {
    // Smaller than one value may be: none of it can be over.
    if message.map_or(0, <[u8]>::len).max(schema_url.len()) > limits.value_bytes {
        return Err(Unusual);
    }
    let mut scope = Scope {
        is_present: message.is_some(),
        schema_url: schema_url.to_owned(),
        ..Scope::default()
    };
    let mut seen = Seen::default();
    let mut fields = Fields::of(message.unwrap_or_default());
    while let Some(key) = fields.key()? {
        match key {
            scope::NAME => {
                seen.once(key)?;
                fields.text()?.clone_into(&mut scope.name);
            }
            scope::VERSION => {
                seen.once(key)?;
                fields.text()?.clone_into(&mut scope.version);
            }
            scope::ATTRIBUTES => {
                let attribute = attribute(fields.bytes()?, MAX_VALUE_DEPTH)?;
                scope.attributes.push(attribute);
                if scope.attributes.len() > limits.attributes {
                    return Err(Unusual);
                }
            }
            scope::DROPPED_ATTRIBUTES_COUNT => {
                seen.once(key)?;
                scope.dropped_attributes_count = fields.varint_u32()?;
            }
            _ => fields.skip_unknown(key, scope::LAST)?,
        }
    }
    Ok(scope)
}
