//! `cargo xtask fuzz`: arbitrary bytes for everything that reads untrusted input, guided by coverage.
//!
//! libFuzzer keeps each input that reaches new code and mutates it further. The programs are in
//! `proof/kanso-fuzz` and call the same checks as the tests `fuzz_*`, which `cargo test` runs for a moment
//! with proptest. Both start from the same corpus and the same dictionary.

mod libfuzzer;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use clap::ValueEnum;

use crate::Verdict;
use crate::process::{root, target as target_dir};
use libfuzzer::{Campaign, Outcome};

/// Maximum number of files in a committed corpus: each of them runs in every `cargo test`.
const MAX_FILES: usize = 200;

/// The options of the verb.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// One of them; all, one after another, when left out
    #[arg(long, value_enum)]
    target: Option<Target>,
    /// Minutes for each target
    #[arg(long, default_value_t = 1.0)]
    minutes: f64,
    /// Add the new inputs that reach new code to the committed corpus
    #[arg(long)]
    minimize: bool,
}

/// Readers of untrusted input.
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
    /// Returns the crate with the reader, and the name of the program and of the corpus.
    const fn place(self) -> (&'static str, &'static str) {
        match self {
            Self::Cursor => ("kanso-protocol", "cursor"),
            Self::Push => ("kanso-protocol", "push"),
            Self::Authorization => ("kanso-http", "authorization"),
            Self::Token => ("kanso-credentials", "token"),
            Self::Forwarded => ("kanso-http", "forwarded"),
            Self::LoopZip => ("kanso-client", "loop_zip"),
            Self::LoopHabits => ("kanso-client", "loop_habits"),
            Self::LoopCheckmarks => ("kanso-client", "loop_checkmarks"),
        }
    }

    /// Returns the folder with the committed corpus, relative to the repository.
    fn corpus(self) -> PathBuf {
        let (package, name) = self.place();
        Path::new("crates").join(package).join("corpus").join(name)
    }

    /// Returns the file with the tokens of the format, relative to the repository.
    fn dictionary(self) -> PathBuf {
        self.corpus().with_extension("dict")
    }
}

/// Runs one target, or each, for the given time.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<Verdict> {
    let seconds = arguments.minutes * 60.0;
    let length = Duration::try_from_secs_f64(seconds).context("not a number of minutes")?;
    let targets: &[Target] = match &arguments.target {
        Some(target) => std::slice::from_ref(target),
        None => Target::value_variants(),
    };
    for target in targets {
        let verdict = one(*target, length, arguments.minimize)?;
        if verdict != Verdict::Passed {
            return Ok(verdict);
        }
    }
    Ok(Verdict::Passed)
}

/// Runs one target and prints the figures of the run.
fn one(target: Target, length: Duration, minimize: bool) -> anyhow::Result<Verdict> {
    let (package, name) = target.place();
    let Some(program) = libfuzzer::build(package, name)? else {
        return Ok(Verdict::Failed);
    };
    let committed = root().join(target.corpus());
    let found = target_dir()?.join("fuzz-corpus").join(name);
    let campaign = Campaign {
        program,
        dictionary: root().join(target.dictionary()),
        // The corpus in target/ grows from run to run. It contains whatever adds coverage, and is too
        // large to commit.
        found: found.clone(),
        failures: found.with_extension("failures"),
        committed: committed.clone(),
    };
    eprintln!("fuzz: {name} for {} s", length.as_secs());
    match campaign.run(length)? {
        Outcome::Withstood {
            runs,
            before,
            after,
        } => {
            println!(
                "{name:<16} {runs:>10} runs, edges {} -> {}, features {} -> {}, corpus {} -> {}",
                before.edges,
                after.edges,
                before.features,
                after.features,
                before.inputs,
                after.inputs,
            );
        }
        Outcome::Failed { log, input } => {
            eprint!("{log}");
            let corpus = target.corpus();
            println!(
                "{name}: failed on {input}; add this file to {}",
                corpus.display()
            );
            return Ok(Verdict::Failed);
        }
    }
    if minimize {
        let selected = found.with_extension("selected");
        let (before, after) = add_new(&campaign, &committed, &selected)?;
        println!("{name:<16} committed corpus {before} -> {after} files");
    }
    Ok(Verdict::Passed)
}

/// Copies the inputs that reach new edges into the committed corpus, as many as it may have. Returns
/// the number of its files before and after.
fn add_new(
    campaign: &Campaign,
    committed: &Path,
    selected: &Path,
) -> anyhow::Result<(usize, usize)> {
    if selected.exists() {
        fs::remove_dir_all(selected)?;
    }
    fs::create_dir_all(selected)?;
    // libFuzzer adds to the first folder only what the folder lacks, so the committed files stay.
    let before = files(committed)?;
    for name in &before {
        fs::copy(committed.join(name), selected.join(name))?;
    }
    campaign.merge(selected)?;
    let mut new = Vec::new();
    for name in files(selected)?.difference(&before) {
        let written = fs::metadata(selected.join(name))?.modified()?;
        new.push((written, name.clone()));
    }
    // libFuzzer writes the input with the most new edges first, so the limit cuts the least useful ones.
    new.sort();
    new.truncate(MAX_FILES.saturating_sub(before.len()));
    for (_, name) in &new {
        fs::copy(selected.join(name), committed.join(name))?;
    }
    Ok((before.len(), before.len() + new.len()))
}

/// Returns the names of the files in the folder.
fn files(folder: &Path) -> anyhow::Result<BTreeSet<String>> {
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    entries
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::{command, run as run_command};

    #[test]
    fn each_target_is_a_test_that_is_there() {
        let targets = Target::value_variants();
        let places: BTreeSet<_> = targets.iter().map(|target| target.place()).collect();
        assert_eq!(places.len(), targets.len());
        for (package, name) in places {
            let folder = root().join("crates").join(package).join("src");
            let found = run_command(
                command("grep")
                    .args(["-rqF", &format!("fn fuzz_{name}()")])
                    .arg(folder),
            );
            assert_eq!(found.unwrap(), Verdict::Passed, "{package} {name}");
        }
    }

    #[test]
    fn each_target_has_a_program_a_corpus_and_a_dictionary() {
        let crate_dir = root().join("proof/kanso-fuzz");
        let manifest = fs::read_to_string(crate_dir.join("Cargo.toml")).unwrap();
        for target in Target::value_variants() {
            let (_, name) = target.place();
            let path = format!("fuzz_targets/{name}.rs");
            assert!(manifest.contains(&format!("path = \"{path}\"")), "{name}");
            assert!(crate_dir.join(path).is_file(), "{name}");
            assert!(root().join(target.dictionary()).is_file(), "{name}");
        }
        let programs = files(&crate_dir.join("fuzz_targets")).unwrap();
        assert_eq!(programs.len(), Target::value_variants().len());
    }

    #[test]
    fn committed_corpora_are_small() {
        for target in Target::value_variants() {
            let folder = root().join(target.corpus());
            let names = files(&folder).unwrap();
            assert!(!names.is_empty() && names.len() <= MAX_FILES, "{target:?}");
            for name in names {
                let length = fs::metadata(folder.join(&name)).unwrap().len();
                assert!(length <= libfuzzer::MAX_BYTES, "{target:?} {name}");
            }
        }
    }
}
