//! The command line: one file a command.

/// Instead of the standard one, which panics when the reader has gone.
macro_rules! println {
    ($($text:tt)*) => { $crate::cli::print::line(format_args!($($text)*)) };
}

mod attempt;
mod bench;
mod check;
mod context;
mod customer;
mod demo;
mod duplicates;
mod emulate;
mod feature;
mod import;
mod link;
mod migrate;
mod policy;
mod print;
mod reading;
mod review;
mod sample;
mod serve;
mod simulate;
mod staff;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use context::{Context, ContextError};

/// Links the identities people sign up with to the customer accounts a
/// business already has
#[derive(Debug, Parser)]
#[command(name = "idlink", version, propagate_version = true)]
pub struct CommandLine {
    /// Settings file [default: none: everything has its default]
    #[arg(long, global = true, env = "IDLINK_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder of the embedded PostgreSQL and of what the demo keeps
    #[arg(long, global = true, default_value = ".idlink", value_name = "DIR")]
    data_dir: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::DemoCommand),
    Emulate(emulate::EmulateCommand),
    Serve(serve::ServeCommand),
    Check(check::CheckCommand),
    Migrate(migrate::MigrateCommand),
    Feature(feature::FeatureCommand),
    Customer(customer::CustomerCommand),
    Link(link::LinkCommand),
    Import(import::ImportCommand),
    Bench(bench::BenchCommand),
    Attempt(attempt::AttemptCommand),
    Policy(policy::PolicyCommand),
    Duplicates(duplicates::DuplicatesCommand),
    Review(review::ReviewCommand),
    Sample(sample::SampleCommand),
    Simulate(simulate::SimulateCommand),
}

/// A variable whose value is no text.
#[derive(Debug, thiserror::Error)]
#[error("the environment variable {0} is not in UTF-8: correct it")]
struct NoText(String);

/// The variables that are text. Among those of other programs may be some that
/// are none, and they are nobody's business here.
fn environment() -> Result<Vec<(String, String)>, NoText> {
    let mut variables = Vec::new();
    for (name, value) in std::env::vars_os() {
        let Ok(name) = name.into_string() else {
            continue;
        };
        match value.into_string() {
            Ok(value) => variables.push((name, value)),
            Err(_) if name.to_ascii_uppercase().starts_with("IDLINK") => return Err(NoText(name)),
            Err(_) => {}
        }
    }
    Ok(variables)
}

/// Whatever ended a command, for a person to read with all its causes.
pub type Failure = Box<dyn Error + Send + Sync>;

impl CommandLine {
    /// How many threads the command's own work is for; `None`: one a core.
    ///
    /// The web server has a worker a core. What the service does beside it waits
    /// for the database most of the time, and fewer threads wake each other less.
    pub fn threads(&self) -> Option<usize> {
        match self.command {
            Command::Serve(_) => {
                let cores = std::thread::available_parallelism().map_or(1, usize::from);
                Some(cores.div_ceil(2))
            }
            _ => None,
        }
    }

    /// What the program ends with: success, unless the command has another way
    /// to say what it found.
    pub async fn run(self) -> Result<ExitCode, Failure> {
        let mut code = ExitCode::SUCCESS;
        let context = Context::new(self.config, self.data_dir, environment()?);
        match self.command {
            Command::Demo(command) => command.run(&context).await?,
            Command::Emulate(command) => code = command.run(&context).await?,
            Command::Serve(command) => command.run(&context).await?,
            Command::Check(command) => command.run(&context).await?,
            Command::Migrate(command) => command.run(&context).await?,
            Command::Feature(command) => command.run(&context).await?,
            Command::Customer(command) => command.run(&context).await?,
            Command::Link(command) => command.run(&context).await?,
            Command::Import(command) => command.run(&context).await?,
            Command::Bench(command) => command.run(&context).await?,
            Command::Attempt(command) => command.run(&context).await?,
            Command::Policy(command) => code = command.run().await?,
            Command::Duplicates(command) => command.run(&context).await?,
            Command::Review(command) => command.run(&context).await?,
            Command::Sample(command) => command.run()?,
            Command::Simulate(command) => command.run(&context).await?,
        }
        print::end()?;
        Ok(code)
    }
}

/// What the program ends with when a command failed.
pub fn exit_code(failure: &Failure) -> ExitCode {
    match failure.is::<policy::Misuse>() {
        true => ExitCode::from(policy::MISUSE),
        false => ExitCode::FAILURE,
    }
}
