//! Isolation: another user's records cannot be observed.

use serde_json::{Value, json};

use crate::support::{Answer, App, Document, Operation, TestUser, new_id, operation};

const CANARY: &str = "canary of the other user";

/// Returns a body that the endpoint accepts if the user owns the named record.
fn body(operation: &Operation<'_>, habit: &str, entry: &str) -> Option<Value> {
    Some(match operation.about["operationId"].as_str()? {
        "create_habit" => json!({"id": habit, "title": "mine"}),
        "update_habit" | "patch_habit" => json!({"version": 1, "title": "mine"}),
        "create_entry" => json!({"habit_id": habit, "completion_date": "2026-11-22"}),
        "update_entry" | "patch_entry" => json!({"version": 1, "value": 2}),
        "change_settings" => json!({"week_start": "sunday"}),
        "change_password" => {
            json!({"current_password": "not the right one", "new_password": "two slow kettles"})
        }
        "change_email" => json!({"email": "a@b.c", "password": "not the right one"}),
        "export_account_with_password" => json!({"password": "not the right one"}),
        "sync" => json!({"operations": outbox(habit, entry)}),
        _ => return None,
    })
}

fn outbox(habit: &str, entry: &str) -> Value {
    let update = json!({"base_version": 1, "fields": {}});
    let create = json!({"fields": {"habit_id": habit, "completion_date": "2026-11-22"}});
    json!([
        operation("habit", "update", &json!(habit), &update),
        operation("habit", "delete", &json!(habit), &json!({})),
        operation("entry", "update", &json!(entry), &update),
        operation("entry", "delete", &json!(entry), &json!({})),
        operation("entry", "create", &json!(new_id()), &create),
    ])
}

/// Calls the endpoint with ids of its kind.
async fn call(user: &TestUser, operation: &Operation<'_>, habit: &str, entry: &str) -> Answer {
    let id = if operation.path.contains("/habits") {
        habit
    } else {
        entry
    };
    let path = operation
        .path
        .trim_start_matches("/api/v1")
        .replace("{id}", id);
    let query = match operation.about["operationId"].as_str() {
        Some("list_entries") => format!("?habit_id={habit}&from=2026-01-01"),
        Some("get_heatmap") => format!("?habit_id={habit}"),
        _ => String::new(),
    };
    let call = user.call(operation.method.clone(), &format!("{path}{query}"));
    match body(operation, habit, entry) {
        Some(body) => call.json(&body).await,
        None => call.await,
    }
}

/// Returns the body without the members that differ between any two requests.
fn comparable(answer: &Answer) -> Value {
    let mut body = answer.json();
    if answer.status == 404 || !body.is_object() {
        return json!(answer.body);
    }
    for member in [
        "request_id",
        "id",
        "created_at",
        "updated_at",
        "timestamp",
        "cursor",
        "ticket",
    ] {
        body[member].take();
    }
    for result in body["results"].as_array_mut().into_iter().flatten() {
        result["op_id"].take();
        result["waits_for"]["id"].take();
    }
    body
}

#[tokio::test]
async fn no_endpoint_distinguishes_foreign_records_from_missing_ones() {
    let app = App::start().await;
    let stranger = app.user().await;
    let habit = stranger.habit(CANARY).await;
    let members =
        json!({"habit_id": habit["id"], "completion_date": "2026-11-22", "notes": CANARY});
    let entry = stranger.post("/entries", &members).await.expect(201);
    let id = |record: &Value| record["id"].as_str().expect("an id").to_owned();
    let before = stranger.get("/sync").await.expect(200);

    let mut compared = 0;
    for operation in Document::of_the_code().operations() {
        let name = operation.about["operationId"].as_str().expect("a name");
        // Endpoints that end the session, need none, or do not end.
        let is_other = [
            "logout",
            "delete_account",
            "register",
            "login",
            "refresh",
            "stream",
        ];
        if is_other.contains(&name) || !operation.path.starts_with("/api/v1/") {
            continue;
        }
        let (curious, control) = (app.user().await, app.user().await);
        let theirs = call(&curious, &operation, &id(&habit), &id(&entry)).await;
        let nobodys = call(&control, &operation, &new_id(), &new_id()).await;
        assert_eq!(theirs.status, nobodys.status, "{name}");
        assert!(theirs.status < 500, "{name}: {theirs}");
        // Endpoints that return the account.
        if ![
            "get_account",
            "change_settings",
            "export_account",
            "list_sessions",
            "list_events",
        ]
        .contains(&name)
        {
            assert_eq!(comparable(&theirs), comparable(&nobodys), "{name}");
        }
        let text = String::from_utf8_lossy(&theirs.body);
        assert!(!text.contains(CANARY), "{name}: {theirs}");
        if operation.path.contains("{id}") || name == "get_heatmap" {
            assert_eq!(theirs.status, 404, "{name}");
        }
        compared += 1;
    }
    assert_eq!(compared, 37);
    assert_eq!(
        stranger.get("/sync").await.expect(200),
        before,
        "nothing was changed"
    );
}

#[tokio::test]
async fn two_users_may_use_the_same_id() {
    let app = App::start().await;
    let (one, other) = (app.user().await, app.user().await);
    let id = new_id();
    for (user, title) in [(&one, "mine"), (&other, "yours")] {
        user.post("/habits", &json!({"id": id, "title": title}))
            .await
            .expect(201);
    }
    let path = format!("/habits/{id}");
    other.delete(&path).await.expect(204);
    assert_eq!(one.get(&path).await.expect(200)["title"], "mine");
}

#[tokio::test]
async fn malformed_id_is_not_found() {
    let app = App::start().await;
    let user = app.user().await;
    for kind in ["habit", "entry"] {
        let plural = if kind == "habit" { "habits" } else { "entries" };
        let code = format!("{kind}_not_found");
        let unknown = user.get(&format!("/{plural}/{}", new_id())).await;
        unknown.refused(404, &code);
        let braced = format!("%7B{}%7D", new_id());
        let plain = new_id().replace('-', "");
        for id in [
            "nonsense",
            "1",
            "%00",
            "%FF",
            "%ZZ",
            "..%2F..%2Fetc%2Fpasswd",
            "'%20OR%201=1",
            &braced,
            &plain,
        ] {
            let answer = user.get(&format!("/{plural}/{id}")).await;
            answer.refused(404, &code);
            assert_eq!(answer.body, unknown.body, "{id}");
        }
    }
}
