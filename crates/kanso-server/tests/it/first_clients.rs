//! The shapes that clients of the first version of the API read. A member may be added, and none of
//! these may go or change its type.

use serde_json::{Value, json};

use crate::support::{App, TestUser};

/// Asserts that `found` has the members of `shape`, with values of the same JSON types. An array has
/// items of the shape of its first one.
#[track_caller]
fn has_shape(found: &Value, shape: &Value) {
    match (found, shape) {
        (Value::Object(found), Value::Object(shape)) => {
            for (name, shape) in shape {
                let member = found.get(name);
                has_shape(
                    member.unwrap_or_else(|| panic!("{name} in {found:?}")),
                    shape,
                );
            }
        }
        (Value::Array(found), Value::Array(shape)) => {
            assert!(!found.is_empty(), "an item of {shape:?}");
            for item in found {
                has_shape(item, &shape[0]);
            }
        }
        (Value::String(_), Value::String(_))
        | (Value::Number(_), Value::Number(_))
        | (Value::Bool(_), Value::Bool(_)) => {}
        (found, shape) => panic!("{found} is not like {shape}"),
    }
}

fn habit() -> Value {
    json!({
        "id": "", "title": "", "description": "", "color": "", "icon": "", "sort_order": 0,
        "type": "", "frequency_type": "", "weekdays": [1], "interval": 1, "target_value": 1,
        "unit": "", "reminder_time": "", "current_streak": 0, "longest_streak": 0, "version": 1,
        "created_at": "", "updated_at": ""
    })
}

fn entry() -> Value {
    json!({
        "id": "", "habit_id": "", "completion_date": "", "value": 1, "notes": "", "version": 1,
        "created_at": "", "updated_at": ""
    })
}

async fn new_habit(user: &TestUser) -> Value {
    let body = json!({
        "title": "Read", "description": "before bed", "color": "#112233", "icon": "book",
        "type": "numeric", "reminder_time": "21:30", "unit": "pages", "target_value": 20,
        "interval": 1, "weekdays": [1, 3, 5], "frequency_type": "specific_days"
    });
    user.post("/habits", &body).await.expect(201)
}

async fn new_entry(user: &TestUser, habit: &Value) -> Value {
    let body = json!({
        "habit_id": habit["id"], "completion_date": "2026-11-22T10:00:00Z", "value": 20,
        "notes": "all of it"
    });
    user.post("/entries", &body).await.expect(201)
}

fn path(kind: &str, record: &Value) -> String {
    format!("/{kind}/{}", record["id"].as_str().expect("an id"))
}

#[tokio::test]
async fn health_says_ok() {
    let app = App::start().await;
    let health = app.get("/health").await.expect(200);
    assert_eq!(
        (&health["status"], &health["database"]),
        (&json!("ok"), &json!("connected"))
    );
}

#[tokio::test]
async fn accounts_have_their_shapes() {
    let app = App::start().await;
    let body = json!({"email": "first@example.org", "password": "two slow kettles"});
    let registered = app.post("/api/v1/auth/register", &body).await.expect(201);
    has_shape(&registered, &json!({"id": "", "email": ""}));
    let logged_in = app.post("/api/v1/auth/login", &body).await.expect(200);
    has_shape(
        &logged_in,
        &json!({"token": "", "user": {"id": "", "email": ""}}),
    );
    let refused = app.post("/api/v1/auth/register", &body).await;
    has_shape(&refused.refused(409, "email_taken"), &json!({"error": ""}));
}

#[tokio::test]
async fn habits_have_their_shapes() {
    let app = App::start().await;
    let user = app.user().await;
    let created = new_habit(&user).await;
    has_shape(&created, &habit());
    has_shape(&user.get("/habits").await.expect(200), &json!([habit()]));
    let page = user.get("/habits/sync").await.expect(200);
    has_shape(&page, &json!({"changes": [habit()], "timestamp": ""}));
    let update = json!({"version": 1, "title": "Write", "interval": 1, "weekdays": [2]});
    user.put(&path("habits", &created), &update)
        .await
        .expect(200);
    let stale = user
        .put(
            &path("habits", &created),
            &json!({"version": 1, "title": "x"}),
        )
        .await;
    has_shape(&stale.refused(409, "conflict"), &json!({"error": ""}));
    let deleted = user.delete(&path("habits", &created)).await;
    deleted.expect(204);
    assert!(deleted.body.is_empty());
}

#[tokio::test]
async fn entries_have_their_shapes() {
    let app = App::start().await;
    let user = app.user().await;
    let read = new_habit(&user).await;
    let created = new_entry(&user, &read).await;
    has_shape(&created, &entry());
    let list = format!("/entries?habit_id={}", read["id"].as_str().expect("an id"));
    has_shape(&user.get(&list).await.expect(200), &json!([entry()]));
    let page = user.get("/entries/sync").await.expect(200);
    has_shape(&page, &json!({"changes": [entry()], "timestamp": ""}));
    let update = json!({"version": 1, "value": 10, "notes": "half"});
    let updated = user
        .put(&path("entries", &created), &update)
        .await
        .expect(200);
    has_shape(&updated, &entry());
    user.delete(&path("entries", &created)).await.expect(204);
}

/// A client that reads everything also learns what was deleted.
#[tokio::test]
async fn changes_without_a_time_have_tombstones() {
    let app = App::start().await;
    let user = app.user().await;
    let (kept, dropped) = (new_habit(&user).await, new_habit(&user).await);
    let entry = new_entry(&user, &kept).await;
    user.delete(&path("entries", &entry)).await.expect(204);
    user.delete(&path("habits", &dropped)).await.expect(204);
    for (route, record) in [("/habits/sync", &dropped), ("/entries/sync", &entry)] {
        let page = user.get(route).await.expect(200);
        let changes = page["changes"].as_array().expect("a list");
        let found = changes.iter().find(|it| it["id"] == record["id"]);
        assert!(
            found.expect("a tombstone")["deleted_at"].is_string(),
            "{page}"
        );
    }
    // A new device of `/sync` has nothing to remove.
    let page = user.get("/sync").await.expect(200);
    assert_eq!(page["changes"].as_array().map(Vec::len), Some(1), "{page}");
}

#[tokio::test]
async fn weekly_progress_is_a_number_for_each_day() {
    let app = App::start().await;
    let user = app.user().await;
    let read = new_habit(&user).await;
    new_entry(&user, &read).await;
    let half = json!({"habit_id": read["id"], "completion_date": "2026-11-21", "value": 2.5});
    user.post("/entries", &half).await.expect(201);
    let weekly = user.get("/stats/weekly").await.expect(200);
    let of_habit = json!({
        "habit_id": "", "habit_title": "", "color": "", "icon": "", "target_value": 1,
        "unit": "", "total_value": 1, "days_completed": 1, "daily_progress": [0]
    });
    let shape = json!({
        "start_date": "", "end_date": "", "total_habits": 1, "habits": [of_habit]
    });
    has_shape(&weekly, &shape);
    let progress = &weekly["habits"][0]["daily_progress"];
    assert_eq!(*progress, json!([0, 0, 0, 0, 0, 2.5, 20]));
    let days = weekly["habits"][0]["days"].as_array().expect("days");
    let values: Vec<_> = days.iter().map(|day| day["value"].clone()).collect();
    assert_eq!(*progress, json!(values));
}
