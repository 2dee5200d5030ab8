//! `cargo xtask`: the commands for work on this repository.
//!
//! Each verb has one file and returns a [`Verdict`]. Findings go to stdout, progress goes to stderr. This
//! crate depends on no other crate of the workspace, so it builds when they do not.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line tool prints to its terminal"
)]

mod bench;
mod build;
mod chaos;
mod ci;
mod commit;
mod deny;
mod deploy;
mod fuzz;
mod image;
mod metrics;
mod openapi;
mod process;
mod python;
mod sbom;
mod schemathesis;
mod services;
mod sim;
mod stopwatch;
mod test;
mod tidy;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Commands for work on this repository.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Run every check that a change must pass, in the order of their cost
    Ci,
    /// Build everything once, then run every test
    Test {
        /// Arguments for `cargo nextest run`, after `--`
        #[arg(last = true)]
        extra: Vec<String>,
    },
    /// Check the rules that the compiler does not: dependencies, pages, names, prose, sizes
    Tidy,
    /// Write docs/openapi.json from the code
    Openapi {
        /// Change nothing; fail if the file differs from the code
        #[arg(long)]
        check: bool,
    },
    /// Print figures about size, tests and prose
    Metrics,
    /// Build the server and the load generator in release, and run the load generator
    Bench {
        /// Arguments for `kanso-bench`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Check the deployment files: linters, schemas, and the image's layout
    Deploy,
    /// Build the container image with Docker or podman, and run it
    Image(image::Arguments),
    /// Build the server and the fault injector in release, and inject faults into running systems
    Chaos {
        /// Arguments for `kanso-chaos`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Search for inputs that break a reader of untrusted bytes, with libFuzzer
    Fuzz(fuzz::Arguments),
    /// Run simulated worlds with faults, each determined by a seed
    Sim(sim::Arguments),
    /// Test a server with thousands of requests that are generated from its OpenAPI document
    Schemathesis {
        /// Arguments for `schemathesis run`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Check licences, bans, sources and advisories with cargo-deny
    Deny,
    /// Print the bill of materials of a program, in the form that scanners read
    Sbom(sbom::Arguments),
}

/// Result of a verb. Each has its own exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// No findings: exit code 0.
    Passed,
    /// At least one finding: exit code 1.
    Failed,
    /// A tool that is not part of the toolchain is not installed: exit code 2.
    ToolMissing,
}

impl Verdict {
    fn from_success(success: bool) -> Self {
        if success { Self::Passed } else { Self::Failed }
    }
}

impl From<Verdict> for ExitCode {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Passed => Self::SUCCESS,
            Verdict::Failed => Self::FAILURE,
            Verdict::ToolMissing => Self::from(2),
        }
    }
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().verb {
        Verb::Ci => ci::run(),
        Verb::Test { extra } => test::run(&extra),
        Verb::Tidy => tidy::run(),
        Verb::Openapi { check: true } => openapi::check(),
        Verb::Openapi { check: false } => openapi::write(),
        Verb::Metrics => metrics::run(),
        Verb::Bench { arguments } => bench::run(&arguments),
        Verb::Deploy => deploy::run(),
        Verb::Image(arguments) => image::run(arguments),
        Verb::Chaos { arguments } => chaos::run(&arguments),
        Verb::Fuzz(arguments) => fuzz::run(&arguments),
        Verb::Sim(arguments) => sim::run(&arguments),
        Verb::Schemathesis { arguments } => schemathesis::run(&arguments),
        Verb::Deny => deny::run(),
        Verb::Sbom(arguments) => sbom::run(&arguments),
    };
    outcome.map_or_else(
        |error| {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        },
        ExitCode::from,
    )
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn arguments_are_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn test_passes_on_the_arguments_after_the_dashes() {
        let parsed =
            Arguments::try_parse_from(["xtask", "test", "--", "streak", "--", "--nocapture"]);
        let Ok(Arguments {
            verb: Verb::Test { extra },
        }) = parsed
        else {
            panic!("not parsed as `test`");
        };
        assert_eq!(extra, ["streak", "--", "--nocapture"]);
    }
}
