//! `kanso sync`

use kanso_client::{Interrupted, Progress, ResyncReason, SyncOptions, SyncReport};
use serde_json::json;

use super::conflicts;
use crate::arguments::Sync;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::say;
use crate::progress;
use crate::words::count;

pub(crate) async fn run(context: &Context, asked: &Sync) -> anyhow::Result<Exit> {
    let server = context.server()?;
    // Most syncs end before the indicator would appear.
    let bar = progress::hidden("syncing");
    let watch = |now: Progress| {
        let (waiting, remaining) = (now.waiting, now.remaining);
        bar.set_message(format!("syncing: {waiting} to send, {remaining} to read"));
    };
    let options = SyncOptions {
        verify: asked.verify,
        accept_deletions: asked.accept_deletions,
    };
    let synced = context.client.sync_with(&server, options, &watch);
    match progress::during(&bar, synced).await {
        Ok(report) => finish(context, asked, &report),
        Err(interrupted) => {
            // Operations rejected before the interruption have left the outbox. The next sync will not
            // report them again.
            let Interrupted { so_far, cause } = interrupted;
            if !so_far.failures.is_empty() {
                say(&conflicts::as_text(context, &so_far.failures)?);
            }
            Err(cause.into())
        }
    }
}

fn finish(context: &Context, asked: &Sync, report: &SyncReport) -> anyhow::Result<Exit> {
    // All open conflicts count, also those of earlier syncs.
    let undecided = context.client.status()?.failures;
    let value = json!({
        "pushed": report.pushed,
        "merged": report.merged,
        "pulled": report.pulled,
        "waiting": report.waiting,
        "resynced": report.resynced.is_some(),
        "damaged": report.damaged,
        "repaired": report.repaired,
        "offered": report.offered,
        "undeleted": report.undeleted,
        "differs": report.differs,
        "conflicts": conflicts::as_json(&report.failures),
        "undecided": undecided,
    });
    let details = conflicts::as_text(context, &report.failures)?;
    context.output.data(&value, || {
        let sent = count(report.pushed, "change");
        let read = count(report.pulled, "record");
        format!("Sent {sent}, received {read}.\n{details}")
    });
    for remark in remarks(report, asked) {
        say(&remark);
    }
    if undecided == 0 {
        return Ok(Exit::Ok);
    }
    let conflicts = count(undecided, "conflict");
    let text = format!("{conflicts} to decide on: `kanso conflicts` lists what you can do.");
    say(&text);
    Ok(Exit::Conflicts)
}

/// Explains a resync.
fn resync(why: ResyncReason) -> &'static str {
    match why {
        ResyncReason::HistoryLost => {
            "The server was restored from a backup: all records were read again."
        }
        ResyncReason::CursorLost => {
            "The server no longer knows what this device has read, as after a long time away: \
             all records were read again."
        }
    }
}

/// Returns remarks on unusual events of a sync.
fn remarks(report: &SyncReport, asked: &Sync) -> Vec<String> {
    let number = |number, noun, text: &str| {
        let some = || format!("{} {text}", count(number, noun));
        (number > 0).then(some)
    };
    let differs = "This device still differs from the server; the next sync tries again.";
    let sound = "All records on this device match the server's.";
    // Only a requested check deserves the confirmation; otherwise silence means success.
    let is_sound = asked.verify && report.repaired == 0 && !report.differs;
    let remarks = [
        report.resynced.map(|why| resync(why).to_owned()),
        number(report.merged, "change", "merged with other devices'."),
        number(report.damaged, "record", "found damaged on this device."),
        number(report.repaired, "record", "repaired to match the server."),
        number(
            report.offered,
            "record",
            "given back to the server, which had lost them.",
        ),
        number(
            report.undeleted,
            "record",
            "there again that had been deleted: the backup is older than the deletion. Delete again \
             what should go.",
        ),
        report.differs.then(|| differs.to_owned()),
        is_sound.then(|| sound.to_owned()),
        number(report.waiting, "change", "waiting for the next sync."),
    ];
    remarks.into_iter().flatten().collect()
}
