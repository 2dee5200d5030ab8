//! Long polls, and conditional pulls.

use std::future::IntoFuture as _;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::{App, TestUser, new_id, operation};

/// Limit for a response without a wait: far below the longest wait.
const SOON: Duration = Duration::from_secs(20);

async fn cursor(user: &TestUser) -> String {
    let page = user.get("/sync").await.expect(200);
    page["cursor"].as_str().expect("a cursor").to_owned()
}

#[tokio::test]
async fn a_pull_waits_until_there_is_something_new() {
    let app = App::start().await;
    let phone = app.user().await;
    let laptop = app.log_in(&phone.email).await;
    let began = Instant::now();
    for round in 1..=2 {
        let cursor = cursor(&phone).await;
        let body = json!({"wait_ms": 25_000, "cursor": cursor});
        let calls = [
            phone.get(&format!("/sync?wait_ms=25000&cursor={cursor}")),
            phone.post("/sync", &body),
        ];
        let polls = calls.map(|call| tokio::spawn(call.into_future()));
        laptop.habit("Read").await;
        for poll in polls {
            let page = poll.await.expect("an answer").expect(200);
            assert_eq!(page["changes"][0]["seq"], round);
        }
    }
    assert!(began.elapsed() < SOON);
}

#[tokio::test]
async fn a_pull_without_a_cursor_waits_for_the_first_change() {
    let app = App::start().await;
    let user = app.user().await;
    let poll = tokio::spawn(user.get("/sync?wait_ms=25000").into_future());
    user.habit("Read").await;
    let page = poll.await.expect("an answer").expect(200);
    assert_eq!(page["head"], 1);
    // Changes exist now, so the pull does not wait.
    user.get("/sync?wait_ms=25000").await.expect(200);
}

#[tokio::test]
async fn long_poll_ends_with_an_empty_page() {
    let app = App::start().await;
    let user = app.user().await;
    user.habit("Read").await;
    let cursor = cursor(&user).await;
    let began = Instant::now();
    let path = format!("/sync?wait_ms=50&cursor={cursor}");
    let page = user.get(&path).await.expect(200);
    assert!(began.elapsed() >= Duration::from_millis(50));
    assert_eq!(
        (&page["changes"], &page["cursor"]),
        (&json!([]), &json!(cursor))
    );
}

#[tokio::test]
async fn pull_with_operations_or_a_bad_cursor_does_not_wait() {
    let app = App::start().await;
    let user = app.user().await;
    let cursor = cursor(&user).await;
    let began = Instant::now();
    let noop = operation("entry", "delete", &json!(new_id()), &json!({}));
    let body = json!({"wait_ms": 25_000, "cursor": cursor, "operations": [noop]});
    user.post("/sync", &body).await.expect(200);
    let other = "k1_ASNFZ4mrze8AAAAAAAAicHNaYSc";
    let path = format!("/sync?wait_ms=25000&cursor={other}");
    user.get(&path).await.refused(410, "epoch_changed");
    assert!(began.elapsed() < SOON);
}

#[tokio::test]
async fn matching_tag_gets_304() {
    let app = App::start().await;
    let user = app.user().await;
    user.habit("Read").await;
    let first = user.get("/sync").await;
    first.expect(200);
    let tag = first.header("etag").to_owned();
    assert!(tag.ends_with("-1\""), "{tag}");
    let ask = async |query: &str| {
        let call = user.get(&format!("/sync{query}"));
        call.header("if-none-match", &tag).await
    };
    for query in ["", "?wait_ms=50"] {
        let unchanged = ask(query).await;
        assert_eq!((unchanged.status, unchanged.body.len()), (304, 0));
        assert_eq!(unchanged.header("etag"), tag);
    }
    let other = "?cursor=k1_ASNFZ4mrze8AAAAAAAAicHNaYSc";
    ask(other).await.refused(410, "epoch_changed");
    let (changed, _) = tokio::join!(ask("?wait_ms=25000"), user.habit("Write"));
    assert_eq!(changed.expect(200)["head"], 2);
    assert!(changed.header("etag").ends_with("-2\""));
}

#[tokio::test]
async fn future_cursor_is_waited_for_or_refused() {
    let app = App::start().await;
    let user = app.user().await;
    let refused = user.get("/sync?min_seq=1").await;
    refused.refused(503, "behind");
    assert_eq!(refused.header("retry-after"), "1");
    let create = |min_seq: i64| {
        let fields = json!({"fields": {"title": "Read"}});
        let create = operation("habit", "create", &json!(new_id()), &fields);
        json!({"min_seq": min_seq, "operations": [create]})
    };
    let refused = user.post("/sync", &create(1)).await;
    refused.refused(503, "behind");
    let head = user.get("/sync").await.expect(200)["head"].clone();
    assert_eq!(head, 0, "nothing was carried out");

    let path = "/sync?min_seq=1&wait_ms=25000";
    let (page, _): (_, Value) = tokio::join!(user.get(path), user.habit("Read"));
    assert_eq!(page.expect(200)["head"], 1);
    let answer = user.post("/sync", &create(1)).await.expect(200);
    assert_eq!(answer["results"][0]["status"], "applied");
}
