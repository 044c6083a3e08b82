//! `idlink bench`: how fast it is here.

mod import;

use clap::{Args, Subcommand};

/// Measure how fast idlink is on this machine
#[derive(Debug, Args)]
pub(super) struct BenchCommand {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Import(import::ImportBench),
}

impl BenchCommand {
    pub(super) async fn run(self, context: &super::Context) -> Result<(), super::Failure> {
        match self.what {
            What::Import(bench) => Ok(bench.run(context).await?),
        }
    }
}
