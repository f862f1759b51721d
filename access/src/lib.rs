//! Who may connect: which addresses are open, by which names this server is reached, and how many
//! requests were turned away.
//!
//! Collector and query do not know each other and both have doors to the outside. What a door asks of
//! those who come is the same for both, so it is here, below both.

mod config;
mod door;
mod hosts;
mod metrics;
mod open;

pub use config::AccessArgs;
pub use door::{Door, Guard};
pub use hosts::{AllowedHosts, ForbiddenHost};
pub use open::{Access, AccessError, Address, Purpose};
