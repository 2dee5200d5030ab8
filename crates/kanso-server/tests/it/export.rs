//! `/api/v1/auth/user/export`

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::{App, TestUser, new_id, operation};

/// Returns the lines of an export.
async fn exported(user: &TestUser) -> Vec<Value> {
    let answer = user.get("/auth/user/export").await;
    assert_eq!(
        answer.header("content-disposition"),
        "attachment; filename=\"kanso-export.ndjson\""
    );
    answer.lines()
}

fn of_type(lines: &[Value], name: &str) -> Vec<Value> {
    let of_type = |line: &&Value| line["type"] == name;
    lines.iter().filter(of_type).cloned().collect()
}

/// Returns the records of an export by id, in the form that a device receives.
fn records(lines: &[Value]) -> BTreeMap<String, Value> {
    let record = |line: Value| {
        let id = line["record"]["id"].as_str().unwrap_or("settings");
        (id.to_owned(), line["record"].clone())
    };
    of_type(lines, "record").into_iter().map(record).collect()
}

#[tokio::test]
async fn export_contains_all_data_of_the_user() {
    let app = App::start().await;
    let user = app.user_in("Europe/Rome").await;
    app.log_in(&user.email).await;
    let (kept, gone) = (user.habit("Read").await, user.habit("Smoke").await);
    user.done(&kept, &["2026-11-20", "2026-11-21"]).await;
    let path = format!("/habits/{}", gone["id"].as_str().expect("an id"));
    user.delete(&path).await.expect(204);
    let device = new_id();
    let body = json!({"device_id": device, "operations": []});
    user.post("/sync", &body).await.expect(200);

    let lines = exported(&user).await;
    let mut account = user.get("/auth/user").await.expect(200);
    // The quota is that of the server, and no data of the user.
    account.as_object_mut().expect("an object").remove("quota");
    assert_eq!(lines[0]["type"], "begin");
    assert_eq!(lines[0]["format"], 1);
    assert_eq!(lines[0]["account"], account);
    assert_eq!(of_type(&lines, "device")[0]["id"], json!(device));
    let sessions = of_type(&lines, "session");
    assert_eq!(sessions.len(), 2);
    assert!(sessions[0]["created_at"].as_str() <= sessions[1]["created_at"].as_str());

    let records = records(&lines);
    assert_eq!(records.len(), 5, "settings, two habits, two entries");
    let of = |record: &Value| &records[record["id"].as_str().expect("an id")];
    let shown = user.get(&format!("/habits/{}", kept["id"].as_str().expect("an id")));
    assert_eq!(*of(&kept), shown.await.expect(200), "with its streak");
    assert!(of(&gone)["deleted_at"].is_string(), "{records:?}");

    let end = lines.last().expect("an end");
    let page = user.get("/sync").await.expect(200);
    assert_eq!(
        *end,
        json!({
            "type": "end", "head": page["head"], "digest": page["digest"],
            "devices": 1, "sessions": 2, "events": of_type(&lines, "event").len(), "records": 5
        })
    );
}

#[tokio::test]
async fn export_contains_no_secrets_and_no_foreign_data() {
    let app = App::start().await;
    let (user, other) = (app.user().await, app.user().await);
    other.habit("canary of the other user").await;
    user.habit("Read").await;
    let text = user.get("/auth/user/export").await.body;
    let text = String::from_utf8(text).expect("UTF-8");
    for secret in [
        "canary",
        &other.email,
        "argon2",
        "hash",
        "kr1_",
        &user.token,
    ] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
}

/// Exports more than one page.
#[tokio::test]
async fn long_history_is_exported_page_by_page() {
    let app = App::start().await;
    let user = app.user().await;
    let habit = user.habit("Read").await;
    for _ in 0..3 {
        let create = |_| {
            let fields = json!({"habit_id": habit["id"], "completion_date": "2026-11-20"});
            operation(
                "entry",
                "create",
                &json!(new_id()),
                &json!({"fields": fields}),
            )
        };
        let outbox: Vec<_> = (0..500).map(create).collect();
        user.push(json!(outbox)).await;
    }
    let lines = exported(&user).await;
    let entries = records(&lines);
    assert_eq!(entries.len(), 1_501);
    let end = lines.last().expect("an end");
    assert_eq!(end["records"], 1_501);
}

#[tokio::test]
async fn export_requires_authentication() {
    let app = App::start().await;
    let user = app.user().await;
    app.get("/api/v1/auth/user/export")
        .await
        .refused(401, "unauthorized");
    user.delete("/auth/user").await.expect(200);
    let gone = user.get("/auth/user/export").await;
    gone.refused(401, "unauthorized");
}
