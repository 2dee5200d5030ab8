//! A disk that is nearly full.

use std::time::Duration;

use kanso_application::disk::DiskReserve;
use serde_json::{Value, json};

use crate::support::{App, PASSWORD, new_id, operation};

/// Waits until `/health` shows this state of the disk.
async fn wait_for(app: &App, disk: &str) -> Value {
    for _ in 0..300 {
        let health = app.get("/health").await.expect(200);
        if health["disk"] == disk {
            return health;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the disk is never {disk}");
}

/// No file system has all of its space free, so a reserve of all of it is a full disk.
#[tokio::test]
async fn on_a_full_disk_only_reads_and_deletions_go_on() {
    let app = App::start().await;
    let person = app.user().await;
    let (kept, dropped) = (person.habit("Read").await, person.habit("Run").await);
    let full = Some(DiskReserve::Percent(100));
    let app = app
        .restarted_to_work(|config| config.disk_reserve = full)
        .await;
    let person = app.log_in(&person.email).await;
    let health = wait_for(&app, "full").await;
    assert_eq!(health["status"], "ok");
    let ready = app.get("/health/ready").await.expect(200);
    assert_eq!(ready, json!({"status": "read_only"}));

    let email = format!("{}@example.org", new_id());
    let new = json!({"email": email, "password": PASSWORD});
    let refused = app.post("/api/v1/auth/register", &new).await;
    refused.refused(503, "disk_full");
    assert_eq!(refused.header("retry-after"), "60");
    let refused = person.post("/habits", &json!({"title": "Swim"})).await;
    refused.refused(503, "disk_full");
    let id = kept["id"].as_str().expect("an id");
    let edit = json!({"version": 1, "title": "Write"});
    let refused = person.put(&format!("/habits/{id}"), &edit).await;
    refused.refused(503, "disk_full");
    let create = json!({"fields": {"title": "Swim"}});
    let create = operation("habit", "create", &json!(new_id()), &create);
    let delete = operation("habit", "delete", &dropped["id"], &json!({}));
    let body = json!({"operations": [create, delete]});
    let refused = person.post("/sync", &body).await;
    refused.refused(503, "disk_full");

    assert_eq!(
        person.get(&format!("/habits/{id}")).await.expect(200)["title"],
        "Read"
    );
    person.get("/sync").await.expect(200);
    let results = person.push(json!([delete])).await;
    assert_eq!(results[0]["status"], "applied");
    person
        .delete(&format!("/habits/{id}?purge=true"))
        .await
        .expect(204);
    app.log_in(&person.email).await;

    // Once there is room, everything goes on.
    let app = app.restarted_to_work(|_| {}).await;
    let person = app.log_in(&person.email).await;
    wait_for(&app, "enough").await;
    person.habit("Swim").await;
}
