<<<<<<< HEAD
//! Everything that needs a database, a socket or a process: one binary, one
//! module for each part of `src`.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that fails may panic"
)]
=======
//! Everything that needs a running PostgreSQL, a socket or a second process.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up must fail")]

mod embedded;
mod support;
>>>>>>> infra
