//! `cargo xtask tidy`: checks the rules that the compiler does not.
//!
//! [`facts`] reads the repository once. Every other module is one rule: a function from those facts to
//! violations. A rule reads no files itself, so a test can pass a repository that breaks it. The tables of
//! the rules are in [`table`].

mod architecture;
mod asvs;
mod crate_docs;
mod dependencies;
mod exclusive;
mod facts;
mod manifests;
mod migrations;
mod names;
mod outside;
mod pins;
mod prose;
mod public_docs;
mod required;
mod sources;
mod table;

use std::fmt;

use crate::Verdict;
use facts::{Facts, files};
pub(crate) use prose::Figures;

/// A broken rule: its place, the fault and the advice.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Violation {
    path: String,
    what: String,
}

impl Violation {
    fn new(path: impl Into<String>, what: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            what: what.into(),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.what)
    }
}

/// Prints every violation on its own line.
pub(crate) fn run() -> anyhow::Result<Verdict> {
    let (facts, words) = (Facts::read()?, prose::Words::read()?);
    let violations = violations(&facts, &words);
    for violation in &violations {
        println!("{violation}");
    }
    match violations.len() {
        0 => eprintln!(
            "tidy: {} crates, {} files",
            facts.members.len(),
            facts.files.len()
        ),
        1 => eprintln!("tidy: one violation"),
        count => eprintln!("tidy: {count} violations"),
    }
    Ok(Verdict::from_success(violations.is_empty()))
}

/// Counts the prose of the repository for `cargo xtask metrics`.
///
/// # Errors
/// The repository cannot be read.
pub(crate) fn prose_figures() -> anyhow::Result<Figures> {
    Ok(Figures::new(&files()?, &prose::Words::read()?))
}

fn violations(facts: &Facts, words: &prose::Words) -> Vec<Violation> {
    let rules = [
        dependencies::check(&facts.members, table::CRATES),
        exclusive::check(&facts.members, table::EXCLUSIVE),
        manifests::check(&facts.members),
        crate_docs::check(&facts.members, &facts.files),
        architecture::check(&facts.members, &facts.files),
        sources::check(&facts.files),
        outside::check(&facts.files),
        migrations::check(&facts.files),
        asvs::check(&facts.files),
        pins::check(&facts.files),
        required::check(&facts.files, table::REQUIRED_FILES),
        names::check(&facts.files, table::SHARED_NAMES),
        public_docs::check(&facts.files),
        prose::check(&facts.files, words),
        prose::markdown::check(&facts.files),
    ];
    let mut all: Vec<_> = rules.into_iter().flatten().collect();
    // By path, so that the violations of a file stand together.
    all.sort();
    all
}
