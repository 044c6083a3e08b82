//! Everything that needs a database, a socket or a process: one binary, one
//! module for each part of `src`.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that fails may panic"
)]

mod config;
