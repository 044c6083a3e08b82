//! `idlink emulate`: a tenant on a desk. Needs neither settings nor a database.

mod survey;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::Failure;

/// Run B2C custom policies without a tenant
#[derive(Debug, Args)]
pub(super) struct EmulateCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Survey(survey::SurveyCommand),
}

impl EmulateCommand {
    pub(super) async fn run(self) -> Result<ExitCode, Failure> {
        match self.action {
            Action::Survey(command) => command.run().await,
        }
    }
}
