//! Builds and runs the programs of `proof/kanso-fuzz`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Context as _;

use crate::Verdict;
use crate::process::{cargo, command, output, root, run as run_command, target};

/// The version that is installed if there is none.
const CARGO_FUZZ: &str = "0.13.2";
/// Maximum size of an input, the same as that of `kanso_testkit::fuzz`.
pub(super) const MAX_BYTES: u64 = 8 * 1024;
/// Seconds after which an input counts as one that hangs. A check takes microseconds.
const HANGS: u32 = 20;

/// Builds a program, which calls the given crate. Returns its path, or nothing if it does not compile.
pub(super) fn build(package: &str, name: &str) -> anyhow::Result<Option<PathBuf>> {
    let host = host()?;
    let folder = target()?.join("fuzz");
    let mut build = cargo_fuzz()?;
    // Coverage needs no unstable flag, so the stable compiler builds the programs. An address sanitizer
    // would: the product forbids unsafe code, and without one a run makes about twice as many inputs.
    build.args(["build", "--fuzz-dir", "proof/kanso-fuzz"]);
    build.args(["--sanitizer", "none", "--target", &host, "--target-dir"]);
    build.arg(&folder);
    // A crate is a feature there, so the dependencies of the other crates are not built.
    build.args(["--no-default-features", "--features", package, name]);
    let verdict = run_command(&mut build)?;
    let program = folder.join(host).join("release").join(name);
    Ok((verdict == Verdict::Passed).then_some(program))
}

/// Returns the platform of the compiler.
fn host() -> anyhow::Result<String> {
    let text = String::from_utf8(output(command("rustc").arg("-vV"))?)?;
    let mut lines = text.lines();
    let host = lines.find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc names no host")?.to_owned())
}

/// Returns cargo-fuzz, which is installed under `target/` if it is missing.
fn cargo_fuzz() -> anyhow::Result<Command> {
    let silent = |mut probe: Command| {
        run_command(
            probe
                .arg("--version")
                .stdout(Stdio::null())
                .stderr(Stdio::null()),
        )
    };
    if silent(cargo("fuzz"))? == Verdict::Passed {
        return Ok(cargo("fuzz"));
    }
    let tools = target()?.join("tools");
    let program = tools.join("bin/cargo-fuzz");
    if !program.is_file() {
        eprintln!("fuzz: cargo-fuzz {CARGO_FUZZ} is installed into target/tools");
        let mut install = cargo("install cargo-fuzz --locked --version");
        let installed = run_command(install.arg(CARGO_FUZZ).arg("--root").arg(&tools))?;
        anyhow::ensure!(
            installed == Verdict::Passed,
            "cargo-fuzz cannot be installed"
        );
    }
    let mut tool = Command::new(program);
    tool.current_dir(root()).arg("fuzz");
    Ok(tool)
}

/// A program with its folders.
pub(super) struct Campaign {
    pub(super) program: PathBuf,
    pub(super) dictionary: PathBuf,
    /// Corpus under version control, which a run only reads.
    pub(super) committed: PathBuf,
    /// Corpus that receives each input that adds coverage.
    pub(super) found: PathBuf,
    /// Folder for inputs that fail.
    pub(super) failures: PathBuf,
}

/// Result of a run.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// No input failed.
    Withstood {
        runs: u64,
        before: Coverage,
        after: Coverage,
    },
    /// An input failed: the output of the program, and the path of the input.
    Failed { log: String, input: String },
}

/// Figures that libFuzzer reports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Coverage {
    /// Edges of the control flow that were taken.
    pub(super) edges: u64,
    /// Edges with the magnitude of how often each was taken.
    pub(super) features: u64,
    /// Inputs that add a feature.
    pub(super) inputs: u64,
}

impl Campaign {
    /// Starts from both corpora and searches for the given time.
    pub(super) fn run(&self, length: Duration) -> anyhow::Result<Outcome> {
        fs::create_dir_all(&self.found)?;
        fs::create_dir_all(&self.failures)?;
        // 0 means no limit, so the shortest run is a second.
        let seconds = length.as_secs().max(1);
        let mut search = self.program();
        search
            .arg(format!("-max_total_time={seconds}"))
            .arg(format!("-dict={}", self.dictionary.display()))
            .arg(format!("-artifact_prefix={}/", self.failures.display()))
            // New inputs go into the first folder.
            .args([&self.found, &self.committed]);
        let (success, log) = logged(&mut search)?;
        if !success {
            let input = failing_input(&log).unwrap_or("no input").to_owned();
            return Ok(Outcome::Failed { log, input });
        }
        let (runs, before, after) = figures(&log).context("libFuzzer reported no figures")?;
        Ok(Outcome::Withstood {
            runs,
            before,
            after,
        })
    }

    /// Adds found inputs to the folder until it reaches all edges that they reach. Inputs with the most
    /// new edges come first.
    pub(super) fn merge(&self, folder: &Path) -> anyhow::Result<()> {
        let mut merge = self.program();
        // Without counters: a loop that runs more often is no reason to commit a file.
        merge.args(["-set_cover_merge=1", "-use_counters=0"]);
        let (success, log) = logged(merge.arg(folder).arg(&self.found))?;
        anyhow::ensure!(success, "the corpora cannot be merged: {log}");
        Ok(())
    }

    fn program(&self) -> Command {
        let mut program = Command::new(&self.program);
        program
            .current_dir(root())
            .arg(format!("-max_len={MAX_BYTES}"))
            .arg(format!("-timeout={HANGS}"));
        program
    }
}

/// Runs the program. Returns its success and its stderr, which is where libFuzzer reports.
fn logged(program: &mut Command) -> anyhow::Result<(bool, String)> {
    let name = program.get_program().to_owned();
    let output = program
        .stdout(Stdio::null())
        .output()
        .with_context(|| format!("cannot start {}", name.display()))?;
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    Ok((output.status.success(), log))
}

/// Returns the path in a report such as `Test unit written to target/crash-0a1b`.
fn failing_input(log: &str) -> Option<&str> {
    let mut lines = log.lines();
    lines.find_map(|line| line.split_once("Test unit written to ").map(|it| it.1))
}

/// Reads the number of runs, and the coverage after the corpora and in the end.
fn figures(log: &str) -> Option<(u64, Coverage, Coverage)> {
    // `#8128 DONE   cov: 511 ft: 1372 corp: 214/9201b lim: 80 exec/s: 2709 rss: 54Mb`
    let status = |event: &str| {
        let mut lines = log.lines().rev();
        lines.find_map(|line| {
            let mut words = line.strip_prefix('#')?.split_whitespace();
            let runs = words.next()?.parse::<u64>().ok()?;
            (words.next()? == event).then(|| (runs, coverage(words)))
        })
    };
    let (_, before) = status("INITED")?;
    let (runs, after) = status("DONE")?;
    Some((runs, before, after))
}

fn coverage<'a>(words: impl Iterator<Item = &'a str>) -> Coverage {
    let words: Vec<_> = words.collect();
    let number = |label: &str| {
        let at = words.iter().position(|word| *word == label)?;
        let digits = words.get(at + 1)?.split('/').next()?;
        digits.parse().ok()
    };
    // A figure is missing as long as it is 0.
    Coverage {
        edges: number("cov:").unwrap_or(0),
        features: number("ft:").unwrap_or(0),
        inputs: number("corp:").unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\
INFO: seed corpus: files: 5 min: 2b max: 656b total: 1342b rss: 36Mb
#6\tINITED cov: 412 ft: 801 corp: 5/1342b exec/s: 0 rss: 41Mb
#7\tNEW    cov: 413 ft: 803 corp: 6/1350b lim: 656 exec/s: 0 rss: 41Mb
#8128\tDONE   cov: 511 ft: 1372 corp: 214/9201b lim: 80 exec/s: 2709 rss: 54Mb
Done 8128 runs in 3 second(s)
";

    #[test]
    fn figures_are_read_from_the_log() {
        let before = Coverage {
            edges: 412,
            features: 801,
            inputs: 5,
        };
        let after = Coverage {
            edges: 511,
            features: 1372,
            inputs: 214,
        };
        assert_eq!(figures(LOG), Some((8128, before, after)));
        assert_eq!(figures("Done"), None);
    }

    #[test]
    fn path_of_the_failing_input_is_read_from_the_log() {
        let log =
            "artifact_prefix='target/f/'; Test unit written to target/f/crash-0a1b\nBase64: AA==\n";
        assert_eq!(failing_input(log), Some("target/f/crash-0a1b"));
        assert_eq!(failing_input(LOG), None);
    }
}
