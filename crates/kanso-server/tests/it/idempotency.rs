//! `Idempotency-Key`: REST writes that a client may retry.

use serde_json::{Value, json};

use crate::support::{App, new_id};

const HEADER: &str = "idempotency-key";

#[tokio::test]
async fn a_repeated_create_creates_once_and_answers_the_same() {
    let app = App::start().await;
    let user = app.user().await;
    for key in [
        new_id(),
        "\"tick of today\"".replace(' ', "-"),
        "x".repeat(255),
    ] {
        let create = || {
            let body = json!({"title": "Read"});
            user.post("/habits", &body).header(HEADER, &key)
        };
        let first = create().await;
        let again = create().await;
        assert_eq!(first.expect(201), again.expect(201));
        assert_eq!(first.header("location"), again.header("location"));
        assert_eq!(first.header("idempotency-replayed"), "");
        assert_eq!(again.header("idempotency-replayed"), "true");
    }
    let habits = user.get("/habits").await.expect(200);
    assert_eq!(
        habits["habits"]
            .as_array()
            .or(habits.as_array())
            .map(Vec::len),
        Some(3)
    );
}

#[tokio::test]
async fn a_repeated_change_has_one_effect() {
    let app = App::start().await;
    let user = app.user().await;
    let habit = user.habit("Read").await;
    let path = format!("/habits/{}", habit["id"].as_str().expect("an id"));
    let (edit, removal) = (new_id(), new_id());
    let update = || {
        let body = json!({"version": 1, "title": "Run"});
        user.put(&path, &body).header(HEADER, &edit)
    };
    let first = update().await.expect(200);
    assert_eq!(update().await.expect(200), first);
    let body = json!({"version": 2, "title": "Rest"});
    let newer = user.put(&path, &body).await.expect(200);
    assert_eq!(
        update().await.expect(200),
        newer,
        "done before; this is what it is now"
    );
    let delete = || user.delete(&path).header(HEADER, &removal);
    delete().await.expect(204);
    delete().await.expect(204);
    update().await.refused(404, "habit_not_found");
}

#[tokio::test]
async fn a_repeated_conflict_stays_one() {
    let app = App::start().await;
    let user = app.user().await;
    let habit = user.habit("Read").await;
    let path = format!("/habits/{}", habit["id"].as_str().expect("an id"));
    let body = json!({"version": 1, "title": "Run"});
    user.put(&path, &body).await.expect(200);
    let key = new_id();
    let stale = || {
        let body = json!({"version": 1, "title": "Rest"});
        user.put(&path, &body).header(HEADER, &key)
    };
    stale().await.refused(409, "conflict");
    stale().await.refused(409, "conflict");
}

#[tokio::test]
async fn key_belongs_to_one_request() {
    let app = App::start().await;
    let user = app.user().await;
    let key = new_id();
    let create = |title: &str| {
        let body = json!({"title": title});
        user.post("/habits", &body).header(HEADER, &key)
    };
    let habit = create("Read").await.expect(201);
    create("Run").await.refused(422, "idempotency_key_reused");
    let body = json!({"habit_id": habit["id"], "completion_date": "2026-11-22"});
    let entry = user.post("/entries", &body).header(HEADER, &key).await;
    entry.refused(422, "idempotency_key_reused");
    let other = app.user().await;
    let theirs = other
        .post("/habits", &json!({"title": "Run"}))
        .header(HEADER, &key);
    theirs.await.expect(201);
}

#[tokio::test]
async fn malformed_key_is_refused() {
    let app = App::start().await;
    let user = app.user().await;
    for key in ["", "a b", &"x".repeat(256)] {
        let body = json!({"title": "Read"});
        let answer = user.post("/habits", &body).header(HEADER, key).await;
        answer.refused(400, "invalid_parameter");
    }
    let listed = user.get("/habits").await.expect(200);
    assert!(is_empty(&listed), "{listed}");
}

fn is_empty(list: &Value) -> bool {
    let list = list.as_array().or_else(|| list["habits"].as_array());
    list.is_some_and(Vec::is_empty)
}

#[tokio::test]
async fn entries_are_repeated_alike() {
    let app = App::start().await;
    let user = app.user().await;
    let habit = user.habit("Read").await;
    let key = new_id();
    let create = || {
        let body = json!({"habit_id": habit["id"], "completion_date": "2026-11-22"});
        user.post("/entries", &body).header(HEADER, &key)
    };
    let entry = create().await.expect(201);
    assert_eq!(create().await.expect(201), entry);
    let path = format!("/entries/{}", entry["id"].as_str().expect("an id"));
    for (key, status) in [(new_id(), 200), (new_id(), 409)] {
        for _ in 0..2 {
            let body = json!({"version": 1, "value": f64::from(status)});
            user.put(&path, &body)
                .header(HEADER, &key)
                .await
                .expect(status);
        }
    }
}
