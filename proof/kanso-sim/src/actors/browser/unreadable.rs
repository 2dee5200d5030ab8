//! Pushes in which one operation cannot be read, as other clients send them: half of a surrogate pair,
//! an amount beyond all numbers, a version beyond 64 bits.

use kanso_client::transport::Method;
use kanso_protocol::sync::{EntityName, OperationStatus, SyncResponse};
use serde_json::json;
use tokio::time::sleep;
use uuid::Uuid;

use super::{Browser, TRIES, mark};
use crate::finding::Check;

/// Statuses of a request that reached its server and was refused for its content.
const REFUSED: [u16; 2] = [400, 422];

/// Members of an update as JSON text that make it one which cannot be carried out.
const UNREADABLE: [(&str, &str, &str); 10] = [
    (
        "half of a surrogate pair",
        "fields",
        r#"{"title":"walk \ud83d"}"#,
    ),
    (
        "an amount beyond all numbers",
        "fields",
        r#"{"value":1e400}"#,
    ),
    (
        "a version beyond 64 bits",
        "base_version",
        "18446732429235952000",
    ),
    (
        "a place beyond 64 bits",
        "fields",
        r#"{"sort_order":-18446732429235952000}"#,
    ),
    (
        "a part of a whole number",
        "fields",
        r#"{"sort_order":1.5}"#,
    ),
    ("an unknown entity", "entity", r#""note""#),
    ("an unknown action", "action", r#""rename""#),
    ("an id that is none", "id", r#""the first""#),
    ("one member twice", "fields", r#"{"title":"a","title":"b"}"#),
    ("a text that is a number", "fields", r#"{"title":7}"#),
];

/// Returns an update of the habit `id` with another value of the member `name`.
fn unreadable(op_id: Uuid, id: Uuid, name: &str, value: &str) -> String {
    let members = [
        ("op_id", format!("\"{op_id}\"")),
        ("entity", "\"habit\"".to_owned()),
        ("action", "\"update\"".to_owned()),
        ("id", format!("\"{id}\"")),
        ("base_version", "1".to_owned()),
        ("fields", r#"{"title":"a"}"#.to_owned()),
    ];
    let members = members.map(|(member, usual)| {
        let value = if member == name { value } else { &usual };
        format!("\"{member}\":{value}")
    });
    format!("{{{}}}", members.join(","))
}

impl Browser {
    /// Edits one or two habits in a push in which another operation cannot be read.
    pub(super) async fn write_beside_unreadable(&self, number: u32) {
        let chance = &self.client.chance;
        let habits = self.with(|state| {
            let seen = state.seen.iter();
            let live = seen
                .filter(|(_, (entity, _, is_deleted))| *entity == EntityName::Habit && !is_deleted);
            live.map(|(id, (_, version, _))| (*id, *version))
                .collect::<Vec<_>>()
        });
        let Some(&(id, version)) = chance.one_of(&habits) else {
            return self.read_page().await;
        };
        let (what, member, value) = UNREADABLE[chance.place(UNREADABLE.len())];
        let op_id = || kanso_client::clock::Ids::next_id(chance);
        let bad = unreadable(op_id(), id, member, value);
        let good = |member: &str| {
            let text = mark(self.client.actor, number + 1);
            let operation = json!({
                "op_id": op_id(), "entity": "habit", "action": "update", "id": id,
                "base_version": version, "fields": { member: text },
            });
            operation.to_string()
        };
        let mut operations = vec![good("title"), good("description")];
        let place = chance.place(operations.len() + 1);
        operations.insert(place, bad);
        self.client.did(format!(
            "writes title and description of {id} beside {what}"
        ));
        self.push(&operations, place, what).await;
    }

    /// Sends the operations until they are answered, and looks at the results.
    async fn push(&self, operations: &[String], bad: usize, what: &str) {
        let texts = operations.join(",");
        let body = format!(r#"{{"limit":1,"operations":[{texts}]}}"#).into_bytes();
        let wrong = |text: String| {
            let text = format!("{}: {text}", self.client.actor);
            self.client.note(Check::OthersGoOn, text);
        };
        for _ in 0..TRIES {
            let path = "/api/v1/sync".to_owned();
            let reply = self
                .client
                .ask(Method::Post, path, Some(body.clone()))
                .await;
            if let Some(reply) = reply {
                if REFUSED.contains(&reply.status) {
                    return wrong(format!("a push with {what} was refused as a whole"));
                }
                if let Ok(response) = serde_json::from_slice::<SyncResponse>(&reply.body) {
                    if let Some(text) = wrong_result(&response, operations.len(), bad) {
                        wrong(format!("in a push with {what}, {text}"));
                    }
                    return;
                }
            }
            sleep(std::time::Duration::from_secs(5)).await;
        }
    }
}

/// Returns a description of the first result that is wrong, of `sent` operations.
fn wrong_result(response: &SyncResponse, sent: usize, bad: usize) -> Option<String> {
    let results = &response.results;
    if results.len() != sent {
        return Some(format!("{sent} operations have {} results", results.len()));
    }
    results.iter().enumerate().find_map(|(place, result)| {
        let is_rejected = result.status == OperationStatus::Rejected;
        // A habit that a restore or a purge removed cannot be edited either.
        let is_missing = result.code.as_deref() == Some("habit_not_found");
        let kind = if place == bad { "bad" } else { "good" };
        let is_wrong = (is_rejected && !is_missing) != (place == bad);
        is_wrong.then(|| format!("the {kind} operation is {:?}", result.status))
    })
}
