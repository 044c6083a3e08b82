//! Parses the command line, runs one command, and says why it failed.

use std::error::Error;
use std::process::ExitCode;

use clap::Parser;
use idlink::cli::{CommandLine, exit_code};

#[tokio::main]
async fn main() -> ExitCode {
    match CommandLine::parse().run().await {
        Ok(code) => code,
        Err(error) => {
            for line in chain(error.as_ref()).lines() {
                eprintln!("idlink: {line}");
            }
            exit_code(&error)
        }
    }
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
