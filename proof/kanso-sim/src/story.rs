//! Formats a history as a readable story.

use std::fmt::Write as _;

use kanso_protocol::sync::{Change, EntityName, OperationRequest, OperationResult, SyncResponse};
use uuid::Uuid;

use crate::history::{CopiedReplica, Event, EventKind, Exchange, History, Serving, StreamEnd};

/// Formats the events of one user, or of all; one line an event.
pub fn render(history: &History, person: Option<u32>) -> String {
    let mut story = String::new();
    for event in &history.events {
        let Some((whose, line)) = line(history, event) else {
            continue;
        };
        // Crashes and restores belong to no user and explain events of all users.
        if person.is_none() || whose.is_none() || person == whose {
            let seconds = event.at / 1_000;
            // Writing to a String cannot fail.
            let _ = writeln!(story, "{seconds:>6}.{:03} s  {line}", event.at % 1_000);
        }
    }
    story
}

fn line(history: &History, event: &Event) -> Option<(Option<u32>, String)> {
    let exchange = |number: usize| history.exchanges.get(number);
    Some(match &event.kind {
        EventKind::Did(actor, what) => (Some(actor.person), format!("{actor} {what}")),
        EventKind::Happened(what) => (None, format!("── {what} ──")),
        EventKind::Sent(number) => {
            let exchange = exchange(*number)?;
            (Some(exchange.actor.person), asks(*number, exchange))
        }
        EventKind::Served(number, serving) => {
            let exchange = exchange(*number)?;
            let text = answers(*number, exchange, exchange.servings.get(*serving)?);
            (Some(exchange.actor.person), text)
        }
        EventKind::Delivered(number, _) => {
            let actor = exchange(*number)?.actor;
            (
                Some(actor.person),
                format!("{actor} has the answer to #{number}"),
            )
        }
        EventKind::PieceSent(number, serving, piece) => {
            let exchange = exchange(*number)?;
            let piece = exchange.servings.get(*serving)?.piece(*piece);
            let piece = String::from_utf8_lossy(piece);
            let text = format!(
                "#{number} sends to {}: {}",
                exchange.actor,
                one_line(&piece)
            );
            (Some(exchange.actor.person), text)
        }
        EventKind::StreamEnded(number, _, end) => {
            let actor = exchange(*number)?.actor;
            let why = match end {
                StreamEnd::Finished => "ended",
                StreamEnd::ServerDied => "broke off with its server",
                StreamEnd::Abandoned => "has no reader any more",
            };
            (Some(actor.person), format!("#{number} of {actor} {why}"))
        }
        EventKind::DrainStarted(server) => {
            (None, format!("── server {server} is asked to stop ──"))
        }
        EventKind::Copied(copy) => {
            let CopiedReplica { actor, source, .. } = copy;
            let text = format!("{actor} continues with a backup of {source}");
            (Some(actor.person), text)
        }
        EventKind::FileLost => (None, "── the servers' file is lost ──".to_owned()),
        EventKind::FileFound => (None, "── the file is no longer lost ──".to_owned()),
        EventKind::Lost(number) => {
            let actor = exchange(*number)?.actor;
            (
                Some(actor.person),
                format!("{actor} gets no answer to #{number}"),
            )
        }
    })
}

fn one_line(text: &str) -> String {
    let lines: Vec<_> = text.lines().filter(|line| !line.is_empty()).collect();
    lines.join(" | ")
}

fn asks(number: usize, exchange: &Exchange) -> String {
    let mut line = format!("{} sends #{number} {}", exchange.actor, exchange.line);
    if let Some(sync) = &exchange.sync {
        let from = sync
            .cursor
            .as_deref()
            .map_or_else(|| "the start".to_owned(), position);
        let _ = write!(line, " from {from}");
        for operation in &sync.operations {
            let _ = write!(line, "; {}", operation_line(operation));
        }
    }
    line
}

fn answers(number: usize, exchange: &Exchange, serving: &Serving) -> String {
    let (server, status) = (serving.server, serving.status);
    let mut line = format!(
        "server {server} answers #{number} of {}: {status}",
        exchange.actor
    );
    match &serving.sync {
        Some(sync) => line.push_str(&sync_line(sync)),
        None if status >= 400 => {
            let _ = write!(line, " {}", String::from_utf8_lossy(&serving.body));
        }
        None => {}
    }
    line
}

fn sync_line(sync: &SyncResponse) -> String {
    let mut line = format!(", head {}", sync.head);
    for result in &sync.results {
        let _ = write!(line, "; {}", result_line(result));
    }
    for change in &sync.changes {
        let _ = write!(line, "; {}", change_line(change));
    }
    let more = if sync.has_more {
        "more follows"
    } else {
        "no more pages"
    };
    let _ = write!(line, "; {more}, next from {}", position(&sync.cursor));
    line
}

fn operation_line(operation: &OperationRequest) -> String {
    let (action, id) = (operation.action, short(operation.id));
    let mut line = format!("{action:?} {} {id}", kind(operation.entity));
    if let Some(base) = operation.base_version {
        let _ = write!(line, " of v{base}");
    }
    if let Some(fields) = &operation.fields {
        let _ = write!(line, " {fields}");
    }
    let _ = write!(line, " (op {})", short(operation.op_id));
    line
}

fn result_line(result: &OperationResult) -> String {
    let op_id = result.op_id.map_or_else(|| "unknown".to_owned(), short);
    let mut line = format!("op {op_id} {:?}", result.status);
    if let Some(version) = result.version {
        let _ = write!(line, " v{version}");
    }
    if let Some(code) = &result.code {
        let _ = write!(line, " {code}");
    }
    line
}

fn change_line(change: &Change) -> String {
    let (kind, id, version, is_deleted) = match change {
        Change::Habit { record, .. } => (
            "habit",
            record.id,
            record.version,
            record.deleted_at.is_some(),
        ),
        Change::Entry { record, .. } => (
            "entry",
            record.id,
            record.version,
            record.deleted_at.is_some(),
        ),
        Change::User { seq, .. } => return format!("at {seq} settings"),
    };
    let fate = if is_deleted { " deleted" } else { "" };
    format!("at {} {kind} {} v{version}{fate}", change.seq(), short(id))
}

fn position(cursor: &str) -> String {
    kanso_protocol::parse_cursor(cursor).map_or_else(
        |_| "an unreadable cursor".to_owned(),
        |cursor| format!("{} (epoch {:04x})", cursor.seq, cursor.epoch.get() & 0xFFFF),
    )
}

const fn kind(entity: EntityName) -> &'static str {
    match entity {
        EntityName::Habit => "habit",
        EntityName::Entry => "entry",
    }
}

/// Returns the first digits of an id; they are unique enough in a short story.
fn short(id: Uuid) -> String {
    id.to_string().chars().take(8).collect()
}
