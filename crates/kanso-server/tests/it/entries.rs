//! `/api/v1/entries…`

mod list;

use serde_json::{Value, json};

use crate::support::{App, TestUser, new_id};

fn path(entry: &Value) -> String {
    format!("/entries/{}", entry["id"].as_str().expect("an id"))
}

async fn create(user: &TestUser, habit: &Value, members: &Value) -> Value {
    let mut body = json!({"habit_id": habit["id"], "completion_date": "2026-11-22"});
    let members = members.as_object().expect("an object").clone();
    body.as_object_mut().expect("an object").extend(members);
    user.post("/entries", &body).await.expect(201)
}

fn notes(entries: &Value) -> Vec<&str> {
    let entries = entries.as_array().expect("a list");
    entries
        .iter()
        .map(|entry| entry["notes"].as_str().expect("notes"))
        .collect()
}

#[tokio::test]
async fn a_habit_and_a_date_are_enough() {
    let app = App::start().await;
    let user = app.user().await;
    let habit = user.habit("Read").await;
    let body = json!({"habit_id": habit["id"], "completion_date": "2026-11-22"});
    let created = user.post("/entries", &body).await;
    let mut entry = created.expect(201);
    assert_eq!(created.header("etag"), "\"1\"");
    assert_eq!(
        created.header("location"),
        format!("/api/v1{}", path(&entry))
    );
    let got = user.get(&path(&entry)).await;
    assert_eq!(
        (got.expect(200), got.header("etag")),
        (entry.clone(), "\"1\"")
    );
    user.get(&path(&entry))
        .header("if-none-match", "\"1\"")
        .await
        .expect(304);
    entry["id"].take();
    let expected = json!({
        "id": null, "habit_id": habit["id"], "completion_date": "2026-11-22T00:00:00.000000Z",
        "timezone": null, "local_date": "2026-11-22", "kind": "value", "value": 1, "notes": "",
        "version": 1, "created_at": "2026-11-22T12:00:00.000002Z",
        "updated_at": "2026-11-22T12:00:00.000002Z", "deleted_at": null
    });
    assert_eq!(entry, expected);
}

#[tokio::test]
async fn each_member_is_accepted_up_to_its_limits() {
    let app = App::start().await;
    let user = app.user().await;
    let habit = user.habit("Read").await;
    for (member, value) in [
        ("completion_date", json!("0001-01-03T00:00:00.000000Z")),
        ("completion_date", json!("9999-12-29T00:00:00.000000Z")),
        ("timezone", json!("Pacific/Kiritimati")),
        ("local_date", json!("2026-11-20")),
        ("kind", json!("skip")),
        ("value", json!(0)),
        ("value", json!(0.001)),
        ("value", json!(1_000_000_000)),
        ("notes", json!("👍".repeat(2000))),
    ] {
        let entry = create(&user, &habit, &json!({member: value})).await;
        assert_eq!(entry[member], value, "{member}");
        assert_eq!(user.get(&path(&entry)).await.expect(200), entry);
    }
}

#[tokio::test]
async fn beyond_its_limits_each_member_is_refused_by_name() {
    let app = App::start().await;
    let user = app.user().await;
    let habit = user.habit("Read").await;
    for (member, value) in [
        ("completion_date", json!("yesterday")),
        ("completion_date", json!("0001-01-02T23:59:59Z")),
        ("completion_date", json!("9999-12-31")),
        ("completion_date", json!(null)),
        ("timezone", json!("CET+1")),
        ("timezone", json!("")),
        ("local_date", json!("2026-11-31")),
        ("kind", json!("rest")),
        ("value", json!(-0.001)),
        ("value", json!(0.0001)),
        ("value", json!(1_000_000_001)),
        ("value", json!("1")),
        ("notes", json!("👍".repeat(2001))),
        ("notes", json!("a\0b")),
        ("habit_id", json!("nonsense")),
        ("habit_id", json!(null)),
        ("version", json!(1)),
        ("nope", json!(1)),
    ] {
        let mut body = json!({"habit_id": habit["id"], "completion_date": "2026-11-22"});
        body[member] = value;
        user.post("/entries", &body)
            .await
            .invalid(422, &[&format!("/{member}")]);
    }
    user.post("/entries", &json!({}))
        .await
        .invalid(422, &["/habit_id", "/completion_date"]);
}

#[tokio::test]
async fn entry_needs_a_live_habit() {
    let app = App::start().await;
    let user = app.user().await;
    let habit = user.habit("Read").await;
    let stranger = app.user().await.habit("Theirs").await;
    let body =
        |habit: &Value| json!({"id": new_id(), "habit_id": habit, "completion_date": "2026-11-22"});
    for unknown in [&json!(new_id()), &stranger["id"]] {
        user.post("/entries", &body(unknown))
            .await
            .refused(404, "habit_not_found");
    }
    let (alive, later) = (body(&habit["id"]), body(&habit["id"]));
    user.post("/entries", &alive).await.expect(201);
    let habit_path = format!("/habits/{}", habit["id"].as_str().expect("an id"));
    user.delete(&habit_path).await.expect(204);
    for gone in [&alive, &later] {
        user.post("/entries", gone).await.refused(410, "gone");
    }
    user.get(&path(&alive))
        .await
        .refused(404, "entry_not_found");
    let change = json!({"version": 1, "value": 2});
    user.put(&path(&alive), &change)
        .await
        .refused(404, "entry_not_found");
    user.delete(&path(&alive)).await.expect(204);
    assert_eq!(user.get("/entries").await.expect(200), json!([]));
}

#[tokio::test]
async fn creating_again_creates_nothing_twice() {
    let app = App::start().await;
    let user = app.user().await;
    let habit = user.habit("Read").await;
    let body = json!({
        "id": new_id(), "habit_id": habit["id"], "completion_date": "2026-11-22T20:15:00Z", "value": 2.5
    });
    let entry = user.post("/entries", &body).await.expect(201);
    assert_eq!(user.post("/entries", &body).await.expect(200), entry);
    let mut other = body.clone();
    other["value"] = json!(3);
    let problem = user.post("/entries", &other).await.refused(409, "conflict");
    assert_eq!(
        (&problem["record"], &problem["clashing"]),
        (&entry, &json!(["value"]))
    );
    user.delete(&path(&entry)).await.expect(204);
    user.post("/entries", &body).await.refused(410, "gone");
}

#[tokio::test]
async fn the_day_follows_from_zone_and_day_start() {
    let app = App::start().await;
    let user = app.user().await;
    let habit = user.habit("Read").await;
    let settings = json!({"timezone": "Europe/Rome", "day_start": "03:30"});
    user.patch("/auth/user", &settings).await.expect(200);
    for (members, day) in [
        (
            json!({"completion_date": "2026-11-22T02:29:59Z"}),
            "2026-11-21",
        ),
        (
            json!({"completion_date": "2026-11-22T02:30:00Z"}),
            "2026-11-22",
        ),
        (
            json!({"completion_date": "2026-11-22T02:30:00Z", "timezone": "Pacific/Auckland"}),
            "2026-11-22",
        ),
        (
            json!({"completion_date": "2026-11-22T20:00:00Z", "timezone": "Pacific/Auckland"}),
            "2026-11-23",
        ),
        (
            json!({"completion_date": "2026-11-22T20:00:00Z", "local_date": "2026-11-20"}),
            "2026-11-20",
        ),
        (json!({"completion_date": "2026-11-22"}), "2026-11-22"),
    ] {
        assert_eq!(
            create(&user, &habit, &members).await["local_date"],
            day,
            "{members}"
        );
    }
}

#[tokio::test]
async fn update_needs_the_version_and_the_loser_gets_the_stored_entry() {
    let app = App::start().await;
    let user = app.user().await;
    let habit = user.habit("Read").await;
    let entry = create(&user, &habit, &json!({})).await;
    let path = path(&entry);
    user.put(&path, &json!({"value": 2}))
        .await
        .refused(428, "version_required");
    let changed = user
        .put(&path, &json!({"version": 1, "value": 2, "notes": "well"}))
        .await;
    let stored = changed.expect(200);
    assert_eq!(
        (&stored["version"], changed.header("etag")),
        (&json!(2), "\"2\"")
    );

    let lost = user
        .patch(&path, &json!({"value": 3, "notes": "well"}))
        .header("if-match", "\"1\"")
        .await;
    let problem = lost.refused(409, "conflict");
    assert_eq!(
        (&problem["record"], &problem["clashing"]),
        (&stored, &json!(["value"]))
    );
    let moved = json!({"version": 2, "habit_id": new_id()});
    user.put(&path, &moved).await.invalid(422, &["/habit_id"]);

    user.delete(&format!("{path}?version=1"))
        .await
        .refused(409, "conflict");
    for _ in 0..2 {
        user.delete(&format!("{path}?version=2")).await.expect(204);
    }
    user.get(&path).await.refused(404, "entry_not_found");
    user.put(&path, &json!({"version": 3, "value": 4}))
        .await
        .refused(404, "entry_not_found");
    user.delete(&format!("/entries/{}", new_id()))
        .await
        .refused(404, "entry_not_found");
}
