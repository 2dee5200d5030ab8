//! What can be asked on the command line. One file a verb.

mod failure;
mod mutants;
mod regressions;
mod replay;
mod run;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Simulates people, devices, servers and all that goes wrong between them.
#[derive(Debug, Parser)]
#[command(name = "kanso-sim")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Live through many seeds
    Run(run::Arguments),
    /// Look for each planted bug
    #[command(alias = "bank")]
    Mutants(mutants::Arguments),
    /// Tell the story of one seed, or of a file that a failure left
    Replay(replay::Arguments),
    /// Live through the plans that once failed
    Regressions {
        /// The file with the plans, one a line
        file: PathBuf,
    },
}

impl Arguments {
    /// Does what was asked.
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
