//! Everything that needs a running PostgreSQL, a socket or a second process:
//! one binary, one module for each part of `src`.
#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot set up must fail"
)]

mod architecture;
mod batching;
mod bearer;
mod bench;
mod browser;
mod callers;
mod check;
mod clients;
mod config;
mod crash;
mod custom_policy;
mod demo;
mod details;
mod doors;
mod duplicates;
mod embedded;
mod emulate;
mod emulator;
mod external_id;
mod freshness;
mod import;
mod journeys;
mod linking;
mod lost_commits;
mod oidc;
mod outages;
mod overtaken;
mod pgbouncer;
mod policy_build;
mod policy_check;
mod policy_plan;
mod policy_set;
mod policy_show;
mod reviews;
mod round_trips;
mod server;
mod simulate;
mod sites;
mod staff;
mod support;
mod survey;
mod terminal;
mod user_flow;
