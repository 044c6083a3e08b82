//! Everything that needs a running PostgreSQL, a socket or a second process.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up must fail")]

mod embedded;
mod support;
