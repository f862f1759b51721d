//! Protobuf requests, decoded one record at a time.

use ::bytes::{Buf as _, Bytes};
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;
use prost::encoding::{DecodeContext, bytes, decode_key, skip_field, string};

use super::records::Record;
use super::survey::Cost;
use super::{INNER, ITEMS, RESOURCES, SCHEMA_URL, Sifter};
use crate::otlp::DecodeError;

/// `Resource.attributes` and `InstrumentationScope.attributes`.
const RESOURCE_ATTRIBUTES: u32 = 1;
const SCOPE_ATTRIBUTES: u32 = 3;

/// Passes every record of the request to the sifter.
pub(super) fn sift<R: Record>(
    body: &Bytes,
    sifter: &mut Sifter<'_, '_>,
) -> Result<(), DecodeError> {
    let mut rest = body.clone();
    while rest.has_remaining() {
        let (tag, wire_type) = decode_key(&mut rest)?;
        if tag == RESOURCES {
            let mut message = Bytes::new();
            bytes::merge(wire_type, &mut message, &mut rest, DecodeContext::default())?;
            resource::<R>(&message, sifter)?;
        } else {
            skip_field(wire_type, tag, &mut rest, DecodeContext::default())?;
        }
    }
    Ok(())
}

fn resource<R: Record>(message: &Bytes, sifter: &mut Sifter<'_, '_>) -> Result<(), DecodeError> {
    let envelope = Envelope::read(message)?;
    let resource: Result<Option<Resource>, String> = envelope.inner(RESOURCE_ATTRIBUTES, sifter)?;
    sifter.begin_resource(resource, &envelope.schema_url);
    each_item(message, |scope| {
        let envelope = Envelope::read(&scope)?;
        let inner: Result<Option<InstrumentationScope>, String> =
            envelope.inner(SCOPE_ATTRIBUTES, sifter)?;
        sifter.begin_scope(inner, &envelope.schema_url);
        each_item(&scope, |bytes| record::<R>(&bytes, sifter))?;
        sifter.end_scope();
        Ok(())
    })?;
    sifter.end_resource();
    Ok(())
}

fn record<R: Record>(bytes: &Bytes, sifter: &mut Sifter<'_, '_>) -> Result<(), DecodeError> {
    let limits = sifter.limits;
    let maxima = [limits.attributes, limits.events, limits.links];
    let (kept, over) = R::SHAPE.without_excess(bytes, &maxima);
    if let Some(problem) = sifter.admit(Cost::of_record(&kept, R::SHAPE))? {
        sifter.reject(&R::label_by(R::SHAPE.name(bytes)), &problem);
        return Ok(());
    }
    let mut record = R::decode(kept.as_ref())?;
    let left_out = record.count_left_out(&over);
    sifter.record(record, left_out);
    Ok(())
}

/// What a message says about all its items.
struct Envelope {
    /// The bytes of the resource or scope. One that comes in parts is their sum: so protobuf merges messages.
    inner: Option<Vec<u8>>,
    schema_url: String,
}

impl Envelope {
    fn read(message: &Bytes) -> Result<Self, DecodeError> {
        let mut envelope = Self {
            inner: None,
            schema_url: String::new(),
        };
        let mut rest = message.clone();
        while rest.has_remaining() {
            let (tag, wire_type) = decode_key(&mut rest)?;
            let context = DecodeContext::default();
            match tag {
                INNER => {
                    let mut part = Bytes::new();
                    bytes::merge(wire_type, &mut part, &mut rest, context)?;
                    let inner = envelope.inner.get_or_insert_default();
                    inner.extend_from_slice(&part);
                }
                SCHEMA_URL => {
                    string::merge(wire_type, &mut envelope.schema_url, &mut rest, context)?;
                }
                ITEMS => bytes::merge(wire_type, &mut Bytes::new(), &mut rest, context)?,
                _ => skip_field(wire_type, tag, &mut rest, context)?,
            }
        }
        Ok(envelope)
    }

    /// The resource or scope, or why it cannot be kept.
    fn inner<M: Message + Default>(
        &self,
        attributes: u32,
        sifter: &mut Sifter<'_, '_>,
    ) -> Result<Result<Option<M>, String>, DecodeError> {
        let Some(inner) = &self.inner else {
            return Ok(Ok(None));
        };
        if let Some(problem) = sifter.admit(Cost::of_envelope(inner, attributes))? {
            return Ok(Err(problem));
        }
        Ok(Ok(Some(M::decode(inner.as_slice())?)))
    }
}

fn each_item(
    message: &Bytes,
    mut visit: impl FnMut(Bytes) -> Result<(), DecodeError>,
) -> Result<(), DecodeError> {
    let mut rest = message.clone();
    while rest.has_remaining() {
        let (tag, wire_type) = decode_key(&mut rest)?;
        if tag == ITEMS {
            let mut item = Bytes::new();
            bytes::merge(wire_type, &mut item, &mut rest, DecodeContext::default())?;
            visit(item)?;
        } else {
            skip_field(wire_type, tag, &mut rest, DecodeContext::default())?;
        }
    }
    Ok(())
}
