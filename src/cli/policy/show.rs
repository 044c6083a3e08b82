//! `idlink policy show`: what a policy comes to, once all that it inherits is
//! merged.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::Misuse;
use crate::cli::Failure;
use crate::policy::set::{PolicyFile, PolicySet};
use crate::policy::show::{Journey, Profile, choose};

/// Show a journey, or a technical profile with the origin of each line
#[derive(Debug, Args)]
pub(super) struct ShowCommand {
    /// Policy files, or folders of them
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// The policy to show, by its id or its file [default: the only relying
    /// party]
    #[arg(long, value_name = "ID")]
    policy: Option<String>,
    /// Show this technical profile with all that it inherits and includes, as
    /// text or JSON
    #[arg(long, value_name = "ID", conflicts_with = "journey")]
    technical_profile: Option<String>,
    /// Show this journey [default: that of the relying party]
    #[arg(long, value_name = "ID")]
    journey: Option<String>,
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
    /// A flowchart for documentation
    Mermaid,
    /// A picture
    Svg,
    /// A page with the picture and all technical profiles
    Html,
}

impl ShowCommand {
    pub(super) fn run(self) -> Result<ExitCode, Failure> {
        let set = PolicySet::read(&self.paths).map_err(misuse)?;
        for finding in &set.broken {
            let path = set.sources.get(finding.span.file).path();
            let line = set.sources.position(finding.span).line;
            eprintln!("idlink: {}:{line}: {}", path.display(), finding.message);
        }
        let file = choose(&set, self.policy.as_deref()).map_err(misuse)?;
        let text = match &self.technical_profile {
            Some(id) => self.profile(&set, file, id)?,
            None => self.journey(&set, file)?,
        };
        println!("{}", text.trim_end());
        Ok(ExitCode::SUCCESS)
    }

    fn profile(&self, set: &PolicySet, file: &PolicyFile, id: &str) -> Result<String, Failure> {
        let profile = Profile::of(set, file, id).map_err(misuse)?;
        Ok(match self.format {
            Format::Text => profile.text(),
            Format::Json => profile.json()?,
            Format::Mermaid | Format::Svg | Format::Html => {
                let text = "a technical profile is shown as text or json; the page of a journey \
                            (--format html) has its profiles";
                return Err(Misuse(text.to_owned()).into());
            }
        })
    }

    fn journey(&self, set: &PolicySet, file: &PolicyFile) -> Result<String, Failure> {
        let journey = Journey::of(set, file, self.journey.as_deref()).map_err(misuse)?;
        Ok(match self.format {
            Format::Text => journey.text(),
            Format::Json => journey.json()?,
            Format::Mermaid => journey.mermaid(),
            Format::Svg => journey.svg(),
            Format::Html => journey.html()?,
        })
    }
}

fn misuse(error: impl std::error::Error) -> Misuse {
    Misuse(error.to_string())
}
