//! How severe log records are.

/// Severities of the templates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Severity {
    Debug,
    Info,
    Warn,
    Error,
    Fatal,
}

impl Severity {
    /// OTLP's number and the usual text.
    pub(super) fn otlp(self) -> (u64, &'static str) {
        match self {
            Self::Debug => (5, "DEBUG"),
            Self::Info => (9, "INFO"),
            Self::Warn => (13, "WARN"),
            Self::Error => (17, "ERROR"),
            Self::Fatal => (21, "FATAL"),
        }
    }
}
