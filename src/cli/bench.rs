//! `idlink bench`: how fast it is here.

mod chart;
mod connector;
mod contest;
mod failure;
mod figures;
mod generator;
mod import;
mod load;
mod machine;
mod peers;
mod pgbench;
mod population;
mod processes;
mod report;
mod service;
mod stage;
mod tls;
mod token;

use clap::{Args, Subcommand};

/// Measure how fast idlink is on this machine
#[derive(Debug, Args)]
pub(super) struct BenchCommand {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Connector(connector::ConnectorBench),
    Token(token::TokenBench),
    Tls(tls::TlsBench),
    Import(import::ImportBench),
    #[command(hide = true)]
    Load(load::LoadCommand),
    #[command(hide = true)]
    Constant(load::constant::ConstantCommand),
}

impl BenchCommand {
    pub(super) async fn run(self, context: &super::Context) -> Result<(), super::Failure> {
        match self.what {
            What::Connector(bench) => Ok(bench.run(context).await?),
            What::Token(bench) => Ok(bench.run(context).await?),
            What::Tls(bench) => Ok(bench.run(context).await?),
            What::Import(bench) => Ok(bench.run(context).await?),
            What::Load(load) => Ok(load.run().await?),
            What::Constant(constant) => Ok(constant.run().await?),
        }
    }
}
