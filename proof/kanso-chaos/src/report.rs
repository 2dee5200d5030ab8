//! Results of the scenarios, as a table and as JSON.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use comfy_table::presets::ASCII_MARKDOWN;
use comfy_table::{CellAlignment, ContentArrangement, Table};
use serde::Serialize;

use crate::checks::Violations;

/// Result of a scenario: a row of the table and an object of the JSON report.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ReportRow {
    /// Name of the scenario.
    pub scenario: String,
    /// Fault that was injected.
    pub fault: String,
    /// Number of times that it was injected.
    pub faults: u64,
    /// Number of acknowledged operations.
    pub acknowledged: u64,
    /// Number of acknowledged operations whose outcome was unknown to the device for a while.
    pub unknown: u64,
    /// Number of acknowledged operations that the final records do not contain.
    pub lost: u64,
    /// Number of effects that were not acknowledged, or acknowledged twice.
    pub doubled: u64,
    /// Number of other violations.
    pub wrong: u64,
    /// Number of failed requests of devices. Each was retried.
    pub failed_requests: u64,
    /// Number of failed requests by the text of the failure.
    pub failures: BTreeMap<String, u64>,
    /// Seconds from the end of each fault to the first acknowledged push. For scenarios that stop
    /// servers: seconds from SIGTERM to the end of the process.
    pub recovery_seconds: Vec<f64>,
    /// Duration of the scenario.
    pub seconds: f64,
    /// Measurements. They are no checks, because a machine may be busy.
    pub notes: Vec<String>,
    /// Descriptions of the violations.
    pub findings: Vec<String>,
}

impl ReportRow {
    /// Adds the time of a recovery.
    pub fn recovered_in(&mut self, took: Duration) {
        self.recovery_seconds.push(took.as_secs_f64());
    }

    /// Adds the time that a server took to stop: a supervisor has to wait this long.
    pub fn stopped_in(&mut self, took: Duration) {
        self.recovery_seconds.push(took.as_secs_f64());
    }

    /// Adds the violations of the checks.
    pub fn add_violations(&mut self, violations: Violations) {
        self.lost += violations.lost;
        self.doubled += violations.doubled;
        self.wrong += violations.wrong;
        self.findings.extend(violations.descriptions);
    }

    /// Adds a violation that is neither a loss nor a doubling.
    pub fn wrong(&mut self, description: impl Into<String>) {
        self.wrong += 1;
        self.findings.push(description.into());
    }

    /// Returns true if there is no violation.
    pub const fn is_clean(&self) -> bool {
        self.lost == 0 && self.doubled == 0 && self.wrong == 0
    }

    /// Adds the result of another round of the same scenario.
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
        self.notes.extend(other.notes);
        self.findings.extend(other.findings);
    }

    /// Returns the median and the maximum of the recovery times as text.
    fn recovery(&self) -> String {
        let mut sorted = self.recovery_seconds.clone();
        sorted.sort_by(f64::total_cmp);
        // The upper median: with few recoveries the pessimistic one of the two in the middle.
        match (sorted.get(sorted.len() / 2), sorted.last()) {
            (Some(median), Some(longest)) => format!("{median:.2} / {longest:.2}"),
            // Scenarios without a fault may have no recovery.
            _ => "–".to_owned(),
        }
    }
}

/// Returns the rows as a Markdown table, with the failures and violations below it.
pub fn table(rows: &[ReportRow]) -> String {
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
        // Below the table, because the texts are longer than a column.
        for (failure, count) in &row.failures {
            // Writing to a string cannot fail.
            write!(text, "\n{}: {count} × {failure}", row.scenario).ok();
        }
        for note in &row.notes {
            write!(text, "\n{}: {note}", row.scenario).ok();
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
    fn rounds_are_summed_and_recovery_is_a_median() {
        let mut row = ReportRow::default();
        for seconds in [3, 1, 2] {
            let mut round = ReportRow {
                acknowledged: 10,
                failures: [("connection refused".to_owned(), 2)].into(),
                ..ReportRow::default()
            };
            round.recovered_in(Duration::from_secs(seconds));
            row.add(round);
        }
        assert_eq!(
            (row.acknowledged, row.failures["connection refused"]),
            (30, 6)
        );
        assert_eq!(row.recovery(), "2.00 / 3.00");
        assert!(row.is_clean());
        row.wrong("a server did not end");
        assert!(!row.is_clean());
        assert!(table(&[row]).ends_with(": a server did not end"));
    }
}
