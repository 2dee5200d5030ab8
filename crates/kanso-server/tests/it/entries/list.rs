//! The list of entries, its filter, and changes since an instant.

use serde_json::{Value, json};

use super::{create, notes, path};
use crate::support::{App, new_id};

#[tokio::test]
async fn the_list_is_filtered_and_reaches_back_thirty_days() {
    let app = App::start().await;
    let user = app.user().await;
    let (read, run) = (user.habit("Read").await, user.habit("Run").await);
    for (habit, date) in [
        (&read, "2026-11-22T20:00:00Z"),
        (&read, "2026-11-01"),
        (&run, "2026-10-24"),
        (&run, "2026-10-23"),
        (&read, "2026-01-01"),
    ] {
        create(
            &user,
            habit,
            &json!({"completion_date": date, "notes": date}),
        )
        .await;
    }
    let id = |habit: &Value| habit["id"].as_str().expect("an id").to_owned();
    for (query, expected) in [
        (
            String::new(),
            &["2026-11-22T20:00:00Z", "2026-11-01", "2026-10-24"] as &[_],
        ),
        (format!("?habit_id={}", id(&run)), &["2026-10-24"]),
        (format!("?habit_id={}", new_id()), &[]),
        ("?from=2026-11-02".into(), &["2026-11-22T20:00:00Z"]),
        (
            "?to=2026-11-01".into(),
            &["2026-11-01", "2026-10-24", "2026-10-23"],
        ),
        (
            "?from=2025-12-31&to=2026-10-23".into(),
            &["2026-10-23", "2026-01-01"],
        ),
        (
            "?from=2026-11-22T20:00:00Z".into(),
            &["2026-11-22T20:00:00Z"],
        ),
        ("?from=2026-11-22T20:00:01Z".into(), &[]),
        (
            "?from=2026-11-22T21:00:00+01:00".into(),
            &["2026-11-22T20:00:00Z"],
        ),
        (
            format!("?habit_id={}&from=2026-10-01&to=2026-10-31", id(&run)),
            &["2026-10-24", "2026-10-23"],
        ),
    ] {
        let list = user.get(&format!("/entries{query}")).await.expect(200);
        assert_eq!(notes(&list), expected, "{query}");
    }
}

#[tokio::test]
async fn parameters_are_read_strictly() {
    let app = App::start().await;
    let user = app.user().await;
    for (query, pointers) in [
        ("?from=yesterday", &["/from"] as &[_]),
        (
            "?from=2026-02-30&to=x&habit_id=y",
            &["/from", "/to", "/habit_id"],
        ),
        ("?from=2026-11-02&to=2026-11-01", &["/from"]),
        (
            "?from=2026-11-02T00:00:01Z&to=2026-11-02T00:00:00Z",
            &["/from"],
        ),
        ("?from=2026-11-20T00:00:00Z&to=2026-11-01", &["/from"]),
        ("?limit=0", &["/limit"]),
        ("?from=2026-11-01&from=2026-11-02", &["/from"]),
        ("/sync?last_sync=2026-11-22T00:00:00Z", &["/last_sync"]),
        ("/sync?since=now", &["/since"]),
    ] {
        let answer = user.get(&format!("/entries{query}")).await;
        answer.refused(400, "invalid_parameter");
        answer.invalid(400, pointers);
    }
}

#[tokio::test]
async fn changes_since_the_last_answer_are_exact() {
    let app = App::start().await;
    let user = app.user().await;
    let (read, run) = (user.habit("Read").await, user.habit("Run").await);
    let edited = create(&user, &read, &json!({"notes": "edited"})).await;
    let deleted = create(&user, &read, &json!({"notes": "deleted"})).await;
    create(&user, &run, &json!({"notes": "implied"})).await;
    let first = user.get("/entries/sync").await.expect(200);
    assert_eq!(notes(&first["changes"]), ["edited", "deleted", "implied"]);

    user.put(&path(&edited), &json!({"version": 1, "value": 7}))
        .await
        .expect(200);
    user.delete(&path(&deleted)).await.expect(204);
    let run_path = format!("/habits/{}", run["id"].as_str().expect("an id"));
    user.delete(&run_path).await.expect(204);
    for token in [&first["timestamp"], &first["cursor"]] {
        let query = format!("/entries/sync?since={}", token.as_str().expect("a text"));
        let delta = user.get(&query).await.expect(200);
        assert_eq!(notes(&delta["changes"]), ["edited", "deleted"]);
        assert_eq!(delta["changes"][0]["value"], 7);
        assert!(delta["changes"][1]["deleted_at"].is_string());
    }
    let full = user.get("/entries/sync").await.expect(200);
    assert_eq!(notes(&full["changes"]), ["edited", "deleted"]);
}
