//! The figures, for people and for programs.

use std::fmt::Write as _;

use comfy_table::presets::ASCII_MARKDOWN;
use comfy_table::{CellAlignment, ContentArrangement, Table};
use serde::Serialize;

use crate::arguments::Arguments;
use crate::figures::{Figures, Run};
use crate::inside::Timing;
use crate::live::{Finding, Findings};

/// All that was found.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// Processor cores, which server and load generator share.
    cores: usize,
    /// What it takes to append 4 KiB to a file and sync it.
    disk_sync_ms: f64,
    /// How long each workload was measured.
    seconds: u64,
    /// The median of each figure by itself.
    medians: Run,
    runs: Vec<Run>,
    /// The same of live sync.
    live_medians: Vec<Finding>,
    live: Findings,
    /// The same of a server on PostgreSQL.
    postgres_medians: Vec<Finding>,
    postgres: Findings,
    /// The same of what was measured inside this program.
    inside_medians: Vec<Timing>,
    inside: Vec<Vec<Timing>>,
}

impl Report {
    /// The report on these runs.
    pub(crate) fn new(
        arguments: &Arguments,
        disk_sync_ms: f64,
        runs: Vec<Run>,
        (live, postgres, inside): (Findings, Findings, Vec<Vec<Timing>>),
    ) -> anyhow::Result<Self> {
        Ok(Self {
            cores: std::thread::available_parallelism()?.get(),
            disk_sync_ms,
            seconds: arguments.seconds,
            medians: Run::median(&runs),
            runs,
            live_medians: Finding::medians(&live),
            live,
            postgres_medians: Finding::medians(&postgres),
            postgres,
            inside_medians: Timing::medians(&inside),
            inside,
        })
    }

    /// The medians as tables, in Markdown.
    pub(crate) fn table(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        if !self.runs.is_empty() {
            write!(text, "{}\n\n{}\n\n", self.of_the_server(), self.memory()).ok();
        }
        if !self.live.is_empty() {
            write!(text, "{}\n\n", findings("live sync", &self.live_medians)).ok();
        }
        if !self.postgres.is_empty() {
            let table = findings("postgresql", &self.postgres_medians);
            write!(text, "{table}\n\n").ok();
        }
        if !self.inside.is_empty() {
            write!(text, "{}\n\n", self.of_the_inside()).ok();
        }
        text + &self.circumstances()
    }

    fn of_the_inside(&self) -> Table {
        let mut table = table([
            "inside this program",
            "times",
            "p50 ms",
            "p99 ms",
            "p99 × quiet",
            "goal",
        ]);
        for timing in &self.inside_medians {
            let ratio = timing.ratio_to_quiet;
            table.add_row([
                timing.what.to_owned(),
                timing.count.to_string(),
                format!("{:.2}", timing.p50_ms),
                format!("{:.2}", timing.p99_ms),
                ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}")),
                timing.goal.to_owned(),
            ]);
        }
        align(&mut table);
        table
    }

    fn of_the_server(&self) -> Table {
        let mut table = table([
            "workload",
            "connections",
            "requests",
            "requests/s",
            "p50 ms",
            "p99 ms",
            "× live",
            "server CPU",
            "generator CPU",
            "others CPU",
            "server µs each",
            "server peak MiB",
            "goal",
        ]);
        for figures in &self.medians.workloads {
            table.add_row(cells(figures));
        }
        align(&mut table);
        table
    }

    fn memory(&self) -> String {
        let idle = self.medians.idle_mib;
        let loaded = self
            .medians
            .workloads
            .iter()
            .find(|figures| figures.workload.starts_with("push"));
        let (resident, peak) = loaded.map_or((f64::NAN, f64::NAN), |figures| {
            (figures.resident_mib, figures.peak_mib)
        });
        format!(
            "Resident memory of the server: idle {idle:.1} MiB (goal ≤ 64); \
             under pushes {resident:.1} MiB, at most {peak:.1} MiB (goal ≤ 256)."
        )
    }

    fn circumstances(&self) -> String {
        format!(
            "Medians of {} runs, {} s a workload, {} cores for server and load generator; \
             CPU is in % of one core. Appending 4 KiB to a file and syncing it takes {:.2} ms here.",
            self.runs
                .len()
                .max(self.inside.len())
                .max(self.live.len())
                .max(self.postgres.len()),
            self.seconds,
            self.cores,
            self.disk_sync_ms
        )
    }
}

fn findings(title: &str, medians: &[Finding]) -> Table {
    let mut table = table([title, "value", "goal"]);
    for found in medians {
        let value = format!("{:.2} {}", found.value, found.unit);
        table.add_row([found.what.clone(), value, found.goal.to_owned()]);
    }
    align(&mut table);
    table
}

fn table<const COLUMNS: usize>(header: [&str; COLUMNS]) -> Table {
    let mut table = Table::new();
    table
        .load_style(ASCII_MARKDOWN)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(header);
    table
}

/// All but the first column and the last are numbers.
fn align(table: &mut Table) {
    let numbers = table.column_count() - 2;
    for column in table.column_iter_mut().skip(1).take(numbers) {
        column.set_cell_alignment(CellAlignment::Right);
    }
}

fn cells(figures: &Figures) -> [String; 13] {
    [
        figures.workload.to_owned(),
        format!("{:.0}", figures.connections),
        thousands(figures.count),
        thousands(figures.per_second),
        format!("{:.2}", figures.p50_ms),
        format!("{:.2}", figures.p99_ms),
        format!("{:.3}", figures.ratio_to_live),
        format!("{:.0} %", figures.server_cores * 100.0),
        format!("{:.0} %", figures.generator_cores * 100.0),
        format!("{:.0} %", figures.others_cores * 100.0),
        thousands(figures.server_us),
        format!("{:.1}", figures.peak_mib),
        figures.goal.to_owned(),
    ]
}

/// A number without decimals and with a comma at every thousand; small ones keep a decimal.
fn thousands(number: f64) -> String {
    if number < 100.0 {
        return format!("{number:.1}");
    }
    let digits = format!("{number:.0}");
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_grouped() {
        for (number, expected) in [
            (0.0, "0.0"),
            (42.42, "42.4"),
            (999.0, "999"),
            (1_000.0, "1,000"),
            (1_234_567.8, "1,234,568"),
        ] {
            assert_eq!(thousands(number), expected);
        }
    }
}
