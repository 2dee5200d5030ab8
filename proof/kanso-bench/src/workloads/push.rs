//! `POST /sync` with one new entry: a person taps "done".

use anyhow::Context as _;
use bytes::Bytes;
use kanso_protocol::sync::SyncResponse;

use crate::connection::{Call, Connection, beginning};
use crate::load::Worker;
use crate::people::{Person, entry_fields};

/// Pushes one entry after another, each from the cursor that the last answer gave.
#[derive(Debug)]
pub(crate) struct Push {
    call: Call,
    person: Person,
    pushed: usize,
    /// The last answer.
    answer: Bytes,
}

impl Push {
    /// The pushes of a person who has a habit.
    pub(crate) fn new(person: Person) -> anyhow::Result<Self> {
        let call = Call::post("/api/v1/sync")?.authorized(&person.token)?;
        Ok(Self {
            call,
            person,
            pushed: 0,
            answer: Bytes::new(),
        })
    }

    /// The person again, the device as far as it got.
    pub(crate) fn into_person(self) -> Person {
        self.person
    }

    /// Where the history stood after the last push.
    pub(crate) fn head(&self) -> anyhow::Result<i64> {
        let answer: SyncResponse = serde_json::from_slice(&self.answer)?;
        Ok(answer.head)
    }

    fn body(&mut self) -> String {
        let fields = entry_fields(self.person.habits[0], self.pushed);
        let Person {
            device,
            ids,
            cursor,
            ..
        } = &mut self.person;
        let cursor = cursor.as_deref().unwrap_or_default();
        let (op_id, id) = (ids.next(), ids.next());
        format!(
            r#"{{"device_id":"{device}","cursor":"{cursor}","limit":1000,"operations":[{{"op_id":"{op_id}","entity":"entry","action":"create","id":"{id}","fields":{fields}}}]}}"#
        )
    }
}

impl Worker for Push {
    async fn turn(&mut self, connection: &mut Connection) -> anyhow::Result<()> {
        let body = self.body();
        self.pushed += 1;
        let answer = connection.send(&self.call, body).await?.into_success()?;
        let cursor = cursor_after_applying(&answer)
            .with_context(|| format!("a push was not applied: {}", beginning(&answer)))?;
        self.person.cursor = Some(cursor.to_owned());
        self.answer = answer;
        Ok(())
    }
}

/// The cursor of an answer whose only operation was applied. A search for bytes: parsing would
/// take processor time from the server.
fn cursor_after_applying(answer: &Bytes) -> Option<&str> {
    let answer = std::str::from_utf8(answer).ok()?;
    let (_, after_status) = answer.split_once(r#""status":"applied""#)?;
    let (_, from_cursor) = after_status.split_once(r#""cursor":""#)?;
    let (cursor, _) = from_cursor.split_once('"')?;
    Some(cursor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cursor_is_only_found_when_the_push_was_applied() {
        let answer = |status: &str| {
            let text = format!(
                r#"{{"results":[{{"op_id":"0","status":"{status}"}}],"changes":[],"cursor":"k1_x","head":1}}"#
            );
            cursor_after_applying(&text.into()).map(str::to_owned)
        };
        assert_eq!(answer("applied").as_deref(), Some("k1_x"));
        assert_eq!(answer("duplicate"), None);
    }
}
