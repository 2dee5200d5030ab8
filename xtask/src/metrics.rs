//! `cargo xtask metrics`: prints figures about size, tests and prose. It refuses nothing; `tidy` does.
//!
//! Test code is a file in a `tests` folder or named `tests.rs`, the test kit, and an item marked
//! `#[cfg(test)]` or `#[test]`. Blank lines are not counted as code or tests. The arguments of a macro call
//! are not parsed; clippy sees them.

mod report;
mod source;

use std::fs;

use anyhow::Context;

use crate::Verdict;
use crate::process::{command, output, root};
use crate::tidy;
use report::Report;
use source::Source;

/// Prints the table, and below it the files and functions that are too long.
pub(crate) fn run() -> anyhow::Result<Verdict> {
    print!("{}", Report::new(&sources()?, &tidy::prose_figures()?));
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
