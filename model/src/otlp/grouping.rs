//! Records as OTLP nests them: by resource, then by scope.

use std::sync::Arc;

use crate::resource::{Resource, Scope};

/// The records of one scope.
pub(super) struct ScopeGroup<'a, T> {
    pub(super) scope: Arc<Scope>,
    pub(super) records: Vec<&'a T>,
}

/// The scopes of one resource.
pub(super) struct ResourceGroup<'a, T> {
    pub(super) resource: Arc<Resource>,
    pub(super) scopes: Vec<ScopeGroup<'a, T>>,
}

/// Groups records by equal resource and scope, in order of first appearance.
pub(super) fn group<T>(
    records: &[T],
    envelope: impl Fn(&T) -> (Arc<Resource>, Arc<Scope>),
) -> Vec<ResourceGroup<'_, T>> {
    let mut groups: Vec<ResourceGroup<'_, T>> = Vec::new();
    for record in records {
        let (resource, scope) = envelope(record);
        let position = groups.iter().position(|it| same(&it.resource, &resource));
        let group = match position {
            Some(position) => &mut groups[position],
            None => {
                groups.push(ResourceGroup {
                    resource,
                    scopes: Vec::new(),
                });
                let last = groups.len() - 1;
                &mut groups[last]
            }
        };
        match group.scopes.iter_mut().find(|it| same(&it.scope, &scope)) {
            Some(scope_group) => scope_group.records.push(record),
            None => group.scopes.push(ScopeGroup {
                scope,
                records: vec![record],
            }),
        }
    }
    groups
}

fn same<T: PartialEq>(left: &Arc<T>, right: &Arc<T>) -> bool {
    Arc::ptr_eq(left, right) || left == right
}
