//! Everything that needs a running PostgreSQL, a socket or a second process:
//! one binary, one module for each part of `src`.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up must fail")]

mod embedded;
mod linking;
mod oidc;
mod support;
