//! What every endpoint answers, byte for byte, over a real storage.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod errors;
mod export;
mod jaeger;
mod native;
mod paging;
mod schema;
mod serving;
mod shop;
mod store;
