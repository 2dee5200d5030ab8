//! Tombstones.

use serde_json::json;

use super::path;
use crate::support::{App, new_id};

#[tokio::test]
async fn a_deleted_habit_is_a_tombstone() {
    let app = App::start().await;
    let user = app.user().await;
    let habit = user.habit("Read").await;
    let path = path(&habit);
    for _ in 0..2 {
        let answer = user.delete(&path).await;
        answer.expect(204);
        assert!(answer.body.is_empty());
    }
    user.get(&path).await.refused(404, "habit_not_found");
    let change = json!({"version": 2, "title": "Write"});
    user.put(&path, &change)
        .await
        .refused(404, "habit_not_found");
    let never = format!("/habits/{}", new_id());
    user.delete(&never).await.refused(404, "habit_not_found");
}

#[tokio::test]
async fn delete_may_name_the_version_that_it_builds_on() {
    let app = App::start().await;
    let user = app.user().await;
    for (query, header, status, code) in [
        ("", None, 204, ""),
        ("?version=1", None, 204, ""),
        ("", Some("\"1\""), 204, ""),
        ("", Some("*"), 204, ""),
        ("?version=1", Some("\"1\""), 204, ""),
        ("?version=2", None, 409, "conflict"),
        ("", Some("\"2\""), 409, "conflict"),
        ("?version=2", Some("\"1\""), 400, "versions_differ"),
        ("?version=one", None, 400, "invalid_parameter"),
        ("?version=0", None, 400, "invalid_parameter"),
        ("?force=true", None, 400, "invalid_parameter"),
        ("", Some("W/\"1\""), 204, ""),
        ("", Some("\"x\""), 412, "precondition_failed"),
        ("?version=01", None, 400, "invalid_parameter"),
        ("?version=%2B1", None, 400, "invalid_parameter"),
    ] {
        let habit = user.habit("Read").await;
        let mut call = user.delete(&format!("{}{query}", path(&habit)));
        if let Some(header) = header {
            call = call.header("if-match", header);
        }
        let answer = call.await;
        assert_eq!(answer.status, status, "{query} {header:?} {answer}");
        if status != 204 {
            let problem = answer.refused(status, code);
            assert_eq!(code == "conflict", problem["record"] == habit, "{answer}");
        }
    }
}

#[tokio::test]
async fn delete_may_name_the_version_in_its_body() {
    let app = App::start().await;
    let user = app.user().await;
    for (query, header, body, status, code) in [
        ("", None, "{}", 204, ""),
        ("", None, "null", 204, ""),
        ("", None, r#"{"version":1}"#, 204, ""),
        ("", None, r#"{"version":1.0}"#, 204, ""),
        ("?version=1", Some("\"1\""), r#"{"version":1}"#, 204, ""),
        ("", None, r#"{"version":2}"#, 409, "conflict"),
        (
            "?version=1",
            None,
            r#"{"version":2}"#,
            400,
            "versions_differ",
        ),
        (
            "",
            Some("\"1\""),
            r#"{"version":2}"#,
            400,
            "versions_differ",
        ),
        ("", None, r#"{"version":0}"#, 422, "invalid"),
        ("", None, r#"{"title":"Read"}"#, 422, "invalid"),
        ("", None, "{", 400, "malformed"),
    ] {
        let habit = user.habit("Read").await;
        let call = user.delete(&format!("{}{query}", path(&habit)));
        let mut call = call.header("content-type", "application/json").body(body);
        if let Some(header) = header {
            call = call.header("if-match", header);
        }
        let answer = call.await;
        assert_eq!(answer.status, status, "{query} {header:?} {body} {answer}");
        if status != 204 {
            answer.refused(status, code);
        }
    }
    let habit = user.habit("Read").await;
    let call = user.delete(&path(&habit)).body("version=1");
    call.await.refused(415, "unsupported_media_type");
}
