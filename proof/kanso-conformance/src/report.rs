//! Report of a run, as text and as JSON.

use std::fmt;

use serde_json::{Value, json};

use crate::answer::CaseFailure;
use crate::case::Case;

/// Width of the text, in columns: the default of terminals.
const WIDTH: usize = 80;

/// Result of a case.
#[derive(Clone, Debug)]
pub struct CaseResult {
    /// Case.
    pub case: Case,
    /// Duration in seconds.
    pub seconds: f64,
    /// Reason of the failure; `None` if the case passed.
    pub failure: Option<CaseFailure>,
}

/// Report of a run. `Display` prints it as text of at most 80 columns.
#[derive(Clone, Debug)]
pub struct ConformanceReport {
    /// Address of the server.
    pub url: String,
    /// Duration in seconds.
    pub seconds: f64,
    /// Result of each case.
    pub results: Vec<CaseResult>,
}

impl ConformanceReport {
    /// Returns the number of failed cases.
    pub fn failed(&self) -> usize {
        let failed = self.results.iter().filter(|it| it.failure.is_some());
        failed.count()
    }

    /// Returns the report as JSON.
    pub fn json(&self) -> Value {
        let case = |result: &CaseResult| {
            json!({
                "group": result.case.group,
                "name": result.case.name,
                "section": result.case.section,
                "promise": result.case.promise,
                "seconds": rounded(result.seconds),
                "passed": result.failure.is_none(),
                "failure": result.failure,
            })
        };
        json!({
            "url": self.url,
            "seconds": rounded(self.seconds),
            "passed": self.results.len() - self.failed(),
            "failed": self.failed(),
            "cases": self.results.iter().map(case).collect::<Vec<_>>(),
        })
    }
}

fn rounded(seconds: f64) -> f64 {
    (seconds * 1_000.0).round() / 1_000.0
}

impl fmt::Display for ConformanceReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut group = "";
        for result in &self.results {
            if result.case.group != group {
                group = result.case.group;
                writeln!(f, "{group}")?;
            }
            write!(f, "{result}")?;
        }
        let (all, failed) = (self.results.len(), self.failed());
        let passed = all - failed;
        writeln!(
            f,
            "\n{all} cases: {passed} passed, {failed} failed, in {:.1} s",
            self.seconds
        )
    }
}

impl fmt::Display for CaseResult {
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

/// Writes a part of a failure, wrapped at the width of the text.
fn part(f: &mut fmt::Formatter<'_>, what: &str, text: &str) -> fmt::Result {
    let first = format!("       {what:<9}");
    let indent = " ".repeat(first.len());
    let options = textwrap::Options::new(WIDTH)
        // A path or a JSON body must not get hyphens: it would be another text when copied.
        .word_splitter(textwrap::WordSplitter::NoHyphenation)
        .initial_indent(&first)
        .subsequent_indent(&indent);
    let mut options = options;
    for line in text.lines() {
        for line in textwrap::wrap(line, &options) {
            writeln!(f, "{}", line.trim_end())?;
        }
        // The label stands only in the first line of a text with several lines.
        options = options.initial_indent(&indent);
    }
    Ok(())
}
