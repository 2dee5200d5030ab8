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

/// Members of an update that cannot be carried out, as JSON text. The id stands for `ID`.
const UNREADABLE: [(&str, &str); 10] = [
    (
        "half of a surrogate pair",
        r#""entity":"habit","action":"update","id":"ID","base_version":1,"fields":{"title":"walk \ud83d"}"#,
    ),
    (
        "an amount beyond all numbers",
        r#""entity":"entry","action":"update","id":"ID","base_version":1,"fields":{"value":1e400}"#,
    ),
    (
        "a version beyond 64 bits",
        r#""entity":"habit","action":"update","id":"ID","base_version":18446732429235952000,"fields":{"title":"a"}"#,
    ),
    (
        "a place beyond 64 bits",
        r#""entity":"habit","action":"update","id":"ID","base_version":1,"fields":{"sort_order":-18446732429235952000}"#,
    ),
    (
        "a part of a whole number",
        r#""entity":"habit","action":"update","id":"ID","base_version":1,"fields":{"sort_order":1.5}"#,
    ),
    (
        "an unknown entity",
        r#""entity":"note","action":"update","id":"ID","base_version":1,"fields":{"title":"a"}"#,
    ),
    (
        "an unknown action",
        r#""entity":"habit","action":"rename","id":"ID","base_version":1,"fields":{"title":"a"}"#,
    ),
    (
        "an id that is none",
        r#""entity":"habit","action":"update","id":"the first","base_version":1,"fields":{"title":"a"}"#,
    ),
    (
        "one member twice",
        r#""entity":"habit","action":"update","id":"ID","base_version":1,"fields":{"title":"a","title":"b"}"#,
    ),
    (
        "a text that is a number",
        r#""entity":"habit","action":"update","id":"ID","base_version":1,"fields":{"title":7}"#,
    ),
];

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
        let (what, members) = UNREADABLE[chance.place(UNREADABLE.len())];
        let op_id = || kanso_client::clock::Ids::next_id(chance);
        let members = members.replace("ID", &id.to_string());
        let unreadable = (op_id(), format!(r#"{{"op_id":"OP",{members}}}"#));
        let healthy = |member: &str| {
            let text = mark(self.client.actor, number + 1);
            let operation = json!({
                "op_id": "OP", "entity": "habit", "action": "update", "id": id,
                "base_version": version, "fields": { member: text },
            });
            (op_id(), operation.to_string())
        };
        let mut operations = vec![healthy("title"), healthy("description")];
        let place = chance.place(operations.len() + 1);
        operations.insert(place, unreadable);
        self.client.did(format!(
            "writes title and description of {id} beside {what}"
        ));
        self.push(&operations, place, what).await;
    }

    /// Sends the operations until they are answered, and looks at the results.
    async fn push(&self, operations: &[(Uuid, String)], unreadable: usize, what: &str) {
        let texts = operations
            .iter()
            .map(|(op_id, text)| text.replace("OP", &op_id.to_string()));
        let texts = texts.collect::<Vec<_>>().join(",");
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
                    if let Some(text) = wrong_result(&response, operations, unreadable) {
                        wrong(format!("in a push with {what}, {text}"));
                    }
                    return;
                }
            }
            sleep(std::time::Duration::from_secs(5)).await;
        }
    }
}

/// Returns a description of the first result that is wrong.
fn wrong_result(
    response: &SyncResponse,
    operations: &[(Uuid, String)],
    unreadable: usize,
) -> Option<String> {
    let (results, sent) = (response.results.len(), operations.len());
    if results != sent {
        return Some(format!("{sent} operations have {results} results"));
    }
    let statuses = response.results.iter().enumerate();
    statuses
        .map(|(place, result)| {
            let is_rejected = result.status == OperationStatus::Rejected;
            // A habit that a restore or a purge removed cannot be edited either.
            let is_missing = result.code.as_deref() == Some("habit_not_found");
            (place, is_rejected && !is_missing)
        })
        .find(|(place, is_rejected)| *is_rejected != (*place == unreadable))
        .map(|(place, _)| {
            let status = response.results[place].status;
            let kind = if place == unreadable { "bad" } else { "good" };
            format!("the {kind} operation is {status:?}")
        })
}
