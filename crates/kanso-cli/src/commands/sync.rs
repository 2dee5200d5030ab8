//! `kanso sync`

use kanso_client::{Interrupted, Progress, SyncOptions, SyncReport};
use serde_json::json;

use super::conflicts;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::say;
use crate::progress;
use crate::words::count;

pub(crate) async fn run(context: &Context) -> anyhow::Result<Exit> {
    let server = context.server()?;
    let bar = progress::hidden("syncing");
    let watch = |now: Progress| {
        let (waiting, remaining) = (now.waiting, now.remaining);
        bar.set_message(format!("syncing: {waiting} to send, {remaining} to read"));
    };
    let synced = context
        .client
        .sync_with(&server, SyncOptions::default(), &watch);
    match progress::during(&bar, synced).await {
        Ok(report) => finish(context, &report),
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

fn finish(context: &Context, report: &SyncReport) -> anyhow::Result<Exit> {
    let undecided = context.client.status()?.failures;
    let value = json!({
        "pushed": report.pushed,
        "pulled": report.pulled,
        "waiting": report.waiting,
        "resynced": report.resynced,
        "conflicts": conflicts::as_json(&report.failures),
        "undecided": undecided,
    });
    let details = conflicts::as_text(context, &report.failures)?;
    let SyncReport {
        pushed,
        pulled,
        waiting,
        ..
    } = report;
    context.output.data(&value, || {
        let sent = count(*pushed, "change");
        let read = count(*pulled, "record");
        format!("Sent {sent}, received {read}.\n{details}")
    });
    if report.resynced {
        say("The server asked to start anew: everything was read again.");
    }
    if *waiting > 0 {
        let waiting = count(*waiting, "change");
        say(&format!(
            "{waiting} cannot be sent yet and will be tried again."
        ));
    }
    if undecided == 0 {
        return Ok(Exit::Ok);
    }
    let conflicts = count(undecided, "conflict");
    let text = format!("{conflicts} to decide on: `kanso conflicts` lists what you can do.");
    say(&text);
    Ok(Exit::Conflicts)
}
