//! `/api/v1/habits…`

mod changes;
mod delete;
mod update;

use serde_json::{Value, json};

use crate::support::{App, new_id};

fn path(habit: &Value) -> String {
    format!("/habits/{}", habit["id"].as_str().expect("an id"))
}

fn titles(habits: &Value) -> Vec<&str> {
    let habits = habits.as_array().expect("a list");
    habits
        .iter()
        .map(|habit| habit["title"].as_str().expect("a title"))
        .collect()
}

#[tokio::test]
async fn a_title_is_enough() {
    let app = App::start().await;
    let user = app.user().await;
    let created = user.post("/habits", &json!({"title": "  Read "})).await;
    let mut habit = created.expect(201);
    assert_eq!(created.header("etag"), "\"1\"");
    assert_eq!(
        created.header("location"),
        format!("/api/v1{}", path(&habit))
    );
    assert_eq!(user.get(&path(&habit)).await.expect(200), habit);
    habit["id"].take();
    let expected = json!({
        "id": null, "title": "Read", "description": "", "color": "#4CAF50", "icon": "",
        "sort_order": 0, "type": "boolean", "frequency_type": "daily", "weekdays": [],
        "interval": 1, "times_per_week": null, "target_value": 1, "target_direction": "at_least",
        "unit": "", "reminder_time": null, "start_date": null, "end_date": null,
        "archived_at": null,
        "schedule_history": [{
            "effective_from": "2026-11-22", "type": "boolean", "frequency_type": "daily",
            "weekdays": [], "interval": 1, "times_per_week": null, "target_value": 1,
            "target_direction": "at_least"
        }],
        "archived_spans": [], "current_streak": 0, "longest_streak": 0,
        "version": 1, "created_at": "2026-11-22T12:00:00.000001Z",
        "updated_at": "2026-11-22T12:00:00.000001Z", "deleted_at": null
    });
    assert_eq!(habit, expected);
}

#[tokio::test]
async fn each_member_is_accepted_up_to_its_limits() {
    let app = App::start().await;
    let user = app.user().await;
    for (member, value) in [
        ("title", json!("👍".repeat(100))),
        ("title", json!("é")),
        ("description", json!("é".repeat(500))),
        ("description", json!("")),
        ("color", json!("#aAbB09")),
        ("icon", json!("👩‍🚀")),
        ("icon", json!("é".repeat(64))),
        ("sort_order", json!(i32::MIN)),
        ("sort_order", json!(i32::MAX)),
        ("weekdays", json!([0, 6])),
        ("interval", json!(2)),
        ("times_per_week", json!(1)),
        ("times_per_week", json!(7)),
        ("unit", json!("é".repeat(32))),
        ("reminder_time", json!("00:00")),
        ("reminder_time", json!("23:59")),
        ("start_date", json!("0001-01-03")),
        ("end_date", json!("9999-12-29")),
        ("archived_at", json!("2026-11-22T18:00:00.000001Z")),
    ] {
        let body = json!({"title": "x", member: value});
        let habit = user.post("/habits", &body).await.expect(201);
        assert_eq!(habit[member], value, "{member}");
        assert_eq!(user.get(&path(&habit)).await.expect(200), habit);
    }
    for (value, direction) in [
        (json!(0.001), "at_least"),
        (json!(1e9), "at_most"),
        (json!(0), "at_most"),
    ] {
        let body = json!({
            "title": "x", "type": "numeric", "target_value": value, "target_direction": direction
        });
        let habit = user.post("/habits", &body).await.expect(201);
        assert_eq!(habit["target_value"].as_f64(), value.as_f64());
    }
}

#[tokio::test]
async fn beyond_its_limits_each_member_is_refused_by_name() {
    let app = App::start().await;
    let user = app.user().await;
    for (member, value) in [
        ("title", json!("👍".repeat(101))),
        ("title", json!(" ")),
        ("title", json!(null)),
        ("title", json!("a\0b")),
        ("description", json!("é".repeat(501))),
        ("color", json!("#12345")),
        ("color", json!("red")),
        ("icon", json!("é".repeat(65))),
        ("sort_order", json!(2_147_483_648_i64)),
        ("sort_order", json!(1.5)),
        ("type", json!("boolish")),
        ("frequency_type", json!("hourly")),
        ("weekdays", json!([7])),
        ("interval", json!(0)),
        ("interval", json!(-1)),
        ("times_per_week", json!(8)),
        ("times_per_week", json!(0)),
        ("target_value", json!(-1)),
        ("target_value", json!("1")),
        ("target_direction", json!("exactly")),
        ("unit", json!("é".repeat(33))),
        ("reminder_time", json!("24:00")),
        ("start_date", json!("2026-02-29")),
        ("end_date", json!("tomorrow")),
        ("archived_at", json!("2026-11-22")),
        ("version", json!(1)),
        ("created_at", json!("2026-11-22T18:00:00Z")),
        ("user_id", json!(new_id())),
        ("nope", json!(1)),
    ] {
        let body = json!({"title": "x", member: value});
        let answer = user.post("/habits", &body).await;
        let problem = answer.refused(422, "invalid");
        let pointer = problem["errors"][0]["pointer"].as_str().expect("a pointer");
        let named = format!("/{member}");
        assert!(
            pointer == named || pointer.starts_with(&format!("{named}/")),
            "{answer}"
        );
    }
    for (body, pointers) in [
        (json!({}), &["/title"] as &[_]),
        (json!({"title": "", "color": "red"}), &["/title", "/color"]),
        (
            json!({"title": "x", "start_date": "2026-02-02", "end_date": "2026-02-01"}),
            &["/end_date"],
        ),
        (json!({"title": "x", "id": "nonsense"}), &["/id"]),
        (json!([]), &[""]),
    ] {
        user.post("/habits", &body).await.invalid(422, pointers);
    }
}

#[tokio::test]
async fn creating_again_creates_nothing_twice() {
    let app = App::start().await;
    let user = app.user().await;
    let body = json!({"id": new_id(), "title": "Read", "color": "#112233"});
    let habit = user.post("/habits", &body).await.expect(201);
    let again = user.post("/habits", &body).await;
    assert_eq!(again.expect(200), habit);
    assert_eq!(again.header("etag"), "\"1\"");

    let other = json!({"id": body["id"], "title": "Write", "color": "#112233"});
    let problem = user.post("/habits", &other).await.refused(409, "conflict");
    assert_eq!(
        (&problem["record"], &problem["clashing"]),
        (&habit, &json!(["title"]))
    );

    user.delete(&path(&habit)).await.expect(204);
    user.post("/habits", &body).await.refused(410, "gone");
}

#[tokio::test]
async fn id_is_read_in_either_case_and_returned_in_lower_case() {
    let app = App::start().await;
    let user = app.user().await;
    let id = new_id();
    let body = json!({"id": id.to_uppercase(), "title": "Read"});
    assert_eq!(user.post("/habits", &body).await.expect(201)["id"], id);
    user.get(&format!("/habits/{}", id.to_uppercase()))
        .await
        .expect(200);
}

#[tokio::test]
async fn list_is_ordered_and_excludes_archived_and_deleted_habits() {
    let app = App::start().await;
    let user = app.user().await;
    for (title, order) in [("older", 1), ("newer", 1), ("first", -5)] {
        app.clock.advance(1);
        let body = json!({"title": title, "sort_order": order});
        user.post("/habits", &body).await.expect(201);
    }
    let archived = json!({"title": "archived", "archived_at": "2026-11-01T00:00:00Z"});
    user.post("/habits", &archived).await.expect(201);
    let deleted = user.habit("deleted").await;
    user.delete(&path(&deleted)).await.expect(204);

    for (query, expected) in [
        ("", &["first", "newer", "older"] as &[_]),
        ("?archived=false", &["first", "newer", "older"]),
        ("?archived=true", &["first", "archived", "newer", "older"]),
    ] {
        let list = user.get(&format!("/habits{query}")).await.expect(200);
        assert_eq!(titles(&list), expected, "{query}");
    }
}

#[tokio::test]
async fn parameters_are_read_strictly() {
    let app = App::start().await;
    let user = app.user().await;
    for (path, pointer) in [
        ("/habits?archived=yes", "/archived"),
        ("/habits?archived=", "/archived"),
        ("/habits?archived=true&archived=true", "/archived"),
        ("/habits?Archived=true", "/Archived"),
        ("/habits?archived=%FF", "/archived"),
        ("/habits/sync?since=2026-11-22T00:00:00Z", "/since"),
        ("/habits/sync?last_sync=yesterday", "/last_sync"),
        ("/habits/sync?last_sync=2026-11-22", "/last_sync"),
        ("/habits/sync?last_sync=", "/last_sync"),
        ("/habits/sync?last_sync=%ZZ", "/last_sync"),
    ] {
        let answer = user.get(path).await;
        answer.refused(400, "invalid_parameter");
        answer.invalid(400, &[pointer]);
    }
    let malformed = user.get("/habits/sync?last_sync=k1_nonsense").await;
    malformed.refused(400, "cursor_malformed");
}

#[tokio::test]
async fn matching_tag_gets_304() {
    let app = App::start().await;
    let user = app.user().await;
    let habit = user.habit("Read").await;
    let get = |tag: &'static str| user.get(&path(&habit)).header("if-none-match", tag);
    for tag in [
        "\"1\"",
        "W/\"1\"",
        "\"7\", \"1\"",
        "*",
        "\"1-gzip\"",
        "W/\"1-gzip\"",
        "\"7\", \"1;br\"",
    ] {
        let answer = get(tag).await;
        answer.expect(304);
        assert_eq!((answer.header("etag"), answer.body.len()), ("\"1\"", 0));
    }
    for tag in ["\"2\"", "1"] {
        assert_eq!(get(tag).await.expect(200), habit);
    }
}
