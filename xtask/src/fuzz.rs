//! `cargo xtask fuzz`: hostile bytes for whatever reads what strangers send, for as long as one likes.
//!
//! The targets are tests, so `cargo test` runs each for a moment. Here they are run again and again, each
//! time with other random bytes, until the time is over or one fails.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::ValueEnum;

use crate::Verdict;
use crate::process::{cargo, run as run_command};

/// What is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Target {
    /// The cursor of a pull
    Cursor,
    /// The body of a push
    Push,
    /// The header `Authorization`
    Authorization,
    /// An access token
    Token,
    /// The header `X-Forwarded-For`
    Forwarded,
    /// An export of Loop Habit Tracker, as a zip file
    LoopZip,
    /// The list of habits in it
    LoopHabits,
    /// The days of a habit in it
    LoopCheckmarks,
}

impl Target {
    /// The crate that reads it, and the test there.
    const fn test(self) -> (&'static str, &'static str) {
        match self {
            Self::Cursor => ("kanso-protocol", "fuzz_cursor"),
            Self::Push => ("kanso-protocol", "fuzz_push"),
            Self::Authorization => ("kanso-http", "fuzz_authorization"),
            Self::Token => ("kanso-credentials", "fuzz_token"),
            Self::Forwarded => ("kanso-http", "fuzz_forwarded"),
            Self::LoopZip => ("kanso-client", "fuzz_loop_zip"),
            Self::LoopHabits => ("kanso-client", "fuzz_loop_habits"),
            Self::LoopCheckmarks => ("kanso-client", "fuzz_loop_checkmarks"),
        }
    }
}

/// Tells proptest how many cases a test has.
const CASES: &str = "PROPTEST_CASES";
/// A round of some seconds.
const ROUND: u32 = 2_000;
/// How many inputs a case of proptest is in these tests: `kanso_testkit::fuzz`.
const INPUTS_A_CASE: u32 = 8;

/// Runs one target, or each, for so many minutes.
pub(crate) fn run(target: Option<Target>, minutes: f64) -> anyhow::Result<Verdict> {
    let length = Duration::try_from_secs_f64(minutes * 60.0).context("no number of minutes")?;
    let targets: &[Target] = match &target {
        Some(target) => std::slice::from_ref(target),
        None => Target::value_variants(),
    };
    for target in targets {
        let (package, test) = target.test();
        let (inputs, verdict) = one(package, test, length)?;
        let how = if verdict == Verdict::Passed {
            "none"
        } else {
            "one, above"
        };
        println!("{test:<20} {inputs:>10} inputs, failures: {how}");
        if verdict != Verdict::Passed {
            return Ok(verdict);
        }
    }
    Ok(Verdict::Passed)
}

/// How many inputs a target was shown, and whether it withstood them.
#[expect(
    clippy::disallowed_methods,
    reason = "a chore that lasts as long as somebody likes; nothing that ships reads it"
)]
fn one(package: &str, test: &str, length: Duration) -> anyhow::Result<(u64, Verdict)> {
    let start = Instant::now();
    let mut inputs = 0;
    loop {
        let mut round = cargo("test --quiet --locked --lib --package");
        round.args([package, test]).env(CASES, ROUND.to_string());
        let verdict = run_command(&mut round)?;
        if verdict != Verdict::Passed {
            eprintln!("fuzz: {test} failed; add the input that it shows to its corpus");
            return Ok((inputs, verdict));
        }
        inputs += u64::from(ROUND * INPUTS_A_CASE);
        if start.elapsed() >= length {
            return Ok((inputs, Verdict::Passed));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_target_is_a_test_that_is_there() {
        let targets = Target::value_variants();
        let tests: BTreeSet<_> = targets.iter().map(|target| target.test()).collect();
        assert_eq!(tests.len(), targets.len());
        for (package, test) in tests {
            let folder = crate::process::root()
                .join("crates")
                .join(package)
                .join("src");
            let found = run_command(
                crate::process::command("grep")
                    .args(["-rqF", &format!("fn {test}()")])
                    .arg(folder),
            );
            assert_eq!(found.unwrap(), Verdict::Passed, "{package} {test}");
        }
    }
}
