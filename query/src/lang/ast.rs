//! What a query says, before it is known which signal it is asked of.

/// Terms that must all hold for one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// The terms, in the order written.
    pub terms: Vec<Term>,
}

/// One condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// Whether the condition must not hold.
    pub negated: bool,
    /// Where the term starts, in characters from 1.
    pub position: usize,
    /// The condition.
    pub kind: TermKind,
}

impl Term {
    /// Whether it has a regular expression.
    pub(super) fn is_pattern(&self) -> bool {
        let TermKind::Field { comparison, .. } = &self.kind else {
            return false;
        };
        *comparison == Comparison::Matches
    }
}

/// The forms a condition takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TermKind {
    /// A word or a quoted text without a key.
    Text(Value),
    /// A key, a comparison and a value.
    Field {
        /// What is compared.
        key: Key,
        /// How it is compared.
        comparison: Comparison,
        /// What it is compared with.
        value: Value,
    },
}

/// The left side of a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The key without its quotes.
    pub text: String,
    /// A quoted key is always that of an attribute, even when it reads like a built-in one.
    pub is_quoted: bool,
}

/// The right side of a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    /// The value without its quotes and without a trailing star; a pattern is kept as it was written.
    pub text: String,
    /// Where the value starts, in characters from 1.
    pub position: usize,
    /// Whether a star follows the text: any value that starts with it.
    pub is_prefix: bool,
    /// Whether the text stood in quotes.
    pub is_quoted: bool,
}

impl Value {
    /// Where what follows it stands, in characters from 1: its star, if it has one.
    pub(super) fn end(&self) -> usize {
        let quotes = if self.is_quoted { 2 } else { 0 };
        self.position + self.text.chars().count() + quotes
    }
}

/// How the sides of a condition are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `:`
    Equal,
    /// `~`
    Matches,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
}
