//! `kanso import`

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use kanso_client::loop_import::{ImportMode, ImportOutcome, ImportReport, ImportRow};
use serde_json::{Value, json};

use crate::context::Context;
use crate::exit::Exit;
use crate::output::{say, table};
use crate::progress;
use crate::words::count;

pub(crate) async fn run(context: &Context, path: &Path, dry_run: bool) -> anyhow::Result<Exit> {
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let mode = if dry_run {
        ImportMode::DryRun
    } else {
        ImportMode::Write
    };
    let client = Arc::clone(&context.client);
    // The import is one long transaction. On the runtime's only thread it would stop the progress
    // indicator.
    let work = tokio::task::spawn_blocking(move || client.import_loop(file, mode));
    let bar = progress::hidden("importing");
    let report = progress::during(&bar, work).await??;
    context
        .output
        .data(&as_json(&report, dry_run), || as_text(&report, dry_run))?;
    if !dry_run && report.habits(ImportOutcome::New) + report.entries(ImportOutcome::New) > 0 {
        say("Run `kanso sync` to send the import to your other devices.");
    }
    // Valid rows are imported even if others fail, but a script has to notice the failures.
    let failed = report.habits(ImportOutcome::Error) + report.entries(ImportOutcome::Error) > 0;
    Ok(if failed { Exit::Failure } else { Exit::Ok })
}

fn as_json(report: &ImportReport, dry_run: bool) -> Value {
    let row = |row: &ImportRow| {
        json!({
            "habit": row.habit,
            "date": row.date.map(|date| date.to_string()),
            "outcome": row.outcome.as_str(),
            "remarks": row.remarks,
        })
    };
    json!({
        "dry_run": dry_run,
        "rows": report.rows.iter().map(row).collect::<Vec<_>>(),
        "automatic": report.automatic,
        "unknown": report.unknown,
    })
}

/// Returns the rows and the sums. A dry run shows all rows, an import only those with remarks.
fn as_text(report: &ImportReport, dry_run: bool) -> String {
    let is_shown = |row: &&ImportRow| dry_run || !row.remarks.is_empty();
    let shown: Vec<&ImportRow> = report.rows.iter().filter(is_shown).collect();
    let mut text = String::new();
    if !shown.is_empty() {
        let mut table = table(&["HABIT", "DATE", "WHAT", "WHY"]);
        for row in shown {
            let date = row.date.map(|date| date.to_string()).unwrap_or_default();
            table.add_row([
                row.habit.as_str(),
                &date,
                row.outcome.as_str(),
                &row.remarks.join("; "),
            ]);
        }
        text = format!("{}\n\n", table.trim_fmt());
    }
    let mut sums: Vec<String> = ImportOutcome::ALL
        .into_iter()
        .filter_map(|outcome| sum(report, outcome))
        .collect();
    let left_out = report.automatic + report.unknown;
    if left_out > 0 {
        let days = count(left_out, "day");
        sums.push(format!(
            "left out: {days} that Loop filled in by itself or has no value for"
        ));
    }
    text.push_str(&sums.join("\n"));
    text
}

fn sum(report: &ImportReport, outcome: ImportOutcome) -> Option<String> {
    let (habits, entries) = (report.habits(outcome), report.entries(outcome));
    (habits + entries > 0).then(|| {
        let (habits, entries) = (
            count(habits as u64, "habit"),
            count(entries as u64, "entry"),
        );
        format!("{}: {habits}, {entries}", outcome.as_str())
    })
}
