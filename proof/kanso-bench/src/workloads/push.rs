//! `POST /sync` with one new entry: a user taps "done".

use anyhow::Context as _;
use bytes::Bytes;
use kanso_protocol::sync::SyncResponse;

use crate::connection::{Connection, RequestTemplate, beginning};
use crate::load::Workload;
use crate::users::{BenchUser, entry_fields};

/// Pushes one entry after another, each with the cursor of the last answer.
#[derive(Debug)]
pub(crate) struct Push {
    template: RequestTemplate,
    user: BenchUser,
    pushed: usize,
    /// Body of the last answer.
    answer: Bytes,
}

impl Push {
    /// Returns the workload for a user with a habit.
    pub(crate) fn new(user: BenchUser) -> anyhow::Result<Self> {
        let template = RequestTemplate::post("/api/v1/sync")?.authorized(&user.token)?;
        Ok(Self {
            template,
            user,
            pushed: 0,
            answer: Bytes::new(),
        })
    }

    /// Returns the user with the cursor of the last push.
    pub(crate) fn into_user(self) -> BenchUser {
        self.user
    }

    /// Returns the head after the last push.
    pub(crate) fn head(&self) -> anyhow::Result<i64> {
        let answer: SyncResponse = serde_json::from_slice(&self.answer)?;
        Ok(answer.head)
    }

    fn body(&mut self) -> String {
        let fields = entry_fields(self.user.habits[0], self.pushed);
        let BenchUser {
            device,
            ids,
            cursor,
            ..
        } = &mut self.user;
        let cursor = cursor.as_deref().unwrap_or_default();
        let (op_id, id) = (ids.next_id(), ids.next_id());
        // Written by hand and not by serde: the body is part of every turn, and the generator shares
        // the processor with the server.
        format!(
            r#"{{"device_id":"{device}","cursor":"{cursor}","limit":1000,"operations":[{{"op_id":"{op_id}","entity":"entry","action":"create","id":"{id}","fields":{fields}}}]}}"#
        )
    }
}

impl Workload for Push {
    async fn turn(&mut self, connection: &mut Connection) -> anyhow::Result<()> {
        let body = self.body();
        // Counted before the answer: a failed push ends the run, so no day is used twice.
        self.pushed += 1;
        let answer = connection
            .send(&self.template, body)
            .await?
            .into_success()?;
        let cursor = cursor_after_applying(&answer)
            .with_context(|| format!("a push was not applied: {}", beginning(&answer)))?;
        self.user.cursor = Some(cursor.to_owned());
        self.answer = answer;
        Ok(())
    }
}

/// Returns the cursor of an answer whose only operation was applied. It searches for text and does not
/// parse, because parsing would take processor time from the server.
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
    fn cursor_is_found_only_if_the_push_was_applied() {
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
