//! Updates, and the version that they build on.

use futures::future::join_all;
use serde_json::json;

use super::path;
use crate::support::{App, new_id};

/// Updates a habit of version 2 with a body version and an `If-Match`.
#[tokio::test]
async fn update_names_the_version_that_it_builds_on() {
    let app = App::start().await;
    let user = app.user().await;
    for (version, header, status, code) in [
        (Some(2), None, 200, ""),
        (None, Some("\"2\""), 200, ""),
        (Some(2), Some("\"2\""), 200, ""),
        (None, Some("*"), 200, ""),
        (Some(2), Some("*"), 200, ""),
        (None, Some("\"1\", \"2\""), 200, ""),
        (None, Some("\"2\", \"9\", \"x\""), 200, ""),
        (Some(1), None, 409, "conflict"),
        (Some(3), None, 409, "conflict"),
        (None, Some("\"1\""), 409, "conflict"),
        (Some(1), Some("*"), 409, "conflict"),
        (Some(2), Some("\"1\""), 400, "versions_differ"),
        (Some(1), Some("\"2\""), 400, "versions_differ"),
        // A proxy that compresses answers makes a tag weak or appends the coding.
        (None, Some("W/\"2\""), 200, ""),
        (None, Some("\"2-gzip\""), 200, ""),
        (None, Some("W/\"2-gzip\""), 200, ""),
        (None, Some("\"2--gzip\""), 200, ""),
        (None, Some("\"2;br\""), 200, ""),
        (None, Some("\"9\", W/\"2-zstd\""), 200, ""),
        (Some(2), Some("W/\"2-br\""), 200, ""),
        (None, Some("W/\"1\""), 409, "conflict"),
        (Some(1), Some("W/\"2\""), 400, "versions_differ"),
        (None, Some("\"2-x\""), 412, "precondition_failed"),
        (None, Some("\"02\""), 412, "precondition_failed"),
        (None, Some("2"), 412, "precondition_failed"),
        (None, Some("\"two\""), 412, "precondition_failed"),
        (Some(2), Some("\"two\""), 412, "precondition_failed"),
        (None, None, 428, "version_required"),
        (Some(0), None, 422, "invalid"),
    ] {
        let habit = user.habit("Read").await;
        let put = json!({"version": 1, "icon": "book"});
        let stored = user.put(&path(&habit), &put).await.expect(200);
        let mut body = json!({"title": "Write"});
        if let Some(version) = version {
            body["version"] = version.into();
        }
        let mut call = user.put(&path(&habit), &body);
        if let Some(header) = header {
            call = call.header("if-match", header);
        }
        let answer = call.await;
        assert_eq!(answer.status, status, "{version:?} {header:?} {answer}");
        if status == 200 {
            assert_eq!(answer.json()["version"], 3);
            assert_eq!(answer.header("etag"), "\"3\"");
            continue;
        }
        let problem = answer.refused(status, code);
        if code == "conflict" {
            assert_eq!(
                (&problem["record"], &problem["clashing"]),
                (&stored, &json!(["title"]))
            );
            assert_eq!(answer.header("etag"), "\"2\"");
        }
        assert_eq!(user.get(&path(&habit)).await.expect(200), stored);
    }
}

#[tokio::test]
async fn update_without_a_change_makes_no_conflict_and_no_version() {
    let app = App::start().await;
    let user = app.user().await;
    let habit = user.habit("Read").await;
    for version in [1, 7] {
        let same = user
            .put(&path(&habit), &json!({"version": version, "title": "Read"}))
            .await;
        assert_eq!(same.expect(200), habit);
    }
}

#[tokio::test]
async fn omitted_members_stay_and_null_clears() {
    let app = App::start().await;
    let user = app.user().await;
    let body = json!({"title": "Read", "reminder_time": "21:30", "end_date": "2027-01-01", "weekdays": [1]});
    let mut expected = user.post("/habits", &body).await.expect(201);
    let path = path(&expected);
    for (version, change, member) in [
        (
            1,
            json!({"version": 1, "reminder_time": null}),
            "reminder_time",
        ),
        (
            2,
            json!({"version": 2, "archived_at": "2026-11-22T18:00:00.000000Z"}),
            "archived_at",
        ),
        (3, json!({"version": 3, "archived_at": null}), "archived_at"),
    ] {
        let call = if version == 1 {
            user.patch(&path, &change)
        } else {
            user.put(&path, &change)
        };
        let changed = call.await.expect(200);
        expected[member] = change[member].clone();
        expected["version"] = json!(version + 1);
        expected["updated_at"] = changed["updated_at"].clone();
        // Archived and unarchived on one day, a habit has no archived day.
        expected["archived_spans"] = match version {
            2 => json!([{"from": "2026-11-22", "until": null}]),
            _ => json!([]),
        };
        assert_eq!(changed, expected);
    }
    for (change, pointer) in [
        (json!({"version": 4, "title": null}), "/title"),
        (
            json!({"version": 4, "start_date": "2027-01-02"}),
            "/end_date",
        ),
        (json!({"version": 4, "id": new_id()}), "/id"),
        (json!({"version": "4", "title": "x"}), "/version"),
    ] {
        user.put(&path, &change).await.invalid(422, &[pointer]);
    }
}

#[tokio::test]
async fn one_of_twelve_concurrent_updates_wins() {
    let app = App::start().await;
    let user = app.user().await;
    let habit = user.habit("Read").await;
    let put = async |number: usize| {
        let body = json!({"version": 1, "title": format!("racer {number}")});
        user.put(&path(&habit), &body).await
    };
    let answers = join_all((0..12).map(put)).await;
    let won: Vec<_> = answers
        .iter()
        .filter(|answer| answer.status == 200)
        .collect();
    assert_eq!(won.len(), 1);
    let stored = won[0].json();
    for lost in answers.iter().filter(|answer| answer.status != 200) {
        assert_eq!(lost.refused(409, "conflict")["record"], stored);
    }
    assert_eq!(user.get(&path(&habit)).await.expect(200), stored);
}
