//! `cargo xtask metrics`: the figures by which the style is watched. They judge nothing; `tidy` does.
//!
//! Test code is what lies in a `tests` folder or a `tests.rs`, the test kit, and what is marked
//! `#[cfg(test)]` or `#[test]`. Lines of code and of tests leave out blank lines. What stands inside a
//! macro call is not parsed; clippy sees it.

mod report;
mod source;

use std::fs;

use anyhow::Context;

use crate::Verdict;
use crate::process::{command, output, root};
use report::Report;
use source::Source;

/// Prints the table, and below it what is longer than it should be.
pub(crate) fn run() -> anyhow::Result<Verdict> {
    print!("{}", Report::new(&sources()?));
    Ok(Verdict::Passed)
}

fn sources() -> anyhow::Result<Vec<Source>> {
    let mut git = command("git");
    git.args([
        "ls-files",
        "--cached",
        "--others",
        "--exclude-standard",
        "--deduplicate",
        "*.rs",
    ]);
    let listed = output(&mut git).context("cannot ask git which files there are")?;
    let listed = String::from_utf8(listed).context("a file's name is not UTF-8")?;
    let on_disk = listed.lines().filter(|path| root().join(path).is_file());
    on_disk
        .map(|path| {
            let text = fs::read_to_string(root().join(path))
                .with_context(|| format!("cannot read {path}"))?;
            Source::parse(path, &text).with_context(|| format!("cannot parse {path}"))
        })
        .collect()
}
