//! The resource and scope columns: few distinct texts behind a dictionary, each parsed once.

use std::sync::{Arc, OnceLock};

use arrow_array::{Array, RecordBatch};

use crate::columns::{BatchError, DictionaryColumn, required_column};
use crate::otlp::json;
use crate::resource::{Resource, Scope};
use crate::schema::column;

/// Resource and scope of each row of a batch.
#[derive(Debug)]
pub struct EnvelopeColumns {
    resources: Parsed<Resource>,
    scopes: Parsed<Scope>,
}

#[derive(Debug)]
struct Parsed<T> {
    name: &'static str,
    texts: DictionaryColumn,
    parsed: Vec<OnceLock<Arc<T>>>,
}

impl EnvelopeColumns {
    /// Looks at the columns of a batch, which may lack all others.
    ///
    /// # Errors
    /// When a column is missing or has another type.
    pub fn of_batch(batch: &RecordBatch) -> Result<Self, BatchError> {
        Ok(Self {
            resources: Parsed::of_batch(batch, column::RESOURCE)?,
            scopes: Parsed::of_batch(batch, column::SCOPE)?,
        })
    }

    /// The resource of the row.
    ///
    /// # Errors
    /// When its text is damaged.
    pub fn resource(&self, row: usize) -> Result<Arc<Resource>, BatchError> {
        self.resources
            .get(row, |text| json::resource_from_text(text).ok())
    }

    /// The scope of the row.
    ///
    /// # Errors
    /// When its text is damaged.
    pub fn scope(&self, row: usize) -> Result<Arc<Scope>, BatchError> {
        self.scopes
            .get(row, |text| json::scope_from_text(text).ok())
    }

    pub(crate) fn key(&self, row: usize) -> (usize, usize) {
        (self.resources.texts.key(row), self.scopes.texts.key(row))
    }
}

impl<T> Parsed<T> {
    fn of_batch(batch: &RecordBatch, name: &'static str) -> Result<Self, BatchError> {
        let texts = DictionaryColumn::new(required_column(batch, name)?, name)?;
        let parsed = (0..texts.values().len()).map(|_| OnceLock::new()).collect();
        Ok(Self {
            name,
            texts,
            parsed,
        })
    }

    fn get(&self, row: usize, parse: impl Fn(&str) -> Option<T>) -> Result<Arc<T>, BatchError> {
        let damaged = || BatchError::DamagedValue {
            column: self.name.to_owned(),
            row,
        };
        let slot = self.parsed.get(self.texts.key(row)).ok_or_else(damaged)?;
        if let Some(known) = slot.get() {
            return Ok(Arc::clone(known));
        }
        let value = Arc::new(parse(self.texts.value(row)).ok_or_else(damaged)?);
        Ok(Arc::clone(slot.get_or_init(|| value)))
    }
}
