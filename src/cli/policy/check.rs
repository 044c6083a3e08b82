//! `idlink policy check`: what B2C would refuse, before it does.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::Misuse;
use crate::cli::Failure;
use crate::policy::source::Sources;
use crate::policy::xml;

/// Check policies as B2C does when they are uploaded, and more
#[derive(Debug, Args)]
pub(super) struct CheckCommand {
    /// Policy files, or folders of them
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
}

impl CheckCommand {
    pub(super) fn run(self) -> Result<ExitCode, Failure> {
        let mut sources = Sources::default();
        let mut code = ExitCode::SUCCESS;
        for path in self.paths {
            let text = std::fs::read_to_string(&path)
                .map_err(|error| Misuse(format!("{}: {error}", path.display())))?;
            let file = sources.add(path, text);
            let source = sources.get(file);
            if let Err(error) = xml::parse(file, source.text()) {
                println!("{}: {}", source.path().display(), error.reason);
                code = ExitCode::FAILURE;
            }
        }
        Ok(code)
    }
}
