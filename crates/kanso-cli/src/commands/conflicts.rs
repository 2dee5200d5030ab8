//! `kanso conflicts`

use std::fmt::Write as _;

use kanso_client::domain::{EntryId, HabitId};
use kanso_client::protocol::sync::{ActionName, EntityName, OperationStatus};
use kanso_client::{Failure, ResolveError};
use serde_json::{Value, json};

use crate::arguments::{Choice, ConflictsCommand};
use crate::context::Context;
use crate::escape;
use crate::exit::{Exit, Usage};
use crate::output::{say, strong};

pub(crate) fn run(context: &Context, command: Option<ConflictsCommand>) -> anyhow::Result<Exit> {
    match command {
        None => list(context),
        Some(ConflictsCommand::Resolve { id, choice }) => resolve(context, id, &choice),
    }
}

fn list(context: &Context) -> anyhow::Result<Exit> {
    let failures = context.client.failures()?;
    let text = as_text(context, &failures)?;
    context.output.data(&as_json(&failures), || text)?;
    if failures.is_empty() {
        say("No conflicts.");
        return Ok(Exit::Ok);
    }
    say("Decide with `kanso conflicts resolve NUMBER` and one of these:");
    // A deleted record has nothing to write to, so only one option is left.
    if !failures.iter().all(is_gone) {
        say("  --mine    your values are written over the server's");
        say("  --merge   only the fields that no other device changed are written");
    }
    say("  --theirs  the server's record is kept; a deleted one stays deleted");
    if failures.iter().any(Failure::is_outcome_unknown) {
        say(
            "A change that was never answered counts once more with --mine and is dropped with --theirs.",
        );
    }
    // An exit code of its own, so that a script notices open conflicts without parsing.
    Ok(Exit::Conflicts)
}

fn resolve(context: &Context, id: i64, choice: &Choice) -> anyhow::Result<Exit> {
    let (resolved, text) = if choice.mine {
        let text = "Your values are kept; the next `kanso sync` sends them.";
        (context.client.keep_mine(id), text)
    } else if choice.merge {
        let text = "Merged; the next `kanso sync` sends the fields that only you changed.";
        (context.client.merge(id), text)
    } else {
        (
            context.client.take_theirs(id),
            "The server's record is kept.",
        )
    };
    match resolved {
        // The user chose a number or an option that does not fit, which is a usage error. A deleted
        // record is not: the choice was valid before the deletion.
        Err(
            error @ (ResolveError::NoSuchFailure
            | ResolveError::NothingToMerge
            | ResolveError::Unreadable),
        ) => Err(Usage(error.to_string()).into()),
        Err(error) => Err(error.into()),
        Ok(()) => {
            context.output.done(&json!({"resolved": id}), text)?;
            Ok(Exit::Ok)
        }
    }
}

/// Returns the failures as JSON.
pub(super) fn as_json(failures: &[Failure]) -> Value {
    let one = |failure: &Failure| {
        json!({
            "id": failure.id,
            "entity": failure.operation.entity,
            "record_id": failure.operation.id,
            "action": failure.operation.action,
            "status": failure.result.status,
            "clashing": failure.clashing(),
            "mergeable": failure.mergeable(),
            "changed_by": failure.changed_by(),
            "changed_at": failure.changed_at().map(|at| at.to_string()),
            "yours": failure.operation.fields,
            "theirs": failure.server_record(),
            "code": failure.result.code,
            "written_at": failure.written_at.to_string(),
            "raw": failure.raw,
        })
    };
    Value::Array(failures.iter().map(one).collect())
}

/// Describes each failure: the record, your values, the server's values.
pub(super) fn as_text(context: &Context, failures: &[Failure]) -> anyhow::Result<String> {
    let mut text = String::new();
    // A conflict with an earlier edit of this device is possible after a restore of the server.
    let own = context.client.status()?.device_id;
    for failure in failures {
        let what = match failure.result.status {
            OperationStatus::Gone => "was deleted on another device",
            OperationStatus::Conflict => "was changed on another device too",
            _ if failure.is_damaged() => {
                "can no longer be read, because the replica on this device was damaged"
            }
            _ if failure.is_outcome_unknown() => {
                "was sent and never answered; check whether it was counted"
            }
            _ if failure.is_unsent() => "is in a group of edits that is too large to be sent",
            _ => "was rejected by the server",
        };
        let number = strong(&format!("#{}", failure.id));
        writeln!(text, "{number}  {} {what}", subject(context, failure)?)?;
        if let Some(raw) = &failure.raw {
            writeln!(text, "      what is left of it: {}", escape::plain(raw))?;
            writeln!(
                text,
                "      make the change again, then drop this one with --theirs"
            )?;
            continue;
        }
        if let Some(text_of_increment) = unknown_increment(context, failure)? {
            writeln!(text, "      {text_of_increment}")?;
            continue;
        }
        for (name, yours, theirs) in sides(failure) {
            let theirs =
                theirs.map_or_else(String::new, |theirs| format!(", the server has {theirs}"));
            writeln!(text, "      {name}: you wrote {yours}{theirs}")?;
        }
        if !failure.mergeable().is_empty() {
            let names = failure.mergeable().join(", ");
            writeln!(text, "      only you changed: {names}")?;
        }
        if let Some(at) = failure.changed_at() {
            let who = match failure.changed_by() {
                Some(device) if device == own => "on this device".to_owned(),
                Some(device) => format!("on device {device}"),
                None => "not on a device".to_owned(),
            };
            writeln!(text, "      the server's is from {at},\n      {who}")?;
        }
        for error in &failure.result.errors {
            writeln!(text, "      {}: {}", error.pointer, error.detail)?;
        }
        if let Some(code) = &failure.result.code {
            writeln!(text, "      reason: {code}")?;
        }
    }
    Ok(text)
}

/// Returns true if the record was deleted, so that the change cannot be kept.
fn is_gone(failure: &Failure) -> bool {
    failure.result.status == OperationStatus::Gone
}

/// Describes an increment with an unknown outcome: the amount and the current value.
///
/// The user compares the two to find out whether the increment was counted.
fn unknown_increment(context: &Context, failure: &Failure) -> anyhow::Result<Option<String>> {
    let is_increment = failure.operation.action == ActionName::Increment;
    if !failure.is_outcome_unknown() || !is_increment {
        return Ok(None);
    }
    let written = failure.operation.fields.as_ref();
    let added = written.and_then(|fields| fields.get("value"));
    let added = added.map_or_else(|| "nothing".to_owned(), Value::to_string);
    let entry = context.client.entry(EntryId::new(failure.operation.id))?;
    let now = entry.map_or_else(
        || "the entry was deleted".to_owned(),
        |shown| format!("it is {} now", shown.record.details.value.to_f64()),
    );
    Ok(Some(format!(
        "value: you added {added} on {}, and {now}",
        failure.written_at
    )))
}

/// Returns the members to show, with both values: those that clash, else all that were written.
///
/// A deleted record has no value to compare with, and the heading has the day and the habit of its
/// entry already.
fn sides(failure: &Failure) -> Vec<(String, String, Option<String>)> {
    const IN_HEADING: [&str; 4] = ["habit_id", "completion_date", "local_date", "timezone"];
    let Some(Value::Object(written)) = &failure.operation.fields else {
        return Vec::new();
    };
    // With a conflict, only the clashing members matter; the others are listed as mergeable.
    let clashing = failure.clashing();
    let theirs = |name: &str| match failure.server_record() {
        Some(record) if failure.result.status == OperationStatus::Conflict => record
            .get(name)
            .map_or_else(|| "nothing".to_owned(), Value::to_string),
        _ => "nothing".to_owned(),
    };
    let side = |(name, yours): (&String, &Value)| {
        let is_shown = if is_gone(failure) {
            !IN_HEADING.contains(&name.as_str())
        } else {
            clashing.is_empty() || clashing.contains(name)
        };
        let theirs = || (!is_gone(failure)).then(|| theirs(name));
        is_shown.then(|| (name.clone(), yours.to_string(), theirs()))
    };
    written.iter().filter_map(side).collect()
}

/// Names the record: `habit "Read"`, `the entry of "Read" on 2026-11-22`.
///
/// The replica may not have the record, so the members of both sides of the conflict are used too.
fn subject(context: &Context, failure: &Failure) -> anyhow::Result<String> {
    let id = failure.operation.id;
    let member = |name: &str| {
        let sides = [failure.operation.fields.as_ref(), failure.server_record()];
        let found = sides
            .into_iter()
            .flatten()
            .find_map(|side| side.get(name)?.as_str());
        found.map(str::to_owned)
    };
    let title_of = |habit: Option<HabitId>| -> anyhow::Result<Option<String>> {
        let Some(habit) = habit else {
            return Ok(None);
        };
        let view = context.client.habit(habit)?;
        Ok(view.map(|view| view.record.details.title.to_string()))
    };
    if failure.operation.entity == EntityName::Habit {
        let title = title_of(Some(HabitId::new(id)))?.or_else(|| member("title"));
        return Ok(title.map_or_else(
            || format!("a habit, {id},"),
            |title| format!("habit {title:?}"),
        ));
    }
    let entry = context
        .client
        .entry(EntryId::new(id))?
        .map(|view| view.record.details);
    // The view first: the operation of an update has no `habit_id`.
    let named = member("habit_id")
        .and_then(|id| id.parse().ok())
        .map(HabitId::new);
    let habit = entry.as_ref().map(|details| details.habit_id).or(named);
    let title = title_of(habit)?.or_else(|| member("title"));
    let date = entry.map(|details| details.local_date.to_string());
    let date = date
        .or_else(|| member("local_date"))
        .or_else(|| member("completion_date"));
    let title = title.map_or_else(
        || "a deleted habit".to_owned(),
        |title| format!("{title:?}"),
    );
    let new = if failure.operation.action == ActionName::Create {
        "new "
    } else {
        ""
    };
    let date = date.map_or_else(String::new, |date| format!(" on {date}"));
    Ok(format!("the {new}entry of {title}{date}"))
}
