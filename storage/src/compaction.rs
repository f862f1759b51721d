//! Merges small splits into few large ones: fewer places to search, and late spans beside the rest
//! of their trace.

#[cfg_attr(
    not(test),
    expect(dead_code, reason = "the worker that asks it comes next")
)]
pub(crate) mod policy;
