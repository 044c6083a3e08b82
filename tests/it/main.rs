
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot set up must fail"
#![expect(
#![expect(clippy::unwrap_used, reason = "a test that cannot set up must fail")]
)]
//! Everything that needs a running PostgreSQL, a socket or a second process:
//! it
//! one binary, one module for each part of `src`.
mod config;
mod embedded;
mod emulator;
mod linking;
mod support;
mod user_flow;
