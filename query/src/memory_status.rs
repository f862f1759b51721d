//! What the process may hold in memory and what it holds: a part of `/api/v1/status` that the binary knows.

use std::sync::Arc;

/// Asks the process what it holds.
pub type MemoryStatus = Arc<dyn Fn() -> Memory + Send + Sync>;

/// The memory budget, what follows from it, and what of it is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// What the process is to stay within.
    pub budget_bytes: u64,
    /// Where that figure comes from.
    pub budget_source: BudgetSource,
    /// What the process holds without mapped files; `None` where the system does not say.
    pub held_bytes: Option<u64>,
    /// Whether that was too much when it was last looked at, so that senders have to wait.
    pub is_short: bool,
    /// Bytes of export requests in memory.
    pub in_flight_bytes: u64,
    /// How many there may be.
    pub in_flight_bytes_max: u64,
    /// The largest export request.
    pub request_bytes_max: u64,
    /// Memory of records not yet in a split at which a split is written.
    pub seal_bytes: u64,
}

/// Where a memory budget comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BudgetSource {
    /// Somebody set it.
    Setting,
    /// A share of the machine's memory.
    Machine,
    /// A share of what a control group leaves the process.
    ControlGroup,
    /// The least that a server can work with; a share of what there is would have been less.
    Minimum,
    /// Nobody knows what there is.
    Unknown,
}

impl BudgetSource {
    /// The stable word for it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Setting => "setting",
            Self::Machine => "machine",
            Self::ControlGroup => "control_group",
            Self::Minimum => "minimum",
            Self::Unknown => "unknown",
        }
    }
}
