//! What a scenario came to, in one line.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use comfy_table::presets::ASCII_MARKDOWN;
use comfy_table::{CellAlignment, ContentArrangement, Table};
use serde::Serialize;

use crate::checks::Findings;

/// What a scenario came to.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Row {
    /// Its name.
    pub scenario: String,
    /// What was done to the system.
    pub fault: String,
    /// How often.
    pub faults: u64,
    /// Operations that a server acknowledged.
    pub acknowledged: u64,
    /// Those of them of which a device once did not know whether they had been carried out.
    pub unknown: u64,
    /// Acknowledged operations that are gone.
    pub lost: u64,
    /// Effects that nobody was promised, or more than once.
    pub doubled: u64,
    /// Anything else that must not be.
    pub wrong: u64,
    /// Requests of devices that did not succeed, all of which were sent again.
    pub failed_requests: u64,
    /// What they were answered, and how often.
    pub failures: BTreeMap<String, u64>,
    /// Seconds from the end of each fault to the first push that was taken after it; where servers
    /// are asked to stop, how long they took for that.
    pub recovery_seconds: Vec<f64>,
    /// How long it took.
    pub seconds: f64,
    /// What was found, in words.
    pub findings: Vec<String>,
}

impl Row {
    /// Notes how long a recovery took.
    pub fn recovered_in(&mut self, took: Duration) {
        self.recovery_seconds.push(took.as_secs_f64());
    }

    /// Notes how long a server took to stop, which is what a supervisor has to wait for.
    pub fn stopped_in(&mut self, took: Duration) {
        self.recovery_seconds.push(took.as_secs_f64());
    }

    /// Notes what the checks found.
    pub fn take(&mut self, findings: Findings) {
        self.lost += findings.lost;
        self.doubled += findings.doubled;
        self.wrong += findings.wrong;
        self.findings.extend(findings.told);
    }

    /// Notes something that must not be.
    pub fn wrong(&mut self, what: impl Into<String>) {
        self.wrong += 1;
        self.findings.push(what.into());
    }

    /// Whether everything is as it must be.
    pub const fn is_clean(&self) -> bool {
        self.lost == 0 && self.doubled == 0 && self.wrong == 0
    }

    /// Adds another round of the same scenario.
    pub fn add(&mut self, other: Self) {
        self.faults += other.faults;
        self.acknowledged += other.acknowledged;
        self.unknown += other.unknown;
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.wrong += other.wrong;
        self.failed_requests += other.failed_requests;
        for (failure, count) in other.failures {
            *self.failures.entry(failure).or_default() += count;
        }
        self.recovery_seconds.extend(other.recovery_seconds);
        self.seconds += other.seconds;
        self.findings.extend(other.findings);
    }

    /// The median and the longest recovery, as text.
    fn recovery(&self) -> String {
        let mut sorted = self.recovery_seconds.clone();
        sorted.sort_by(f64::total_cmp);
        match (sorted.get(sorted.len() / 2), sorted.last()) {
            (Some(median), Some(longest)) => format!("{median:.2} / {longest:.2}"),
            _ => "–".to_owned(),
        }
    }
}

/// The rows as people read them.
pub fn table(rows: &[Row]) -> String {
    let mut table = Table::new();
    table
        .load_style(ASCII_MARKDOWN)
        .set_content_arrangement(ContentArrangement::Disabled);
    table.set_header([
        "scenario",
        "fault",
        "faults",
        "acked",
        "unknown",
        "lost",
        "doubled",
        "wrong",
        "failed req.",
        "recovery s (median / max)",
        "seconds",
    ]);
    for row in rows {
        table.add_row([
            row.scenario.clone(),
            row.fault.clone(),
            row.faults.to_string(),
            row.acknowledged.to_string(),
            row.unknown.to_string(),
            row.lost.to_string(),
            row.doubled.to_string(),
            row.wrong.to_string(),
            row.failed_requests.to_string(),
            row.recovery(),
            format!("{:.0}", row.seconds),
        ]);
    }
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let mut text = table.to_string();
    for row in rows {
        for (failure, count) in &row.failures {
            // Writing to a string cannot fail.
            write!(text, "\n{}: {count} × {failure}", row.scenario).ok();
        }
        for finding in &row.findings {
            write!(text, "\n{}: {finding}", row.scenario).ok();
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_add_up_and_recovery_is_a_median() {
        let mut row = Row::default();
        for seconds in [3, 1, 2] {
            let mut round = Row {
                acknowledged: 10,
                failures: [("nobody listens".to_owned(), 2)].into(),
                ..Row::default()
            };
            round.recovered_in(Duration::from_secs(seconds));
            row.add(round);
        }
        assert_eq!((row.acknowledged, row.failures["nobody listens"]), (30, 6));
        assert_eq!(row.recovery(), "2.00 / 3.00");
        assert!(row.is_clean());
        row.wrong("a server did not end");
        assert!(!row.is_clean());
        assert!(table(&[row]).ends_with(": a server did not end"));
    }
}
