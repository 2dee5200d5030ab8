//! The texts of deleted records: kept for a while, then erased, or erased at once.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{App, TestUser, new_id, operation};

const CANARY: &str = "canary-7c41";

/// Returns true if a file of the server has the texts.
fn is_on_disk(folder: &Path) -> bool {
    let files = fs::read_dir(folder).expect("a folder");
    let mut contents = files.map(|file| fs::read(file.expect("a file").path()).expect("a file"));
    contents.any(|bytes| {
        bytes
            .windows(CANARY.len())
            .any(|window| window == CANARY.as_bytes())
    })
}

/// Waits until the texts have left the files: the log of SQLite is emptied in the background.
async fn wait_until_erased(folder: &Path) {
    for _ in 0..300 {
        if !is_on_disk(folder) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the texts are still in the files of the database");
}

/// Creates a habit and an entry with texts.
async fn with_texts(person: &TestUser) -> (Value, Value) {
    let members = json!({"title": format!("Take {CANARY}"), "description": CANARY, "unit": CANARY});
    let habit = person.habit_with(&members).await;
    let body = json!({
        "habit_id": habit["id"], "completion_date": "2026-11-22", "notes": format!("{CANARY} twice")
    });
    let entry = person.post("/entries", &body).await.expect(201);
    (habit, entry)
}

fn path(kind: &str, record: &Value) -> String {
    format!("/{kind}/{}", record["id"].as_str().expect("an id"))
}

/// Returns the tombstone of a record as a pull delivers it.
async fn tombstone(person: &TestUser, kind: &str, of: &Value) -> Value {
    let delta = person.get(&format!("/{kind}/sync")).await.expect(200);
    let records = delta["changes"].as_array().expect("a list").iter();
    let mut found = records.filter(|record| record["id"] == of["id"]);
    found.next().expect("the tombstone").clone()
}

#[tokio::test]
async fn texts_of_a_deleted_record_leave_the_database_after_their_retention() {
    let app = App::start().await;
    let person = app.user().await;
    let (habit, entry) = with_texts(&person).await;
    let kept = person.habit("Run").await;
    let of_kept = person.entry(&kept).await;
    person.delete(&path("habits", &habit)).await.expect(204);
    person.delete(&path("entries", &of_kept)).await.expect(204);

    let (app, person) = app.restarted("2026-12-21T12:00:00Z", &person).await;
    assert!(is_on_disk(app.data_dir()), "29 days later");
    let before = tombstone(&person, "habits", &habit).await;
    assert_eq!(before["title"], habit["title"]);

    let (app, person) = app.restarted("2026-12-23T12:00:00Z", &person).await;
    assert!(!is_on_disk(app.data_dir()), "31 days later");
    let after = tombstone(&person, "habits", &habit).await;
    assert_eq!(after["title"], "\u{2026}");
    assert_eq!([&after["description"], &after["unit"]], ["", ""]);
    assert_eq!(after["version"], before["version"]);
    assert_eq!(after["deleted_at"], before["deleted_at"]);
    // What it is revived with has to come from the client now.
    let revive = |fields| {
        let members = json!({"base_version": after["version"], "revive": true, "fields": fields});
        json!([operation("habit", "update", &habit["id"], &members)])
    };
    let untitled = person.push(revive(json!({"color": "#112233"}))).await;
    assert_eq!(untitled[0]["status"], "rejected", "{untitled:?}");
    assert_eq!(untitled[0]["errors"][0]["pointer"], "/fields/title");
    let titled = person.push(revive(json!({"title": "Vitamins"}))).await;
    assert_eq!(titled[0]["status"], "applied", "{titled:?}");
    let entry = person.get(&path("entries", &entry)).await.expect(200);
    assert_eq!((&entry["notes"], &entry["value"]), (&json!(""), &json!(1)));
}

#[tokio::test]
async fn a_deletion_with_purge_erases_the_texts_at_once() {
    let app = App::with_workers().await;
    let person = app.user().await;
    let (habit, entry) = with_texts(&person).await;
    let refused = person.delete("/habits/x?purge=yes").await;
    assert_eq!(refused.status, 404);
    let bad = format!("{}?purge=yes", path("habits", &habit));
    let bad = person.delete(&bad).await;
    bad.refused(400, "invalid_parameter");

    // Also of what was deleted before.
    person.delete(&path("entries", &entry)).await.expect(204);
    let purge = format!("{}?purge=true", path("entries", &entry));
    person.delete(&purge).await.expect(204);
    assert_eq!(tombstone(&person, "entries", &entry).await["notes"], "");
    let purge = format!("{}?purge=true", path("habits", &habit));
    person.delete(&purge).await.expect(204);
    let title = &tombstone(&person, "habits", &habit).await["title"];
    assert_eq!(title, "\u{2026}");
    wait_until_erased(app.data_dir()).await;
}

#[tokio::test]
async fn a_pushed_delete_can_purge() {
    let app = App::with_workers().await;
    let person = app.user().await;
    let (habit, _) = with_texts(&person).await;
    let purge = |action, id: &Value, more: Value| {
        let mut members = json!({"purge": true});
        let all = members.as_object_mut().expect("an object");
        all.extend(more.as_object().expect("an object").clone());
        operation("habit", action, id, &members)
    };
    let create = purge(
        "create",
        &json!(new_id()),
        json!({"fields": {"title": "Run"}}),
    );
    let delete = purge("delete", &habit["id"], json!({}));
    let results = person.push(json!([create, delete, delete])).await;
    assert_eq!(results[0]["status"], "rejected");
    assert_eq!(results[0]["errors"][0]["pointer"], "/purge");
    assert_eq!(results[1]["status"], "applied");
    assert_eq!(results[2]["status"], "duplicate");
    let title = &tombstone(&person, "habits", &habit).await["title"];
    assert_eq!(title, "\u{2026}");
    wait_until_erased(app.data_dir()).await;
}
