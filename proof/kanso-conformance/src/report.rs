//! What a run found, for people and for machines.

use std::fmt;

use serde_json::{Value, json};

use crate::answer::Failure;
use crate::case::Case;

/// The width that everybody's terminal has. Columns.
const WIDTH: usize = 80;

/// What became of a case.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// Which one.
    pub case: Case,
    /// How long it took.
    pub seconds: f64,
    /// Why it failed; none when it passed.
    pub failure: Option<Failure>,
}

/// What a run found. It prints as text for people, at most 80 columns wide.
#[derive(Clone, Debug)]
pub struct Report {
    /// Where the server is.
    pub url: String,
    /// How long it took.
    pub seconds: f64,
    /// What became of each case.
    pub verdicts: Vec<Verdict>,
}

impl Report {
    /// How many cases failed.
    pub fn failed(&self) -> usize {
        let failed = self.verdicts.iter().filter(|it| it.failure.is_some());
        failed.count()
    }

    /// The same for machines.
    pub fn json(&self) -> Value {
        let case = |verdict: &Verdict| {
            json!({
                "group": verdict.case.group,
                "name": verdict.case.name,
                "section": verdict.case.section,
                "promise": verdict.case.promise,
                "seconds": rounded(verdict.seconds),
                "passed": verdict.failure.is_none(),
                "failure": verdict.failure,
            })
        };
        json!({
            "url": self.url,
            "seconds": rounded(self.seconds),
            "passed": self.verdicts.len() - self.failed(),
            "failed": self.failed(),
            "cases": self.verdicts.iter().map(case).collect::<Vec<_>>(),
        })
    }
}

fn rounded(seconds: f64) -> f64 {
    (seconds * 1_000.0).round() / 1_000.0
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut group = "";
        for verdict in &self.verdicts {
            if verdict.case.group != group {
                group = verdict.case.group;
                writeln!(f, "{group}")?;
            }
            write!(f, "{verdict}")?;
        }
        let (all, failed) = (self.verdicts.len(), self.failed());
        let passed = all - failed;
        writeln!(
            f,
            "\n{all} cases: {passed} passed, {failed} failed, in {:.1} s",
            self.seconds
        )
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.case.name;
        let Some(failure) = &self.failure else {
            return writeln!(f, "  ok   {name}");
        };
        writeln!(f, "  FAIL {name}")?;
        let place = format!("{} ({})", self.case.promise, self.case.section);
        for (what, text) in [
            ("promise", &*place),
            ("expected", &failure.expected),
            ("request", &failure.request),
            ("answer", &failure.answer),
        ] {
            part(f, what, text)?;
        }
        Ok(())
    }
}

/// A part of a failure, its lines broken where the terminal ends.
fn part(f: &mut fmt::Formatter<'_>, what: &str, text: &str) -> fmt::Result {
    let first = format!("       {what:<9}");
    let indent = " ".repeat(first.len());
    let options = textwrap::Options::new(WIDTH)
        .word_splitter(textwrap::WordSplitter::NoHyphenation)
        .initial_indent(&first)
        .subsequent_indent(&indent);
    let mut options = options;
    for line in text.lines() {
        for line in textwrap::wrap(line, &options) {
            writeln!(f, "{}", line.trim_end())?;
        }
        options = options.initial_indent(&indent);
    }
    Ok(())
}
