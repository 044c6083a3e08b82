//! `idlink policy`: B2C custom policies, from an author's folder to a tenant.
//! Needs neither settings nor a database.

mod build;
mod check;
mod explain;
mod plan;
mod show;

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::Failure;
use crate::policy::finding::Finding;
use crate::policy::report::text::{self, Colours};
use crate::policy::report::{Entry, Report};
use crate::policy::source::Sources;

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
    Build(build::BuildCommand),
    Plan(plan::PlanCommand),
    Show(show::ShowCommand),
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
            Action::Build(command) => command.run(),
            Action::Plan(command) => command.run().await,
            Action::Show(command) => command.run(),
        }
    }
}

/// Findings for a person, one after the other.
fn print_findings(sources: &Sources, findings: &[Finding]) {
    let report = Report::new(sources, findings.iter().map(Entry::from));
    for finding in text::render(&report, colours(), |_| None) {
        println!("{finding}");
    }
}

/// Colours for a terminal, unless its owner wants none (no-color.org).
fn colours() -> Colours {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    match std::io::stdout().is_terminal() && !is_set("NO_COLOR") && !is_dumb {
        true => Colours::Yes,
        false => Colours::No,
    }
}
