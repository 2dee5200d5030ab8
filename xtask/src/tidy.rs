//! `cargo xtask tidy`: what the compiler does not check.
//!
//! [`facts`] reads the repository once. Each module below it is one rule: a function from those facts
//! to violations, which reads nothing itself, so that its tests can hand it a repository that breaks it.
//! What the rules compare with is in [`table`].

mod architecture;
mod crate_docs;
mod dependencies;
mod exclusive;
mod facts;
mod manifests;
mod migrations;
mod names;
mod outside;
mod prose;
mod public_docs;
mod required;
mod sources;
mod table;

use std::fmt;

use crate::Verdict;
use facts::Facts;

/// Something to mend: where, and what is wrong and what to do.
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

/// Prints every violation, one a line.
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
        required::check(&facts.files, table::REQUIRED_FILES),
        names::check(&facts.files, table::SHARED_NAMES),
        public_docs::check(&facts.files),
        prose::check(&facts.files, words),
        prose::markdown::check(&facts.files),
    ];
    let mut all: Vec<_> = rules.into_iter().flatten().collect();
    all.sort();
    all
}
