//! `idlink policy build`: the policies of each environment.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::{Misuse, print_findings};
use crate::cli::Failure;
use crate::policy::build::{self, AppSettings, Environment, Written};
use crate::policy::finding::{Finding, Severity};
use crate::policy::source::Sources;

/// Write the policies of each environment, {Settings:…} replaced
///
/// The environments are those of appsettings.json, as the Azure AD B2C
/// extension of VS Code reads it. Values are escaped for XML. Nothing is
/// written while a placeholder has no value.
#[derive(Debug, Args)]
pub(super) struct BuildCommand {
    /// Build this environment only; may be given more than once
    #[arg(long, value_name = "NAME")]
    environment: Vec<String>,
    /// Where the environments' folders are made [default: EnvironmentsFolder of the settings].
    /// Other folders of policies need another place: what an earlier build
    /// wrote there and this one does not is taken away
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// [default: appsettings.json in the first PATH]
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// Folders of policies; files of the second and further ones go into
    /// folders of their names
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
}

impl BuildCommand {
    pub(super) fn run(self) -> Result<ExitCode, Failure> {
        let misuse = |error: build::ReadError| Misuse(error.to_string());
        let first = self.paths.first().map_or(Path::new("."), PathBuf::as_path);
        let mut sources = Sources::default();
        let file = build::read_settings(&mut sources, self.settings.as_deref(), first);
        let file = file.map_err(misuse)?;
        let settings = match build::parse_settings(&sources, file) {
            Ok(settings) => settings,
            Err(problems) => return Ok(refused(&sources, &problems)),
        };
        let environments = self.chosen(&settings)?;
        let inputs = build::read(&mut sources, &settings, &self.paths).map_err(misuse)?;
        let built = build::build(&sources, &inputs, &environments);
        let is_error = |finding: &Finding| finding.severity == Severity::Error;
        if built.findings.iter().any(is_error) {
            return Ok(refused(&sources, &built.findings));
        }
        print_findings(&sources, &built.findings);
        let root = match &self.output {
            Some(root) => root.clone(),
            None => first.join(&settings.environments_folder),
        };
        let names = built.environments.iter().map(|(name, _)| name.as_str());
        build::spare_sources(&root, names, &sources).map_err(|error| Misuse(error.to_string()))?;
        for (name, files) in &built.environments {
            print_written(name, &build::write(&root, name, files)?);
        }
        Ok(ExitCode::SUCCESS)
    }

    fn chosen<'a>(&self, settings: &'a AppSettings) -> Result<Vec<&'a Environment>, Misuse> {
        if self.environment.is_empty() {
            return Ok(settings.environments.iter().collect());
        }
        for name in &self.environment {
            let mut known = settings.environments.iter();
            if !known.any(|environment| environment.name == *name) {
                let known = settings.environments.iter();
                let known: Vec<_> = known.map(|known| known.name.as_str()).collect();
                let known = known.join(", ");
                return Err(Misuse(format!(
                    "there is no environment {name}: appsettings.json has {known}"
                )));
            }
        }
        let all = settings.environments.iter();
        let chosen = all.filter(|environment| self.environment.contains(&environment.name));
        Ok(chosen.collect())
    }
}

fn refused(sources: &Sources, findings: &[Finding]) -> ExitCode {
    print_findings(sources, findings);
    println!("Nothing was written.");
    ExitCode::FAILURE
}

fn print_written(environment: &str, written: &Written) {
    let files = match written.files {
        1 => "1 file".to_owned(),
        files => format!("{files} files"),
    };
    println!(
        "{environment}: {files} in {}, {} changed",
        written.folder.display(),
        written.changed
    );
    for path in &written.removed {
        println!("  removed {}: no longer among the policies", path.display());
    }
    for path in &written.kept {
        println!(
            "  kept {}: no longer among the policies, but somebody changed it since",
            path.display()
        );
    }
}
