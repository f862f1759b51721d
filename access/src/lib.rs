//! Who may connect: which addresses are open, by which names this server is reached, who may send, and
//! how many requests were turned away.
//!
//! Collector and query do not know each other and both have doors to the outside. What a door asks of
//! those who come is the same for both, so it is here, below both.

mod config;
mod door;
mod hosts;
mod live;
mod metrics;
mod open;
mod secret;
mod tls;
mod tokens;

pub use config::AccessArgs;
pub use door::{Door, Guard, accept};
pub use hosts::{AllowedHosts, ForbiddenHost};
pub use live::FileError;
pub use open::{Access, AccessError, Address, Purpose};
pub use secret::Secret;
pub use tls::{Guest, Stream};
pub use tokens::{NewToken, NewTokenError, SenderName, TokenError, Unauthenticated};
