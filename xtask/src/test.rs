//! `cargo xtask test`: builds everything once and runs every test.
//!
//! cargo-nextest runs the tests and reports them; `cargo test` runs the examples of the
//! documentation, which nextest cannot run. The system tests start `kanso-server` and `kanso` from the
//! target directory, so both are built before the first test. nextest gives each test a process of its
//! own, so one PostgreSQL server is started here for all of them.

use std::process::{Command, Stdio};

use crate::process::{cargo, run as run_command};
use crate::{Verdict, build, services};

/// Program of the test kit that starts a PostgreSQL server for another command.
const WITH_POSTGRES: &str = "with-postgres";

/// Runs the tests of the workspace with additional arguments for `cargo nextest run`. Property tests draw
/// random cases.
///
/// With arguments only the selected tests run, without the rustdoc examples.
pub(crate) fn run(extra: &[String]) -> anyhow::Result<Verdict> {
    all_of(&[
        &services::provide,
        &provide_nextest,
        &build::everything,
        &|| run_command(nextest()?.args(extra)),
        // The arguments select tests for nextest, which `cargo test --doc` would not understand.
        &|| {
            if extra.is_empty() {
                run_command(&mut examples())
            } else {
                Ok(Verdict::Passed)
            }
        },
    ])
}

/// Runs all tests. The cases of the property tests follow from the number of a commit, so the result of a
/// commit is the same on every machine.
pub(crate) fn of_commit(number: u32) -> anyhow::Result<Verdict> {
    let seed = number.to_string();
    eprintln!("test: to draw the same cases: PROPTEST_RNG_SEED={seed} cargo xtask test");
    all_of(&[
        &services::provide,
        &provide_nextest,
        &build::everything,
        &|| run_command(nextest()?.env("PROPTEST_RNG_SEED", &seed)),
        &|| run_command(&mut examples()),
    ])
}

/// Runs the steps in order and stops at the first that does not pass.
fn all_of(steps: &[&dyn Fn() -> anyhow::Result<Verdict>]) -> anyhow::Result<Verdict> {
    for step in steps {
        let verdict = step()?;
        if verdict != Verdict::Passed {
            return Ok(verdict);
        }
    }
    Ok(Verdict::Passed)
}

/// Returns the command for `cargo nextest run` with a PostgreSQL server. It fails if a test fails and if
/// no test ran.
fn nextest() -> anyhow::Result<Command> {
    let mut command = build::binary(WITH_POSTGRES)?;
    command.args(["cargo", "nextest", "run", "--workspace", "--locked"]);
    Ok(command)
}

/// Returns the command for the rustdoc examples.
fn examples() -> Command {
    cargo("test --doc --workspace --locked --quiet")
}

/// Installs cargo-nextest from the registry if it is missing.
fn provide_nextest() -> anyhow::Result<Verdict> {
    let mut probe = cargo("nextest --version");
    let installed = run_command(probe.stdout(Stdio::null()).stderr(Stdio::null()))?;
    if installed == Verdict::Passed {
        return Ok(Verdict::Passed);
    }
    eprintln!("test: installing cargo-nextest");
    run_command(&mut cargo("install cargo-nextest --locked"))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn a_step_that_fails_is_the_last() {
        let ran = Cell::new(0);
        let step = |verdict| {
            let ran = &ran;
            move || {
                ran.set(ran.get() + 1);
                Ok(verdict)
            }
        };
        let (passes, fails) = (step(Verdict::Passed), step(Verdict::Failed));
        let verdict = all_of(&[&passes, &fails, &passes]).unwrap();
        assert_eq!((verdict, ran.get()), (Verdict::Failed, 2));
    }
}
