//! Parses the command line, runs one command, and says why it failed.

use std::error::Error;
use std::io;
use std::process::ExitCode;

use clap::Parser;
use idlink::cli::{CommandLine, exit_code};
use tokio::runtime::{Builder, Runtime};

fn main() -> ExitCode {
    let line = CommandLine::parse();
    let runtime = match runtime(line.threads()) {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("idlink: no thread to work on can be had: {error}; raise `ulimit -u`");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(line.run()) {
        Ok(code) => code,
        Err(error) => {
            for line in chain(error.as_ref()).lines() {
                eprintln!("idlink: {line}");
            }
            exit_code(&error)
        }
    }
}

fn runtime(threads: Option<usize>) -> io::Result<Runtime> {
    let mut builder = Builder::new_multi_thread();
    if let Some(threads) = threads {
        builder.worker_threads(threads);
    }
    builder.enable_all().build()
}

/// The error and its causes, each said once.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}
