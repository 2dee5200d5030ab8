//! `cargo xtask`: everything that is done to this repository, as commands of the repository.
//!
//! One file a verb. A verb answers with a [`Verdict`]; what it finds goes to stdout, what it is doing
//! to stderr. It depends on no other crate of the workspace, so it builds when they do not.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line tool talks to its terminal"
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
mod schemathesis;
mod services;
mod sim;
mod stopwatch;
mod test;
mod tidy;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The chores of this repository.
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
    /// Check what the compiler does not: the dependency rule, the pages, the names, the sizes
    Tidy,
    /// Write docs/openapi.json from the code
    Openapi {
        /// Change nothing; fail when the file differs from the code
        #[arg(long)]
        check: bool,
    },
    /// Print the figures by which the style is watched
    Metrics,
    /// Build the server and the load generator in release, and run the load generator
    Bench {
        /// Arguments for `kanso-bench`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Check the files by which the server is deployed: linters, schemas, and the image's layout
    Deploy,
    /// Build the container image with Docker or podman, and live in it
    Image(image::Arguments),
    /// Build the server and the fault injector in release, and break running systems
    Chaos {
        /// Arguments for `kanso-chaos`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Search for inputs that break a reader of untrusted bytes, with libFuzzer
    Fuzz(fuzz::Arguments),
    /// Live through simulated worlds in which everything goes wrong, each decided by a seed
    Sim(sim::Arguments),
    /// Hold thousands of generated requests against the OpenAPI document that a server shows
    Schemathesis {
        /// Arguments for `schemathesis run`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Check licences, bans, sources and advisories with cargo-deny
    Deny,
}

/// How a verb ended; each has its own exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// Exit code 0.
    Passed,
    /// Something was found: exit code 1.
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
    fn arguments_hold_together() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn test_hands_on_what_follows_the_dashes() {
        let parsed =
            Arguments::try_parse_from(["xtask", "test", "--", "streak", "--", "--nocapture"]);
        let Ok(Arguments {
            verb: Verb::Test { extra },
        }) = parsed
        else {
            panic!("not understood as `test`");
        };
        assert_eq!(extra, ["streak", "--", "--nocapture"]);
    }
}
