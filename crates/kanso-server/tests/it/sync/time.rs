//! Effects of time: devices that return late, and expired receipts.

use serde_json::{Value, json};

use super::{create, pull, statuses};
use crate::support::{App, TestUser, new_id, operation};

async fn sync(user: &TestUser, device: &str, cursor: &Value) -> Value {
    let body = json!({"device_id": device, "cursor": cursor});
    user.post("/sync", &body).await.expect(200)
}

#[tokio::test]
async fn device_offline_for_a_year_resyncs_and_revives_nothing() {
    let app = App::start().await;
    let user = app.user().await;
    let (kept, gone) = (user.habit("Kept").await, user.habit("Gone").await);
    let (phone, tablet) = (new_id(), new_id());
    let seen = sync(&user, &phone, &Value::Null).await["cursor"].clone();
    let delete = operation("habit", "delete", &gone["id"], &json!({}));
    let offline = operation(
        "habit",
        "update",
        &gone["id"],
        &json!({"base_version": 1, "fields": {"title": "Edited offline"}}),
    );
    user.push(json!([delete])).await;
    let current = sync(&user, &tablet, &Value::Null).await["cursor"].clone();

    let (app, user) = app.restarted("2027-11-22T12:00:00Z", &user).await;
    let body = json!({"device_id": phone, "cursor": seen, "operations": [offline]});
    let refused = user.post("/sync", &body).await;
    refused.refused(410, "cursor_expired");
    let nothing_new = sync(&user, &tablet, &current).await;
    assert_eq!(nothing_new["changes"], json!([]));
    user.get("/habits/sync?last_sync=2026-11-22T12:00:00.000001Z")
        .await
        .refused(410, "cursor_expired");
    user.get("/habits/sync?last_sync=1970-01-01T00:00:00Z")
        .await
        .expect(200);

    let full = pull(&user, "").await;
    assert_eq!(full["changes"][0]["record"]["id"], kept["id"]);
    assert_eq!(full["changes"].as_array().map(Vec::len), Some(1));
    let create = operation(
        "habit",
        "create",
        &gone["id"],
        &json!({"fields": {"title": "Gone"}}),
    );
    let late = entry_of_it(&gone);
    let results = user.push(json!([offline, create, late])).await;
    assert_eq!(statuses(&results), ["gone", "gone", "gone"]);
    assert!(results[0].get("record").is_none(), "only its grave is left");
    drop(app);
}

fn entry_of_it(habit: &Value) -> Value {
    super::entry_of(&habit["id"])
}

#[tokio::test]
async fn first_pull_continues_over_tombstones_purged_meanwhile() {
    let app = App::start().await;
    let user = app.user().await;
    let habits: Vec<_> = [
        user.habit("a").await,
        user.habit("b").await,
        user.habit("c").await,
    ]
    .into();
    let delete = operation("habit", "delete", &habits[1]["id"], &json!({}));
    user.push(json!([delete])).await;
    let first = pull(&user, "?limit=1").await;
    assert_eq!(first["has_more"], true);
    let (app, user) = app.restarted("2027-11-22T12:00:00Z", &user).await;
    let query = format!("?cursor={}", first["cursor"].as_str().expect("a cursor"));
    let rest = pull(&user, &query).await;
    assert_eq!(rest["changes"][0]["record"]["id"], habits[2]["id"]);
    assert_eq!(rest["has_more"], false);
    drop(app);
}

#[tokio::test]
async fn receipts_are_kept_for_the_configured_time() {
    let app = App::start().await;
    let user = app.user().await;
    let config = user.get("/sync/config").await.expect(200);
    let retention = json!({"operation_results_days": 90, "tombstones_days": 180});
    assert_eq!(config["retention"], retention);
    let create = create("Read");
    user.push(json!([create])).await;
    let (app, user) = app.restarted("2027-02-19T12:00:00Z", &user).await;
    let kept = user.push(json!([create])).await;
    assert_eq!(statuses(&kept), ["duplicate"]);
    let (app, user) = app.restarted("2027-02-21T12:00:00Z", &user).await;
    let forgotten = user.push(json!([create])).await;
    assert_eq!(
        statuses(&forgotten),
        ["noop"],
        "the record is there all the same"
    );
    drop(app);
}

#[tokio::test]
async fn devices_are_listed_with_their_lag() {
    let app = App::start().await;
    let user = app.user().await;
    user.habit("Read").await;
    let (phone, tablet) = (new_id(), new_id());
    let cursor = sync(&user, &phone, &Value::Null).await["cursor"].clone();
    app.clock.set("2026-11-22T12:05:00Z");
    sync(&user, &phone, &cursor).await;
    sync(&user, &tablet, &Value::Null).await;
    user.habit("Run").await;
    let listed = user.get("/devices").await.expect(200);
    let listed = listed["devices"].as_array().expect("a list").clone();
    let behind = |id: &str| {
        let device = listed
            .iter()
            .find(|device| device["id"] == id)
            .expect("listed");
        (device["position"].clone(), device["behind"].clone())
    };
    assert_eq!(behind(&phone), (json!(1), json!(1)));
    assert_eq!(behind(&tablet), (json!(0), json!(2)));
    let one = listed
        .iter()
        .find(|device| device["id"] == phone.as_str())
        .expect("listed");
    assert_eq!(one["last_seen_at"], "2026-11-22T12:05:00.000000Z");
    let path = format!("/devices/{phone}");
    user.delete(&path).await.expect(204);
    user.delete(&path).await.refused(404, "device_not_found");
    let left = user.get("/devices").await.expect(200);
    assert_eq!(left["devices"].as_array().map(Vec::len), Some(1));
    let stranger = app.user().await;
    let others = format!("/devices/{tablet}");
    stranger
        .delete(&others)
        .await
        .refused(404, "device_not_found");
}
