//! The command line, one file a verb.

mod failure;
mod mutants;
mod regressions;
mod replay;
mod run;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Simulates users, devices, servers and the faults between them.
#[derive(Debug, Parser)]
#[command(name = "kanso-sim")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run many seeds
    Run(run::Arguments),
    /// Search for each planted bug
    #[command(alias = "bank")]
    Mutants(mutants::Arguments),
    /// Print the story of one seed, or of a plan that a failure left
    Replay(replay::Arguments),
    /// Run the plans that once failed
    Regressions {
        /// File with one plan a line
        file: PathBuf,
    },
}

impl Arguments {
    /// Runs the command.
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let is_well = match self.verb {
            Verb::Run(arguments) => run::run(&arguments)?,
            Verb::Mutants(arguments) => mutants::run(&arguments)?,
            Verb::Replay(arguments) => replay::run(&arguments)?,
            Verb::Regressions { file } => regressions::run(&file)?,
        };
        Ok(if is_well {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}
