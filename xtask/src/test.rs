//! `cargo xtask test`: builds everything once, runs every test, and counts.
//!
//! The system tests start the `kanso-server` and `kanso` of the target directory, so those are built
//! before the first test runs. A PostgreSQL server is installed where it is missing and may be. Cargo prints a line a test binary; the sum is printed last, and a run
//! that was meant to run everything but ran nothing has failed.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use anyhow::Context;

use crate::process::cargo;
use crate::{Verdict, build, services};

/// Runs the tests of the workspace, with these arguments for `cargo test` besides its own. The
/// property tests take cases by chance.
pub(crate) fn run(extra: &[String]) -> anyhow::Result<Verdict> {
    run_all(extra, cargo("test --workspace --locked").args(extra))
}

/// Runs all tests. The cases that the property tests take follow from the number of a commit, so that
/// the same commit cannot pass here and fail there.
pub(crate) fn of_commit(number: u32) -> anyhow::Result<Verdict> {
    let seed = number.to_string();
    eprintln!("test: the same cases again: PROPTEST_RNG_SEED={seed} cargo xtask test");
    run_all(
        &[],
        cargo("test --workspace --locked").env("PROPTEST_RNG_SEED", seed),
    )
}

fn run_all(extra: &[String], command: &mut Command) -> anyhow::Result<Verdict> {
    let provided = services::provide()?;
    if provided != Verdict::Passed {
        return Ok(provided);
    }
    let built = build::everything()?;
    if built != Verdict::Passed {
        return Ok(built);
    }
    let (tests, succeeded) = run_counted(command)?;
    println!(
        "\ntests: {} passed, {} failed, {} skipped",
        tests.passed, tests.failed, tests.skipped
    );
    if extra.is_empty() && tests.passed == 0 {
        eprintln!("test: no test ran");
        return Ok(Verdict::Failed);
    }
    Ok(Verdict::from_success(succeeded))
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Tests {
    passed: u64,
    failed: u64,
    skipped: u64,
}

impl Tests {
    /// Adds what one test binary said of itself; other lines say nothing.
    fn add(&mut self, line: &str) {
        let Some(result) = line.strip_prefix("test result: ") else {
            return;
        };
        for part in result.split(['.', ';']) {
            let mut words = part.split_whitespace();
            let (Some(Ok(count)), Some(what)) = (words.next().map(str::parse::<u64>), words.next())
            else {
                continue;
            };
            match what {
                "passed" => self.passed += count,
                "failed" => self.failed += count,
                "ignored" => self.skipped += count,
                _ => {}
            }
        }
    }
}

/// Runs the command, shows what it prints, and adds up its results.
fn run_counted(command: &mut Command) -> anyhow::Result<(Tests, bool)> {
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start cargo test")?;
    let mut tests = Tests::default();
    if let Some(stdout) = child.stdout.take() {
        let mut shown = std::io::stdout().lock();
        for line in BufReader::new(stdout).split(b'\n') {
            let line = line.context("cannot read what the tests print")?;
            shown.write_all(&line)?;
            shown.write_all(b"\n")?;
            tests.add(&String::from_utf8_lossy(&line));
        }
    }
    let status = child.wait().context("cannot wait for cargo test")?;
    Ok((tests, status.success()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_of_all_binaries_are_added() {
        let mut tests = Tests::default();
        for line in [
            "running 13 tests",
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.01s",
            "test tests::test_result ... ok",
            "test result: FAILED. 4 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.20s",
        ] {
            tests.add(line);
        }
        assert_eq!(
            tests,
            Tests {
                passed: 16,
                failed: 2,
                skipped: 1
            }
        );
    }
}
