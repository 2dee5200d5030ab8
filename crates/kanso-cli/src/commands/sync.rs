//! `kanso sync`

use std::io::IsTerminal as _;
use std::time::Duration;

use kanso_client::protocol::sync::OperationRequest;
use kanso_client::transport::HttpTransport;
use kanso_client::{
    CallError, Interrupted, Progress, ResyncReason, SyncOptions, SyncReport, Unread,
};
use serde_json::{Map, Value, json};

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
    let synced = patiently(context, &server, options, &watch);
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

/// Longest wait that a server may ask for.
const LONGEST_WAIT: Duration = Duration::from_mins(1);
/// Number of waits, and time spent in them, that bring nothing before the sync is given up.
const FRUITLESS_WAITS: u32 = 5;
const FRUITLESS_TIME: Duration = Duration::from_mins(2);
/// Time spent in all waits of one sync.
const ALL_WAITS: Duration = Duration::from_mins(30);

/// Syncs, and goes on after a wait if the server asks for one of at most a minute.
async fn patiently(
    context: &Context,
    server: &HttpTransport,
    options: SyncOptions,
    watch: &(dyn Fn(Progress) + Send + std::marker::Sync),
) -> Result<SyncReport, Interrupted> {
    let mut so_far = SyncReport::default();
    let (mut fruitless, mut fruitless_time, mut waited) = (0, Duration::ZERO, Duration::ZERO);
    loop {
        let interrupted = match context.client.sync_with(server, options, watch).await {
            Ok(report) => return Ok(so_far.followed_by(report)),
            Err(interrupted) => interrupted,
        };
        let has_progress = interrupted.so_far.pushed + interrupted.so_far.pulled > 0;
        so_far = so_far.followed_by(interrupted.so_far);
        if has_progress {
            (fruitless, fruitless_time) = (0, Duration::ZERO);
        }
        let wait = match &interrupted.cause {
            // At least a second: a server that asks for none is asked again too soon.
            CallError::TryLater { after: Some(wait) } => (*wait).max(Duration::from_secs(1)),
            _ => LONGEST_WAIT + Duration::from_secs(1),
        };
        let is_too_long = wait > LONGEST_WAIT
            || fruitless >= FRUITLESS_WAITS
            || fruitless_time + wait > FRUITLESS_TIME
            || waited + wait > ALL_WAITS;
        if is_too_long {
            return Err(Interrupted {
                so_far,
                cause: interrupted.cause,
            });
        }
        if std::io::stderr().is_terminal() {
            say(&format!("The server asks to wait {} s.", wait.as_secs()));
        }
        tokio::time::sleep(wait).await;
        fruitless += 1;
        fruitless_time += wait;
        waited += wait;
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
        "incomparable": report.is_incomparable,
        "unread": unread_json(&report.unread),
        "too_large": report.too_large.iter().map(|operation| operation.op_id).collect::<Vec<_>>(),
        "over_quota": report.over_quota.iter().map(|operation| operation.op_id).collect::<Vec<_>>(),
        "conflicts": conflicts::as_json(&report.failures),
        "undecided": undecided,
    });
    let details = conflicts::as_text(context, &report.failures)?;
    context.output.data(&value, || {
        let sent = count(report.pushed, "change");
        let read = count(report.pulled, "record");
        format!("Sent {sent}, received {read}.\n{details}")
    })?;
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

/// Returns what this version cannot read, as JSON.
pub(super) fn unread_json(unread: &Unread) -> Value {
    let settings = unread.settings.iter();
    let settings: Map<String, Value> = settings
        .map(|(name, value)| ((*name).to_owned(), json!(value)))
        .collect();
    json!({"records": unread.records, "results": unread.results, "settings": settings})
}

/// Explains what this version cannot read, and that an update is needed.
pub(super) fn unread(unread: &Unread) -> Option<String> {
    if !unread.needs_update() {
        return None;
    }
    let mut parts = Vec::new();
    if unread.records > 0 {
        parts.push(count(unread.records, "record"));
    }
    if unread.results > 0 {
        parts.push(count(unread.results, "answer"));
    }
    for (name, value) in &unread.settings {
        parts.push(format!("the {} {value:?}", name.replace('_', " ")));
    }
    Some(format!(
        "This version of kanso does not know all of what the server has ({}). It is kept as it came; \
         update kanso to read it.",
        parts.join(", ")
    ))
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
    let incomparable = "The server has records of a kind that this version does not know, so the two \
                        cannot be compared.";
    let sound = "All records on this device match the server's.";
    // Only a requested check deserves the confirmation; otherwise silence means success.
    let is_sound =
        asked.verify && report.repaired == 0 && !report.differs && !report.is_incomparable;
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
        report.is_incomparable.then(|| incomparable.to_owned()),
        number(
            report.too_large.len() as u64,
            "change",
            "too large for a proxy before the server; kept here, and tried again with each sync:",
        ),
    ];
    let too_large = report.too_large.iter().map(name);
    let over_quota = number(
        report.over_quota.len() as u64,
        "change",
        "for which your account has no room; kept here, and tried again with each sync. Delete a habit, \
         or ask the operator of the server for more room:",
    );
    let over_quota = over_quota
        .into_iter()
        .chain(report.over_quota.iter().map(name));
    let waiting = number(report.waiting, "change", "waiting for the next sync.");
    let remarks = remarks
        .into_iter()
        .flatten()
        .chain(too_large)
        .chain(over_quota);
    remarks
        .chain(waiting)
        .chain(unread(&report.unread))
        .collect()
}

/// Names an operation on a line of its own.
fn name(operation: &OperationRequest) -> String {
    let OperationRequest {
        action, entity, id, ..
    } = operation;
    format!("  {action:?} of the {entity:?} {id}").to_lowercase()
}
