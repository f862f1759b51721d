//! The templates of a split, numbered as blocks bring them.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::error::BodiesError;
use super::template::{MARK, Template, VariableTraits};

/// When there are more templates, bodies of new ones are kept as text.
pub(super) const TEMPLATES_MAX: usize = 64 * 1024;
/// The same for the bytes of all templates.
pub(super) const TEMPLATES_BYTES_MAX: usize = 16 << 20;

/// Templates by number and by skeleton.
#[derive(Debug, Default)]
pub(super) struct TemplateTable {
    list: Vec<Template>,
    numbers: HashMap<Box<[u8]>, u32, RandomState>,
    bytes: usize,
}

impl TemplateTable {
    /// The number of a template, which is new or known; `None` when the table is full.
    pub(super) fn number(&mut self, skeleton: &[u8]) -> Result<Option<u32>, BodiesError> {
        if let Some(number) = self.numbers.get(skeleton) {
            return Ok(Some(*number));
        }
        let is_full =
            self.list.len() >= TEMPLATES_MAX || self.bytes + skeleton.len() > TEMPLATES_BYTES_MAX;
        let number = u32::try_from(self.list.len()).ok().filter(|_| !is_full);
        if let Some(number) = number {
            let variables = skeleton.split(|byte| *byte == MARK).count() - 1;
            let traits = vec![VariableTraits::NONE; variables];
            self.list.push(Template::parse(skeleton, traits)?);
            self.bytes += skeleton.len();
            self.numbers.insert(skeleton.into(), number);
        }
        Ok(number)
    }

    /// Notes what the values of a variable were like.
    pub(super) fn widen(&mut self, number: u32, variable: usize, traits: VariableTraits) {
        let template = self.list.get_mut(number as usize);
        if let Some(known) = template.and_then(|it| it.traits.get_mut(variable)) {
            *known = known.or(traits);
        }
    }

    pub(super) fn list(&self) -> &[Template] {
        &self.list
    }
}
