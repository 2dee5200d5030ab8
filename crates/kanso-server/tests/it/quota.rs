//! The quota of an account.

use kanso_server::config::Config;
use serde_json::{Value, json};

use crate::support::{App, TestUser, new_id, operation};

fn two_habits(config: &mut Config) {
    config.quota.live_habits = 2;
}

fn create(id: &Value) -> Value {
    operation("habit", "create", id, &json!({"fields": {"title": "Swim"}}))
}

#[tokio::test]
async fn full_account_gets_no_habit_and_everything_else() {
    let app = App::with(two_habits).await;
    let user = app.user().await;
    let read = user.habit("Read").await;
    user.habit("Run").await;
    let refused = user.post("/habits", &json!({"title": "Swim"})).await;
    let problem = refused.refused(403, "quota_exceeded");
    let detail = problem["detail"].as_str().expect("a text");
    assert!(detail.contains("at most 2 live habits"), "{detail}");
    user.entry(&read).await;
    // Another account has its own room.
    app.user().await.habit("Read").await;

    user.delete(&format!("/habits/{}", read["id"].as_str().expect("an id")))
        .header("if-match", "\"1\"")
        .await
        .expect(204);
    user.habit("Swim").await;
}

#[tokio::test]
async fn pushed_habit_without_room_has_no_final_result() {
    let app = App::with(two_habits).await;
    let user = app.user().await;
    let (read, run, swim) = (json!(new_id()), json!(new_id()), json!(new_id()));
    let waiting = create(&swim);
    let push = json!([create(&read), create(&run), waiting]);
    let results = user.push(push).await;
    let statuses: Vec<_> = results.iter().map(|result| &result["status"]).collect();
    assert_eq!(statuses, ["applied", "applied", "over_quota"]);
    assert_eq!(
        results[2]["quota"],
        json!({"name": "live_habits", "limit": 2})
    );

    let delete = operation("habit", "delete", &read, &json!({}));
    // The same `op_id`: no result was stored.
    let results = user.push(json!([delete, waiting])).await;
    let statuses: Vec<_> = results.iter().map(|result| &result["status"]).collect();
    assert_eq!(statuses, ["applied", "applied"]);
}

fn tiny(config: &mut Config) {
    config.quota.records = 3;
    config.quota.bytes = 3_000;
}

async fn used(user: &TestUser) -> Value {
    user.get("/auth/user").await.expect(200)["quota"].clone()
}

#[tokio::test]
async fn account_shows_what_it_stores_and_how_much_it_may() {
    let app = App::with(two_habits).await;
    let user = app.user().await;
    let habit = user.habit("Read").await;
    user.entry(&habit).await;
    let quota = used(&user).await;
    assert_eq!(quota["live_habits"], json!({"used": 1, "limit": 2}));
    assert_eq!(quota["records"], json!({"used": 2, "limit": 2_000_000}));
    assert_eq!(quota["bytes"]["limit"], 1 << 30);
    let bytes = quota["bytes"]["used"].as_u64().expect("a number");
    assert!((1_000..3_000).contains(&bytes), "{bytes}");
}

#[tokio::test]
async fn full_account_gets_no_record_and_can_change_what_it_has() {
    let app = App::with(tiny).await;
    let user = app.user().await;
    let habit = user.habit("Read").await;
    let entry = user.entry(&habit).await;
    user.entry(&habit).await;
    let path = format!("/entries/{}", entry["id"].as_str().expect("an id"));
    let refused = user.post("/habits", &json!({"title": "Swim"})).await;
    let problem = refused.refused(403, "quota_exceeded");
    let detail = problem["detail"].as_str().expect("a text");
    assert!(detail.contains("at most 3 records"), "{detail}");

    let long = json!({"notes": "n".repeat(2_000)});
    let refused = user.put(&path, &long).header("if-match", "\"1\"").await;
    let problem = refused.refused(403, "quota_exceeded");
    let detail = problem["detail"].as_str().expect("a text");
    assert!(detail.contains("at most 3000 bytes"), "{detail}");
    let short = json!({"notes": "ten pages"});
    user.put(&path, &short)
        .header("if-match", "\"1\"")
        .await
        .expect(200);
    user.delete(&path)
        .header("if-match", "\"2\"")
        .await
        .expect(204);

    let create = create(&json!(new_id()));
    let results = user.push(json!([create])).await;
    assert_eq!(results[0]["status"], "over_quota");
    assert_eq!(results[0]["quota"], json!({"name": "records", "limit": 3}));
    assert_eq!(used(&user).await["records"]["used"], 3);
}
