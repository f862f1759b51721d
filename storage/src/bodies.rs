//! The bodies of the log records of a split: one file, in which they take little and are found
//! without an index.
//!
//! Rows come in blocks. A block keeps a body as the number of its template and the values of its
//! variables, each variable as a column of its own; or, where that does not pay, as compressed
//! text with a filter of its words. `docs/formats/bodies.md` has the bytes.

mod align;
mod bits;
mod block;
mod block_reader;
mod block_view;
mod block_writer;
mod bloom;
mod body_regex;
mod checked;
mod choose;
mod column;
mod column_test;
mod column_writer;
mod error;
mod footer;
mod found;
mod integers;
mod needle;
mod numeric;
mod page_search;
mod patterns;
mod plan;
mod plane;
mod promote;
mod reader;
mod search;
mod skeletons;
mod symbols;
mod template;
mod template_table;
mod text_page;
mod texts;
mod tokens;
mod values;
mod writer;

#[cfg(test)]
mod search_tests;
#[cfg(test)]
mod tests;

pub use block_writer::PartSizes;
pub use body_regex::{BodyRegex, REGEX_PATTERN_BYTES_MAX, RegexError};
pub use error::BodiesError;
pub use needle::{BodyQuery, LetterCase, Needle};
pub use patterns::{MiningLimits, Pattern, PatternKey, PatternMiner, Patterns};
pub use reader::{Bodies, BodyMatches, WATCH_BYTES, Watch};
pub(crate) use search::SplitQuery;
pub use template::{Template, VariableKind};
pub use writer::{BodiesSummary, BodiesWriter};
