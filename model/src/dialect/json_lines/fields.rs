//! The fields of one record: flat, with those taken out that a record has a place for.

use super::super::log_fields::{
    Role, read_severity, read_severity_number, read_span_id, read_trace_flags, read_trace_id, role,
};
use super::super::moment::moment;
use crate::attributes::{Attribute, AttributeValue};
use crate::ids::{SpanId, TraceId};
use crate::log_record::Severity;
use crate::resource::Resource;
use crate::semconv::SERVICE_NAME;
use crate::time::UnixNanos;

/// The bytes that the names of outer objects may take within the names of inner fields, in one record. What
/// is nested beyond that stays nested: a long name over many fields would be repeated for each of them.
const PREFIX_BYTES_MAX: usize = 64 * 1024;

/// Objects whose fields belong to the record or to its resource, by OpenTelemetry's own names for them.
const OF_RECORD: &str = "attributes.";
const OF_RESOURCE: [&str; 2] = ["resource.attributes.", "resource."];
/// Fields that describe the service stay together.
const OF_SERVICE: &str = "service.";

pub(super) struct Fields {
    fields: Vec<Field>,
}

struct Field {
    attribute: Attribute,
    role: Option<Role>,
    is_of_resource: bool,
}

impl Field {
    fn new(mut attribute: Attribute) -> Self {
        let key = attribute.key.as_str();
        let of_resource = OF_RESOURCE.iter().find_map(|it| key.strip_prefix(it));
        let short = of_resource.or_else(|| key.strip_prefix(OF_RECORD));
        if let Some(short) = short.filter(|it| !it.is_empty()) {
            let is_of_resource = of_resource.is_some();
            attribute.key = short.to_owned();
            return Self {
                // Only the service is looked for within these: they have other fields called `time`.
                role: role(&attribute.key)
                    .filter(|it| is_of_resource && matches!(it, Role::Service(_))),
                is_of_resource,
                attribute,
            };
        }
        Self {
            role: role(key),
            is_of_resource: key.starts_with(OF_SERVICE),
            attribute,
        }
    }
}

impl Fields {
    /// The fields of an object; those of objects within it get names with dots.
    pub(super) fn new(entries: Vec<Attribute>) -> Self {
        let mut flat = Vec::with_capacity(entries.len());
        let mut prefix_bytes_left = PREFIX_BYTES_MAX;
        flatten("", entries, &mut flat, &mut prefix_bytes_left);
        Self {
            fields: flat.into_iter().map(Field::new).collect(),
        }
    }

    /// When it happened.
    pub(super) fn take_time(&mut self) -> Option<UnixNanos> {
        self.take(
            |role| match role {
                Role::Time(rank) => Some(rank),
                _ => None,
            },
            moment,
        )
    }

    /// How bad it is, and the word for it.
    pub(super) fn take_severity(&mut self) -> Option<(Severity, String)> {
        let number = self.take(
            |role| (role == Role::SeverityNumber).then_some(0),
            read_severity_number,
        );
        let word = self.take(
            |role| match role {
                Role::Severity(rank) => Some(rank),
                _ => None,
            },
            read_severity,
        );
        match (number, word) {
            (Some(number), Some((_, word))) => Some((number, word)),
            (Some(number), None) => Some((number, String::new())),
            (None, word) => word,
        }
    }

    /// Trace id, span id and trace flags.
    pub(super) fn take_context(&mut self) -> (Option<TraceId>, Option<SpanId>, u32) {
        fn text<T>(read: impl Fn(&str) -> Option<T>) -> impl Fn(&AttributeValue) -> Option<T> {
            move |value| match value {
                AttributeValue::String(text) => read(text),
                _ => None,
            }
        }
        let is = |wanted: Role| move |role| (role == wanted).then_some(0);
        (
            self.take(is(Role::TraceId), text(read_trace_id)),
            self.take(is(Role::SpanId), text(read_span_id)),
            self.take(is(Role::TraceFlags), read_trace_flags)
                .unwrap_or(0),
        )
    }

    /// What was logged.
    pub(super) fn take_body(&mut self) -> Option<AttributeValue> {
        self.take(
            |role| match role {
                Role::Body(rank) => Some(rank),
                _ => None,
            },
            |value| match value {
                AttributeValue::Empty => None,
                value => Some(value.clone()),
            },
        )
    }

    /// The resource, and the attributes that are left.
    pub(super) fn into_parts(mut self, service: Option<&str>) -> (Resource, Vec<Attribute>) {
        let own = self.take(
            |role| match role {
                Role::Service(rank) => Some(rank),
                _ => None,
            },
            |value| match value {
                AttributeValue::String(name) if !name.is_empty() => Some(name.clone()),
                _ => None,
            },
        );
        let name = own.or_else(|| service.map(str::to_owned));
        let name = name.map(|it| Attribute::new(SERVICE_NAME, AttributeValue::String(it)));
        let (of_resource, of_record): (Vec<_>, Vec<_>) =
            self.fields.into_iter().partition(|it| it.is_of_resource);
        let attributes: Vec<_> = name
            .into_iter()
            .chain(of_resource.into_iter().map(|it| it.attribute))
            .collect();
        let resource = Resource {
            is_present: !attributes.is_empty(),
            attributes,
            ..Resource::default()
        };
        let attributes = of_record.into_iter().map(|it| it.attribute).collect();
        (resource, attributes)
    }

    /// Takes out the field with the lowest rank whose value can be read as what it should be.
    fn take<T>(
        &mut self,
        rank: impl Fn(Role) -> Option<u8>,
        read: impl Fn(&AttributeValue) -> Option<T>,
    ) -> Option<T> {
        let candidates = self.fields.iter().enumerate();
        let best = candidates.filter_map(|(position, field)| {
            let rank = rank(field.role?)?;
            let value = read(field.attribute.value.as_ref()?)?;
            Some((rank, position, value))
        });
        let (_, position, value) = best.min_by_key(|(rank, position, _)| (*rank, *position))?;
        self.fields.remove(position);
        Some(value)
    }
}

fn flatten(
    prefix: &str,
    entries: Vec<Attribute>,
    flat: &mut Vec<Attribute>,
    prefix_bytes_left: &mut usize,
) {
    for Attribute { key, value } in entries {
        let key = if prefix.is_empty() {
            key
        } else {
            format!("{prefix}.{key}")
        };
        match value {
            Some(AttributeValue::KvList(inner))
                if !inner.is_empty() && key.len() * inner.len() <= *prefix_bytes_left =>
            {
                *prefix_bytes_left -= key.len() * inner.len();
                flatten(&key, inner, flat, prefix_bytes_left);
            }
            value => flat.push(Attribute { key, value }),
        }
    }
}
