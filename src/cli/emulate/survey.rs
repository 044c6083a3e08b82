//! `idlink emulate survey`: which policies of a checkout the emulator runs, and
//! how far.

use std::fs;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};

use crate::cli::Failure;
use crate::emulator::survey::{Amount, Plan, Report, survey, text};

/// Walk through policies as somebody in a browser would, and tell what came of
/// it
///
/// For every relying party below the paths: does it load, is there anything in
/// it that the emulator does not run, and do three ways through it end as they
/// should: to a token, refused, cancelled. A robot fills the pages in; a story
/// tells what a policy needs besides and what it is to prove. Ends with 1 if a
/// story did not come true.
#[derive(Debug, Args)]
pub(super) struct SurveyCommand {
    /// Policy files, or folders of them: samples and the starter packs that
    /// they stand on
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Stories, or folders of them
    #[arg(long, value_name = "FILE", num_args = 1..)]
    stories: Vec<PathBuf>,
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Only policies with this in their id or their folder
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Tell every page of every visit
    #[arg(long)]
    details: bool,
    /// Keep the trace of every visit in this folder
    #[arg(long, value_name = "DIR")]
    traces: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A table
    Text,
    Json,
    /// A page to look at
    Html,
}

impl SurveyCommand {
    pub(super) async fn run(&self) -> Result<ExitCode, Failure> {
        if let Some(folder) = &self.traces {
            fs::create_dir_all(folder)?;
        }
        let plan = Plan {
            paths: self.paths.clone(),
            stories: self.stories.clone(),
            only: self.only.clone(),
            traces: self.traces.clone(),
        };
        let bar = bar();
        let told = |done: usize, of: usize, policy: &str| {
            bar.set_length(u64::try_from(of).unwrap_or(u64::MAX));
            bar.set_position(u64::try_from(done).unwrap_or(u64::MAX));
            bar.set_message(policy.to_owned());
        };
        let report = survey(&plan, &told).await?;
        bar.finish_and_clear();
        self.print(&report)?;
        Ok(match report.totals.stories_failed {
            0 => ExitCode::SUCCESS,
            _ => ExitCode::FAILURE,
        })
    }

    fn print(&self, report: &Report) -> Result<(), Failure> {
        let amount = match self.details {
            true => Amount::Details,
            false => Amount::Table,
        };
        let told = match self.format {
            Format::Text => text(report, amount),
            Format::Json => serde_json::to_string_pretty(report)?,
            Format::Html => {
                let traces = self
                    .traces
                    .as_ref()
                    .map(|folder| folder.display().to_string());
                report.html(traces.as_deref())?
            }
        };
        println!("{}", told.trim_end());
        Ok(())
    }
}

/// Shown on a terminal only.
fn bar() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(0);
    let style = ProgressStyle::with_template("{pos}/{len} {wide_bar} {eta} left  {msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}
