//! Conditional writes through a proxy that compresses: it makes entity tags weak, or appends its coding
//! to them.

use kanso_client::transport::Method;
use kanso_protocol::sync::EntityName;
use serde_json::{Value, json};

use super::Browser;
use crate::finding::Check;

/// Entity tags as proxies change them; `V` is the version.
const CHANGED: [&str; 5] = [
    "W/\"V\"",
    "\"V-gzip\"",
    "\"V;br\"",
    "W/\"V--gzip\"",
    "\"V\"",
];

impl Browser {
    /// Writes the title that a habit has to it, if it still has the version of the tag. So nothing
    /// changes, and the answer shows how the tag was read.
    pub(super) async fn write_with_changed_tag(&self) {
        let habits = self.with(|state| {
            let seen = state.seen.iter();
            let habits = seen
                .filter(|(_, (entity, _, is_deleted))| *entity == EntityName::Habit && !is_deleted);
            habits.map(|(id, _)| *id).collect::<Vec<_>>()
        });
        let Some(id) = self.client.chance.one_of(&habits).copied() else {
            return self.read_page().await;
        };
        let path = format!("/api/v1/habits/{id}");
        let read = || async {
            let reply = self.client.ask(Method::Get, path.clone(), None).await?;
            let body: Value = serde_json::from_slice(&reply.body).ok()?;
            Some((body.get("version")?.as_i64()?, body.get("title")?.clone()))
        };
        let (Some((version, title)), Some(token)) = (read().await, self.client.token().await)
        else {
            return;
        };
        let changed = CHANGED[self.client.chance.place(CHANGED.len())];
        let tag = changed.replace('V', &version.to_string());
        self.client
            .did(format!("writes to {id} if it still is {tag}"));
        let body = json!({ "title": title }).to_string().into_bytes();
        let link = &self.client.link;
        let status = link.patch(&path, token, Some(&tag), body).await;
        // Another write may have come between, or a restore; then the tag was rightly refused.
        if status == Some(412)
            && !self.client.plan.may_restore()
            && read().await.is_some_and(|(now, _)| now == version)
        {
            let actor = self.client.actor;
            let what = format!("{actor} wrote to version {version} of {id} by {tag}, and got 412");
            self.client.note(Check::OthersGoOn, what);
        }
    }
}
