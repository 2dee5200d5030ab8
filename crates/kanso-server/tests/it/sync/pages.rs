//! Pages of a delta.

use kanso_domain::Seq;
use kanso_domain::sync::{Cursor, Epoch};
use kanso_protocol::{format_cursor, parse_cursor};
use serde_json::json;

use super::{create, entry_of, pull, seqs};
use crate::support::{App, operation};

#[tokio::test]
async fn pages_are_bounded_and_lose_and_repeat_nothing() {
    let app = App::start().await;
    let user = app.user().await;
    for number in 0..7 {
        user.habit(&format!("habit {number}")).await;
    }
    for limit in [1, 3, 7, 1000] {
        let (mut cursor, mut seen) = (String::new(), Vec::new());
        loop {
            let page = pull(&user, &format!("?limit={limit}{cursor}")).await;
            let seqs = seqs(&page["changes"]);
            assert!(seqs.len() <= limit);
            seen.extend(seqs);
            assert_eq!(page["remaining"], 7 - seen.len());
            cursor = format!("&cursor={}", page["cursor"].as_str().expect("a cursor"));
            if page["has_more"] == json!(false) {
                break;
            }
        }
        assert_eq!(seen, [1, 2, 3, 4, 5, 6, 7], "{limit}");
    }
}

#[tokio::test]
async fn a_record_is_sent_once_in_its_newest_state_and_a_deleted_habit_implies_its_entries() {
    let app = App::start().await;
    let user = app.user().await;
    let (habit, entry) = (create("Read"), create("x"));
    let entry_of_habit = entry_of(&habit["id"]);
    user.push(json!([habit, entry, entry_of_habit])).await;
    let start = pull(&user, "").await;
    let update = json!({"base_version": 1, "fields": {"title": "y"}});
    user.push(json!([
        operation("habit", "update", &entry["id"], &update),
        operation("habit", "delete", &habit["id"], &json!({})),
    ]))
    .await;
    let query = format!("?cursor={}", start["cursor"].as_str().expect("a cursor"));
    let delta = pull(&user, &query).await;
    assert_eq!(seqs(&delta["changes"]), [4, 5]);
    assert_eq!(delta["changes"][0]["record"]["version"], 2);
    assert_eq!(delta["changes"][1]["record"]["id"], habit["id"]);
    assert!(delta["changes"][1]["record"]["deleted_at"].is_string());
    let full = pull(&user, "").await;
    assert_eq!(
        seqs(&full["changes"]),
        [4],
        "from the start, tombstones are left out"
    );
    assert_eq!(full["head"], 5);
}

#[tokio::test]
async fn invalid_cursor_names_the_reason_and_applies_nothing() {
    let app = App::start().await;
    let user = app.user().await;
    user.habit("Read").await;
    let page = pull(&user, "").await;
    let good = parse_cursor(page["cursor"].as_str().expect("a cursor")).expect("a cursor");
    let seq = |number| Seq::new(number).expect("a position");
    let ahead = format_cursor(Cursor {
        seq: seq(9),
        ..good
    });
    let other = format_cursor(Cursor {
        epoch: Epoch::new(good.epoch.get() ^ 1),
        ..good
    });
    for (cursor, status, code) in [
        (&*ahead, 410, "cursor_ahead"),
        (&other, 410, "epoch_changed"),
        ("k1_nonsense", 400, "cursor_malformed"),
        ("2026-11-22T12:00:00Z", 400, "cursor_malformed"),
        ("", 400, "cursor_malformed"),
        ("k1_%00", 400, "cursor_malformed"),
    ] {
        user.get(&format!("/sync?cursor={cursor}"))
            .await
            .refused(status, code);
        let body = json!({"cursor": cursor, "operations": [create("x")]});
        user.post("/sync", &body).await.refused(status, code);
    }
    for path in ["/habits/sync?last_sync=", "/entries/sync?since="] {
        user.get(&format!("{path}{ahead}"))
            .await
            .refused(410, "cursor_ahead");
        user.get(&format!("{path}{other}"))
            .await
            .refused(410, "epoch_changed");
    }
    assert_eq!(pull(&user, "").await["head"], 1);
}
