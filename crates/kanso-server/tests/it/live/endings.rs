//! The limit on event streams, and their ends.

use std::future::IntoFuture as _;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use crate::support::App;

#[tokio::test]
async fn an_eleventh_stream_is_refused_until_another_ends() {
    let app = App::start().await;
    let user = app.user().await;
    let mut open = Vec::new();
    for _ in 0..10 {
        open.push(user.listen().await);
    }
    let refused = user.get("/sync/stream").await;
    refused.refused(429, "too_many_streams");
    assert_eq!(refused.header("retry-after"), "30");
    app.user().await.listen().await;

    open.pop();
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        // The server notices from the connection that its reader has left.
        let mut response = user.client.get(format!("{}/sync/stream", user.base));
        response = response.bearer_auth(&user.token);
        if response.send().await.expect("an answer").status() == 200 {
            break;
        }
        assert!(Instant::now() < deadline, "the seat was never free again");
    }
}

#[tokio::test]
async fn a_stream_ends_with_its_session() {
    let app = App::with_lively_streams().await;
    let user = app.user().await;
    let other = app.log_in(&user.email).await;
    let (listener, _) = user.listen().await;
    let (mut stays, _) = other.listen().await;
    user.post("/auth/logout", &Value::Null).await.expect(204);
    listener.ends().await;
    stays.expect("heartbeat").await;
}

#[tokio::test]
async fn stopping_server_ends_streams_with_an_event_at_once() {
    let app = App::start().await;
    let user = app.user().await;
    user.habit("Read").await;
    let page = user.get("/sync").await.expect(200);
    let cursor = page["cursor"].as_str().expect("a cursor");
    let mut open = Vec::new();
    for _ in 0..5 {
        open.push(user.listen().await.0);
    }
    let path = format!("/sync?wait_ms=25000&cursor={cursor}");
    let body = json!({"wait_ms": 25_000, "cursor": cursor});
    let polls = [user.get(&path), user.post("/sync", &body)];
    let polls = polls.map(|call| tokio::spawn(call.into_future()));
    // Both streams are open once a request on another connection has been answered.
    user.get("/sync").await.expect(200);

    let began = Instant::now();
    app.running.shut_down();
    let mut waits = Vec::new();
    for mut listener in open {
        let bye = listener.expect("bye").await;
        waits.push(bye["retry_ms"].as_u64().expect("a time"));
        assert_eq!(listener.event().await, None);
    }
    assert!(waits.iter().all(|wait| (1_000..5_000).contains(wait)));
    waits.dedup();
    assert!(waits.len() > 1, "they do not all come back at once");
    for poll in polls {
        // A connection that was not yet accepted at the stop is refused.
        if let Ok(answer) = poll.await {
            assert_eq!(answer.expect(200)["changes"], json!([]));
        }
    }
    let stopped = timeout(Duration::from_secs(10), app.running.stopped());
    stopped.await.expect("nothing holds it");
    assert!(began.elapsed() < Duration::from_secs(10));
}
