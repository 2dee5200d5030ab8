//! `cargo xtask ci`: runs every check, the cheapest first, and stops at the first that fails.

use crate::process::{cargo, run as run_command};
use crate::stopwatch::Stopwatch;
use crate::{Verdict, build, commit, deploy, openapi, schemathesis, sim, test, tidy};

struct Step {
    name: &'static str,
    /// The command line that runs this step alone.
    alone: &'static str,
    run: fn() -> anyhow::Result<Verdict>,
}

const FORMAT: &str = "cargo fmt --all --check";
const CLIPPY: &str = "cargo clippy --workspace --all-targets --locked -- -D warnings";

const DOCS: &str = "cargo doc --workspace --no-deps --locked";

// Cheapest first, so that a typing mistake is reported within seconds and not after the tests.
const STEPS: [Step; 10] = [
    Step {
        name: "format",
        alone: FORMAT,
        run: || shell(FORMAT),
    },
    Step {
        name: "clippy",
        alone: CLIPPY,
        run: || shell(CLIPPY),
    },
    Step {
        name: "docs",
        alone: "RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --locked",
        run: || {
            // `cargo doc` has no option for lints; rustdoc reads them from the environment.
            run_command(cargo(DOCS.trim_start_matches("cargo ")).env("RUSTDOCFLAGS", "-D warnings"))
        },
    },
    Step {
        name: "tidy",
        alone: "cargo xtask tidy",
        run: tidy::run,
    },
    Step {
        name: "build",
        alone: "cargo build --workspace --bins --tests --locked",
        run: build::everything,
    },
    Step {
        name: "openapi",
        alone: "cargo xtask openapi --check",
        run: openapi::check,
    },
    Step {
        name: "deploy",
        alone: "cargo xtask deploy",
        run: deploy::run,
    },
    Step {
        name: "schemathesis",
        alone: "cargo xtask schemathesis",
        run: || schemathesis::run(&[]),
    },
    Step {
        name: "test",
        alone: "cargo xtask test",
        run: || test::of_commit(commit::number()?),
    },
    Step {
        name: "sim",
        alone: "cargo xtask sim",
        run: sim::ci,
    },
];

/// Runs the steps in order and stops at the first that fails.
pub(crate) fn run() -> anyhow::Result<Verdict> {
    let total = Stopwatch::start();
    let verdict = in_order(&STEPS)?;
    match verdict {
        Verdict::Passed => eprintln!("\nci: everything passed in {total}"),
        _ => eprintln!("ci: failed after {total}"),
    }
    Ok(verdict)
}

fn in_order(steps: &[Step]) -> anyhow::Result<Verdict> {
    for (index, step) in steps.iter().enumerate() {
        eprintln!("\n── {}/{} {} ──", index + 1, steps.len(), step.name);
        let time = Stopwatch::start();
        let verdict = (step.run)()?;
        if verdict != Verdict::Passed {
            eprintln!(
                "\nci: {} failed after {time}; alone: {}",
                step.name, step.alone
            );
            return Ok(verdict);
        }
        eprintln!("── {} passed, {time} ──", step.name);
    }
    Ok(Verdict::Passed)
}

fn shell(line: &str) -> anyhow::Result<Verdict> {
    run_command(&mut cargo(line.trim_start_matches("cargo ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(run: fn() -> anyhow::Result<Verdict>) -> Step {
        Step {
            name: "step",
            alone: "",
            run,
        }
    }

    #[test]
    fn stops_at_the_first_step_that_fails() {
        let steps = [
            step(|| Ok(Verdict::Passed)),
            step(|| Ok(Verdict::Failed)),
            step(|| panic!("the third step ran")),
        ];
        assert_eq!(in_order(&steps).unwrap(), Verdict::Failed);
    }

    #[test]
    fn a_step_that_cannot_start_is_an_error() {
        assert!(in_order(&[step(|| anyhow::bail!("no such program"))]).is_err());
    }
}
