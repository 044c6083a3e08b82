//! `idlink policy`: B2C custom policies, from an author's folder to a tenant.
//! Needs neither settings nor a database.

mod check;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::Failure;

/// What a program ends with that was called wrongly; clap ends with the same.
pub(super) const MISUSE: u8 = 2;

/// Check, build, plan and show B2C custom policies
#[derive(Debug, Args)]
pub(super) struct PolicyCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Check(check::CheckCommand),
}

/// The command cannot be carried out as it was given: a path that cannot be
/// read, a folder without policies. The program ends with 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Misuse(pub(super) String);

impl PolicyCommand {
    pub(super) async fn run(self) -> Result<ExitCode, Failure> {
        match self.action {
            Action::Check(command) => command.run(),
        }
    }
}
