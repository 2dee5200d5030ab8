//! The quota of an account.

use kanso_server::config::Config;
use serde_json::{Value, json};

use crate::support::{App, new_id, operation};

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
