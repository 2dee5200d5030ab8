//! `kanso sync`

use kanso_client::{Interrupted, Progress, Resync, SyncOptions, SyncReport};
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
            // What was refused before the interruption must not go unseen.
            let Interrupted { so_far, cause } = interrupted;
            if !so_far.failures.is_empty() {
                say(&conflicts::as_text(context, &so_far.failures)?);
            }
            Err(cause.into())
        }
    }
}

fn finish(context: &Context, asked: &Sync, report: &SyncReport) -> anyhow::Result<Exit> {
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

/// Why everything was read again.
fn anew(why: Resync) -> &'static str {
    match why {
        Resync::HistoryLost => {
            "The server was put back to an older copy: everything was read again."
        }
        Resync::CursorLost => {
            "The server does not remember any more what this device had read, as after a long \
             time away: everything was read again."
        }
    }
}

/// What was out of the ordinary.
fn remarks(report: &SyncReport, asked: &Sync) -> Vec<String> {
    let number = |number, noun, text: &str| {
        let some = || format!("{} {text}", count(number, noun));
        (number > 0).then(some)
    };
    let differs = "This device still differs from the server; the next sync tries again.";
    let sound = "Every record here is as the server has it.";
    let is_sound = asked.verify && report.repaired == 0 && !report.differs;
    let remarks = [
        report.resynced.map(|why| anew(why).to_owned()),
        number(report.merged, "change", "merged with other devices'."),
        number(report.damaged, "record", "damaged on this device."),
        number(report.repaired, "record", "put right as the server has it."),
        number(
            report.offered,
            "record",
            "given back to the server, which had lost it.",
        ),
        report.differs.then(|| differs.to_owned()),
        is_sound.then(|| sound.to_owned()),
        number(
            report.waiting,
            "change",
            "cannot be sent yet and will be tried again.",
        ),
    ];
    remarks.into_iter().flatten().collect()
}
