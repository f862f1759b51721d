//! The numbers that the index has given to the resources and scopes of a batch.

/// Numbers by position in the dictionaries of the batch, each asked for once.
pub(super) struct EnvelopeNumbers {
    resources: Vec<Option<u32>>,
    scopes: Vec<Option<Option<u32>>>,
}

impl EnvelopeNumbers {
    /// For dictionaries of so many texts.
    pub(super) fn new(resource_count: usize, scope_count: usize) -> Self {
        Self {
            resources: vec![None; resource_count],
            scopes: vec![None; scope_count],
        }
    }

    /// The number of the resource at this position.
    pub(super) fn resource<E>(
        &mut self,
        position: usize,
        ask: impl FnOnce() -> Result<u32, E>,
    ) -> Result<u32, E> {
        once(self.resources.get_mut(position), ask)
    }

    /// The number of the scope at this position; `None` where the index has none for it.
    pub(super) fn scope<E>(
        &mut self,
        position: usize,
        ask: impl FnOnce() -> Result<Option<u32>, E>,
    ) -> Result<Option<u32>, E> {
        once(self.scopes.get_mut(position), ask)
    }
}

fn once<T: Copy, E>(
    slot: Option<&mut Option<T>>,
    ask: impl FnOnce() -> Result<T, E>,
) -> Result<T, E> {
    let Some(slot) = slot else {
        return ask();
    };
    if let Some(number) = *slot {
        return Ok(number);
    }
    let number = ask()?;
    *slot = Some(number);
    Ok(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_asked_for_once_unless_that_failed() {
        let mut numbers = EnvelopeNumbers::new(2, 1);
        assert_eq!(numbers.resource(1, || Err("no")), Err("no"));
        assert_eq!(numbers.resource(1, || Ok::<_, &str>(7)), Ok(7));
        assert_eq!(numbers.resource(1, || Err("asked again")), Ok(7));
        assert_eq!(numbers.resource(0, || Ok::<_, &str>(8)), Ok(8));
        assert_eq!(numbers.scope(0, || Ok::<_, &str>(None)), Ok(None));
        assert_eq!(numbers.scope(0, || Err("asked again")), Ok(None));
    }
}
