//! The columns of what surrounds records: service, resource and scope.

use arrow_array::ArrayRef;
use arrow_schema::ArrowError;

use super::dictionary::DictionaryBuilder;
use crate::otlp::json;
use crate::resource::{Resource, Scope};

/// Service, resource and scope of each row.
#[derive(Debug, Default)]
pub(crate) struct EnvelopesBuilder {
    services: DictionaryBuilder,
    resources: DictionaryBuilder,
    scopes: DictionaryBuilder,
}

/// The numbers of a resource and its service, looked up when the first row needs them: resources without
/// records leave no trace in the columns.
#[derive(Debug, Default)]
pub(crate) struct ResourceKeys(Option<(i32, i32)>);

impl EnvelopesBuilder {
    pub(super) fn reserve(&mut self, row_count: usize) {
        self.services.reserve(row_count);
        self.resources.reserve(row_count);
        self.scopes.reserve(row_count);
    }

    pub(super) fn memory_bytes(&self) -> usize {
        let columns = [&self.services, &self.resources, &self.scopes];
        columns.map(DictionaryBuilder::memory_bytes).iter().sum()
    }

    /// Adds rows of one scope. `keys` belongs to the resource.
    pub(crate) fn append(
        &mut self,
        resource: &Resource,
        keys: &mut ResourceKeys,
        scope: &Scope,
        row_count: usize,
    ) {
        if row_count == 0 {
            return;
        }
        let (service, resource) = *keys.0.get_or_insert_with(|| {
            let service = self.services.number(resource.service_name().as_bytes());
            let text = json::resource_text(resource);
            (service, self.resources.number(text.as_bytes()))
        });
        let scope = self.scopes.number(json::scope_text(scope).as_bytes());
        self.services.append(service, row_count);
        self.resources.append(resource, row_count);
        self.scopes.append(scope, row_count);
    }

    /// Service, resource, scope.
    pub(super) fn finish(self) -> Result<[ArrayRef; 3], ArrowError> {
        Ok([
            self.services.finish()?,
            self.resources.finish()?,
            self.scopes.finish()?,
        ])
    }
}
