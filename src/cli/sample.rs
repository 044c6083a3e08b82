//! `idlink sample`: customers that nobody is.

use std::io;

use clap::{Args, Subcommand, ValueEnum};

use crate::domain::customer::LegalEntity;
use crate::import::sample::{LEGAL_ENTITIES, Layout, Sample};

/// Make up customers, for demonstrations and measurements
#[derive(Debug, Args)]
pub(super) struct SampleCommand {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Print customers as CSV: people of several countries, companies,
    /// households, and the mistakes that real files are full of
    Customers(Customers),
}

#[derive(Debug, Args)]
struct Customers {
    /// How many customers to print
    #[arg(long, value_name = "N", default_value_t = 1000)]
    count: u64,
    /// The same seed prints the same bytes
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// The companies that own the customers, separated by commas
    #[arg(long, value_name = "CODE", value_delimiter = ',', default_values = LEGAL_ENTITIES)]
    legal_entity: Vec<String>,
    /// Whose columns and words to write
    #[arg(long, value_enum, default_value = "idlink")]
    profile: ProfileArgument,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ProfileArgument {
    Idlink,
    DynamicsCustomersV3,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum SampleError {
    #[error("`{0}` is no legal entity: 1 to 32 letters, digits, `-` and `_`")]
    LegalEntity(String),
    #[error("not everything could be printed: {0}")]
    Output(io::Error),
}

impl SampleCommand {
    pub(super) fn run(self) -> Result<(), SampleError> {
        let What::Customers(customers) = self.what;
        let is_code = |code: &&String| LegalEntity::parse(code).is_some();
        if let Some(code) = customers.legal_entity.iter().find(|code| !is_code(code)) {
            return Err(SampleError::LegalEntity(code.clone()));
        }
        let sample = Sample {
            count: customers.count,
            seed: customers.seed,
            legal_entities: customers.legal_entity,
            layout: match customers.profile {
                ProfileArgument::Idlink => Layout::Idlink,
                ProfileArgument::DynamicsCustomersV3 => Layout::DynamicsCustomersV3,
            },
        };
        match sample.write(io::stdout().lock()) {
            // Who has gone, such as `head`, has what they wanted.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            result => result.map_err(SampleError::Output),
        }
    }
}
