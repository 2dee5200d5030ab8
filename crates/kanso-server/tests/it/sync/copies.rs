//! Two copies of one replica, which share a device id.

use serde_json::{Value, json};

use super::merging::update;
use super::pull;
use crate::support::{App, TestUser, new_id};

/// A replica that may be a copy: it pushes with the id and the cursor of another one.
struct Copy<'a> {
    device: String,
    cursor: Value,
    user: &'a TestUser,
}

impl Copy<'_> {
    fn body(&self, seen_versions: &Value, operations: &[Value]) -> Value {
        json!({
            "device_id": self.device, "cursor": self.cursor, "seen_versions": seen_versions,
            "operations": operations
        })
    }

    async fn push(&self, seen_versions: &Value, operation: &Value) -> Value {
        let body = self.body(seen_versions, std::slice::from_ref(operation));
        self.user.post("/sync", &body).await.expect(200)["results"][0].take()
    }
}

/// Returns a habit at version 1 and a device that has read it.
async fn device_with_habit(user: &TestUser) -> (Value, Copy<'_>) {
    let habit = user.habit("Read").await;
    let cursor = pull(user, "").await["cursor"].take();
    let device = new_id();
    let copy = Copy {
        device,
        cursor,
        user,
    };
    (habit, copy)
}

#[tokio::test]
async fn copies_of_one_replica_do_not_overwrite_each_other() {
    let app = App::start().await;
    let user = app.user().await;
    let (habit, copy) = device_with_habit(&user).await;
    let none = json!({});
    let title = |title: &str| update("habit", &habit, 1, &json!({"title": title}));
    let first = copy.push(&none, &title("Run")).await;
    assert_eq!(first["status"], "applied");
    let clash = copy.push(&none, &title("Rest")).await;
    assert_eq!(clash["status"], "conflict", "{clash}");
    assert_eq!(clash["conflict"]["clashing"], json!(["title"]));
    assert_eq!(clash["conflict"]["record"]["title"], "Run");
    let color = update("habit", &habit, 1, &json!({"color": "#112233"}));
    assert_eq!(copy.push(&none, &color).await["status"], "merged");
    // A copy that has read the page with the edit may still hold an operation from before it. If it
    // names what it knows, the cursor does not make the edit its own.
    let cursor = pull(&user, "").await["cursor"].take();
    let read = Copy { cursor, ..copy };
    assert_eq!(read.push(&none, &title("Rest")).await["status"], "conflict");
    // A client that names nothing is judged by its cursor. Without a cursor it has read nothing.
    let old = |cursor: &Value, to: &str| {
        let operation = title(to);
        json!({"device_id": read.device, "cursor": cursor, "operations": [operation]})
    };
    for (cursor, status) in [(&Value::Null, "conflict"), (&read.cursor, "applied")] {
        let body = old(cursor, "Rise");
        let result = user.post("/sync", &body).await.expect(200)["results"][0].take();
        assert_eq!(result["status"], status, "{result}");
    }
}

#[tokio::test]
async fn an_increment_does_not_make_the_value_of_a_copy_its_own() {
    let app = App::start().await;
    let user = app.user().await;
    let (_, copy) = device_with_habit(&user).await;
    let members = json!({"title": "Drink", "type": "numeric", "target_value": 8});
    let habit = user.habit_with(&members).await;
    let entry = super::entry_of(&habit["id"]);
    let none = json!({});
    assert_eq!(copy.push(&none, &entry).await["status"], "applied");
    let read = pull(&user, "").await["cursor"].take();
    let copy = Copy {
        cursor: read,
        ..copy
    };
    let value = |value: i64| update("entry", &entry, 1, &json!({ "value": value }));
    assert_eq!(copy.push(&none, &value(7)).await["status"], "applied");
    let increment = json!({
        "op_id": new_id(), "entity": "entry", "action": "increment", "id": entry["id"],
        "fields": {"value": 1}
    });
    assert_eq!(copy.push(&none, &increment).await["status"], "applied");
    let clash = copy.push(&none, &value(9)).await;
    assert_eq!(clash["status"], "conflict", "{clash}");
    assert_eq!(clash["conflict"]["record"]["value"], 8);
}

#[tokio::test]
async fn several_pushes_before_a_pull_do_not_conflict_with_seen_versions() {
    let app = App::start().await;
    let user = app.user().await;
    let (habit, device) = device_with_habit(&user).await;
    let id = habit["id"].as_str().expect("an id");
    let mut seen = Vec::new();
    for title in ["Run", "Rest", "Rise"] {
        let operation = update("habit", &habit, 1, &json!({"title": title}));
        let result = device.push(&json!({ (id): seen }), &operation).await;
        assert_eq!(result["status"], "applied", "{result}");
        seen.push(result["version"].clone());
    }
    // The other device has not made these versions.
    let other = Copy {
        device: new_id(),
        ..device
    };
    let operation = update("habit", &habit, 1, &json!({"title": "Ride"}));
    let result = other.push(&json!({ (id): seen }), &operation).await;
    assert_eq!(result["status"], "conflict");
}

#[tokio::test]
async fn malformed_seen_versions_are_refused() {
    let app = App::start().await;
    let user = app.user().await;
    let (habit, device) = device_with_habit(&user).await;
    let id = habit["id"].as_str().expect("an id");
    let operation = update("habit", &habit, 1, &json!({"title": "Run"}));
    for seen in [
        json!({ (id): vec![1; 501] }),
        json!({ (id): [0] }),
        json!({ "x": [1] }),
    ] {
        let body = device.body(&seen, std::slice::from_ref(&operation));
        let problem = user.post("/sync", &body).await.expect(422);
        assert_eq!(
            problem["errors"][0]["pointer"], "/seen_versions",
            "{problem}"
        );
    }
    let most = json!({ (id): vec![1; 500] });
    let result = device.push(&most, &operation).await;
    assert_eq!(result["status"], "applied");
}
