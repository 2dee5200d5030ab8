//! Concurrent writers, and readers that must not miss a change.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::join_all;
use serde_json::{Value, json};

use crate::support::{App, TestUser, new_id, operation};

const WRITERS: usize = 6;
const WRITES: usize = 100;

/// Creates entries, every second one by sync. Returns their ids.
async fn write(user: &TestUser, habit: &Value, running: &AtomicUsize) -> Vec<String> {
    let mut ids = Vec::new();
    for number in 0..WRITES {
        let id = new_id();
        let fields = json!({"habit_id": habit["id"], "completion_date": "2026-11-22"});
        if number % 2 == 0 {
            let create = operation("entry", "create", &json!(id), &json!({"fields": fields}));
            let results = user.push(json!([create])).await;
            assert_eq!(results[0]["status"], "applied");
        } else {
            let mut body = fields;
            body["id"] = json!(id);
            user.post("/entries", &body).await.expect(201);
        }
        ids.push(id);
    }
    running.fetch_sub(1, Ordering::SeqCst);
    ids
}

fn ids(records: &Value) -> Vec<String> {
    let records = records.as_array().expect("a list").iter();
    records
        .map(|it| it["id"].as_str().expect("an id").to_owned())
        .collect()
}

/// Pulls with `next`, which maps a token to ids and the next token, until it has
/// pulled once after the last write.
async fn follow<F>(running: &AtomicUsize, next: impl Fn(Option<String>) -> F) -> Vec<String>
where
    F: Future<Output = (Vec<String>, String)>,
{
    let (mut seen, mut token) = (Vec::new(), None);
    loop {
        let was_running = running.load(Ordering::SeqCst) > 0;
        let (ids, next_token) = next(token).await;
        let is_done = ids.is_empty();
        seen.extend(ids);
        token = Some(next_token);
        if !was_running && is_done {
            return seen;
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_skipped_while_six_devices_write() {
    let app = App::start().await;
    let user = app.user().await;
    let habit = user.habit("Read").await;
    let running = AtomicUsize::new(WRITERS);

    let by_cursor = follow(&running, async |token| {
        let cursor = token.map_or(String::new(), |token| format!("&cursor={token}"));
        let page = user
            .get(&format!("/sync?limit=50{cursor}"))
            .await
            .expect(200);
        let changes = page["changes"].as_array().expect("a list").iter();
        let entries: Value = changes
            .filter(|change| change["entity"] == "entry")
            .map(|change| change["record"].clone())
            .collect();
        (ids(&entries), text(&page["cursor"]))
    });
    let by_timestamp = follow(&running, async |token| {
        let since = token.map_or(String::new(), |token| format!("?since={token}"));
        let page = user.get(&format!("/entries/sync{since}")).await.expect(200);
        (ids(&page["changes"]), text(&page["timestamp"]))
    });
    let writers = join_all((0..WRITERS).map(|_| write(&user, &habit, &running)));
    let (written, by_cursor, by_timestamp) = tokio::join!(writers, by_cursor, by_timestamp);

    let written: BTreeSet<_> = written.into_iter().flatten().collect();
    assert_eq!(written.len(), WRITERS * WRITES);
    for seen in [by_cursor, by_timestamp] {
        assert_eq!(seen.len(), written.len(), "nothing comes twice");
        assert_eq!(BTreeSet::from_iter(seen), written, "nothing is skipped");
    }
}
