//! idlink links the identities people sign up with to the customer accounts a
//! business already has.

pub mod body;
pub mod cli;
pub mod config;
pub mod connectors;
pub mod demo;
pub mod domain;
pub mod duplicates;
pub mod emulator;
pub mod import;
mod json;
pub mod limits;
pub mod linking;
pub mod oidc;
pub mod policy;
pub mod reviews;
pub mod server;
pub mod sign_up;
pub mod simulate;
pub mod sites;
pub mod staff;
pub mod store;
pub mod telemetry;
pub mod tracked;
