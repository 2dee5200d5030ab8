//! Changes since an instant or a cursor.

use serde_json::{Value, json};

use super::{path, titles};
use crate::support::{App, TestUser};

async fn changes(user: &TestUser, query: &str) -> Value {
    user.get(&format!("/habits/sync{query}")).await.expect(200)
}

/// Requests the changes that follow `answer`.
fn nothing_after(answer: &Value) -> Value {
    json!({"changes": [], "timestamp": answer["timestamp"], "cursor": answer["cursor"]})
}

#[tokio::test]
async fn changes_since_the_last_answer_are_exact() {
    let app = App::start().await;
    let user = app.user().await;
    let kept = user.habit("kept").await;
    let dropped = user.habit("dropped").await;
    let first = changes(&user, "").await;
    assert_eq!(titles(&first["changes"]), ["kept", "dropped"]);

    let tokens = [&first["timestamp"], &first["cursor"]].map(|it| it.as_str().expect("a text"));
    for token in tokens {
        assert_eq!(
            changes(&user, &format!("?last_sync={token}")).await,
            nothing_after(&first)
        );
    }
    let change = json!({"version": 1, "color": "#112233"});
    user.put(&path(&kept), &change).await.expect(200);
    user.delete(&path(&dropped)).await.expect(204);
    for token in tokens {
        let delta = changes(&user, &format!("?last_sync={token}")).await;
        assert_eq!(titles(&delta["changes"]), ["kept", "dropped"]);
        assert_eq!(delta["changes"][0]["version"], 2);
        assert!(delta["changes"][0]["deleted_at"].is_null());
        assert_eq!(delta["changes"][1]["deleted_at"], delta["timestamp"]);
    }
    // A client that cut the instant to milliseconds, or wrote it with an offset that its query
    // turned into a space, gets everything again and loses nothing.
    for cut in ["2026-11-22T12:00:00.000Z", "2026-11-22T13:00:00+01:00"] {
        let delta = changes(&user, &format!("?last_sync={cut}")).await;
        assert_eq!(titles(&delta["changes"]), ["kept", "dropped"], "{cut}");
    }
    // Without a time, tombstones are part of everything.
    let full = changes(&user, "").await;
    assert_eq!(titles(&full["changes"]), ["kept", "dropped"]);
    assert!(full["changes"][1]["deleted_at"].is_string());
    let cursor = full["cursor"].as_str().expect("a text");
    assert_eq!(
        changes(&user, &format!("?last_sync={cursor}")).await,
        nothing_after(&full)
    );
}
