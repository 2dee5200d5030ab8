//! `/api/v1/sync/stream…`: event streams notify devices of changes at once.

mod endings;
mod tickets;
mod waiting;

use kanso_domain::sync::Epoch;
use kanso_protocol::{format_cursor, parse_cursor};
use serde_json::json;

use crate::support::App;

#[tokio::test]
async fn push_of_one_device_notifies_the_others() {
    let app = App::start().await;
    let phone = app.user().await;
    let laptop = app.log_in(&phone.email).await;
    let stranger = app.user().await;
    let (mut listener, head) = phone.listen().await;
    assert_eq!(head, 0);
    for (name, value) in [
        ("content-type", "text/event-stream"),
        ("cache-control", "no-store, no-transform"),
        ("x-accel-buffering", "no"),
    ] {
        assert_eq!(listener.headers[name], value);
    }
    stranger.habit("Not yours").await;
    let habit = laptop.habit("Read").await;
    assert_eq!(listener.expect("poke").await, json!({"head": 1}));
    laptop.entry(&habit).await;
    assert_eq!(listener.expect("poke").await, json!({"head": 2}));
    let settings = json!({"timezone": "Europe/Rome"});
    laptop.patch("/auth/user", &settings).await.expect(200);
    assert_eq!(listener.expect("poke").await, json!({"head": 3}));

    let (_, head) = phone.listen().await;
    assert_eq!(head, 3, "a reconnected stream reports the head");
}

#[tokio::test]
async fn streak_published_by_a_worker_notifies() {
    let app = App::with_workers().await;
    let user = app.user().await;
    let habit = user.habit("Read").await;
    let (mut listener, head) = user.listen().await;
    assert_eq!(head, 1);
    user.entry(&habit).await;
    listener.reaches(3).await;
    let page = user.get("/sync?min_seq=3").await.expect(200);
    assert_eq!(page["changes"][1]["record"]["current_streak"], 1);
    app.running.shut_down();
    app.running.stopped().await;
}

#[tokio::test]
async fn a_heartbeat_is_an_event_with_data() {
    let app = App::with_lively_streams().await;
    let user = app.user().await;
    user.habit("Read").await;
    let (mut listener, _) = user.listen().await;
    for _ in 0..3 {
        assert_eq!(listener.expect("heartbeat").await, json!({"head": 1}));
    }
}

#[tokio::test]
async fn a_stream_is_not_compressed() {
    let app = App::start().await;
    let user = app.user().await;
    let call = user.get("/sync/stream");
    let listener = call.header("accept-encoding", "zstd, gzip").listen().await;
    assert!(!listener.headers.contains_key("content-encoding"));
}

#[tokio::test]
async fn invalid_cursor_is_refused_at_once() {
    let app = App::start().await;
    let user = app.user().await;
    user.habit("Read").await;
    let page = user.get("/sync").await.expect(200);
    let good = parse_cursor(page["cursor"].as_str().expect("a cursor")).expect("a cursor");
    let mut other = good;
    other.epoch = Epoch::new(good.epoch.get() ^ 1);
    for (cursor, is_good) in [(good, true), (other, false)] {
        let path = format!("/sync/stream?cursor={}", format_cursor(cursor));
        let mut listener = user.get(&path).listen().await;
        listener.expect("hello").await;
        if is_good {
            user.habit("Write").await;
            listener.expect("poke").await;
        } else {
            let said = json!({"head": 2, "code": "epoch_changed"});
            assert_eq!(listener.expect("resync").await, said);
        }
    }
    let refused = user.get("/sync/stream?cursor=k1_nonsense").await;
    refused.refused(400, "cursor_malformed");
    let refused = user.get("/sync/stream?head=1").await;
    refused.refused(400, "invalid_parameter");
}
