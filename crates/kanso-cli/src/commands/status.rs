//! `kanso status`

use kanso_client::Status;
use serde_json::json;

use super::sync::{unread, unread_json};
use crate::context::Context;
use crate::exit::Exit;
use crate::output::{line, say};

pub(crate) fn run(context: &Context) -> anyhow::Result<Exit> {
    let status = context.client.status()?;
    let zone = context.zone()?;
    let account = status.account.as_ref();
    let value = json!({
        "state": state(&status).0,
        "account": account.map(|account| &account.email),
        "server": account.map(|account| &account.server),
        "signed_in": status.is_signed_in,
        "waiting": status.waiting,
        "conflicts": status.failures,
        "last_sync_at": status.last_sync_at.map(|at| at.to_string()),
        "device_id": status.device_id,
        "timezone": zone.name(),
        "unread": unread_json(&status.unread),
    });
    context
        .output
        .data(&value, || as_text(&status, zone.name()))?;
    if let Some(remark) = unread(&status.unread) {
        say(&remark);
    }
    context.remark_on_zone()?;
    Ok(Exit::Ok)
}

/// Returns the sync state: a word for scripts and a text for the terminal.
fn state(status: &Status) -> (&'static str, &'static str) {
    // The most urgent state first: while signed out nothing else can make progress.
    match (status.is_signed_in, status.failures, status.waiting) {
        (false, _, _) => ("signed_out", "signed out, not syncing"),
        (true, 1.., _) => ("conflict", "conflicts wait for your decision"),
        (true, 0, 1..) => ("waiting", "changes wait for the next sync"),
        (true, 0, 0) if status.last_sync_at.is_none() => ("new", "never synced"),
        (true, 0, 0) => ("idle", "up to date"),
    }
}

fn as_text(status: &Status, zone: &str) -> String {
    let account = match (&status.account, status.is_signed_in) {
        (None, _) => "none yet: everything stays on this device".to_owned(),
        (Some(account), true) => format!("{} on {}", account.email, account.server),
        (Some(account), false) => {
            format!("{} on {}, signed out", account.email, account.server)
        }
    };
    let last_sync = match status.last_sync_at {
        None => "never".to_owned(),
        Some(at) => at.to_string(),
    };
    let lines = [
        ("Account", account),
        ("State", state(status).1.to_owned()),
        ("Last sync", last_sync),
        ("To send", status.waiting.to_string()),
        ("Conflicts", status.failures.to_string()),
        ("Time zone", zone.to_owned()),
        ("Device", status.device_id.to_string()),
    ];
    lines.map(|(name, value)| line(name, &value)).join("\n")
}
