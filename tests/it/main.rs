//! Everything that needs a running PostgreSQL, a socket or a second process:
//! one binary, one module for each part of `src`.
#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot set up must fail"
)]

mod architecture;
mod browser;
mod clients;
mod config;
mod custom_policy;
mod demo;
mod embedded;
mod emulator;
mod linking;
mod oidc;
mod sites;
mod staff;
mod support;
mod user_flow;
