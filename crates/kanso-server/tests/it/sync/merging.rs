//! The merge table of `docs/sync.md`, row by row: two devices that have both seen version 1.

use serde_json::{Value, json};

use super::{pull, statuses};
use crate::support::{App, TestUser, new_id, operation};

/// A device of a user. It pushes its operations explicitly, as after a time offline.
struct Device<'a> {
    id: String,
    user: &'a TestUser,
}

impl<'a> Device<'a> {
    fn of(user: &'a TestUser) -> Self {
        let id = new_id();
        Self { id, user }
    }

    async fn push(&self, operations: &[Value]) -> Vec<Value> {
        let body = json!({"device_id": self.id, "operations": operations});
        let answer = self.user.post("/sync", &body).await.expect(200);
        answer["results"].as_array().expect("a list").clone()
    }

    async fn push_one(&self, operation: &Value) -> Value {
        self.push(std::slice::from_ref(operation)).await.remove(0)
    }
}

pub(super) fn update(entity: &str, record: &Value, base: i64, fields: &Value) -> Value {
    let members = json!({"base_version": base, "fields": fields});
    operation(entity, "update", &record["id"], &members)
}

fn with(mut operation: Value, members: &Value) -> Value {
    let members = members.as_object().expect("an object").clone();
    operation
        .as_object_mut()
        .expect("an object")
        .extend(members);
    operation
}

/// Pushes the phone's operation, then the tablet's. Returns both results and the final record.
async fn both(user: &TestUser, phone: &Value, tablet: &Value) -> (Vec<Value>, Value) {
    let first = Device::of(user).push_one(phone).await;
    let second = Device::of(user).push_one(tablet).await;
    let page = pull(user, "").await;
    let changes = page["changes"].as_array().expect("a list");
    let is_meant = |change: &&Value| change["record"]["id"] == phone["id"];
    let record = changes.iter().find(is_meant);
    let record = record.map_or(Value::Null, |change| change["record"].clone());
    (vec![first, second], record)
}

#[tokio::test]
async fn edits_of_the_same_member_clash_and_the_first_stands() {
    let app = App::start().await;
    let user = app.user().await;
    let habit = user.habit("Read").await;
    let phone = Device::of(&user);
    let mine = update(
        "habit",
        &habit,
        1,
        &json!({"title": "Run", "color": "#112233"}),
    );
    phone.push_one(&mine).await;
    let theirs = json!({"title": "Rest", "unit": "pages"});
    let clash = Device::of(&user)
        .push_one(&update("habit", &habit, 1, &theirs))
        .await;
    assert_eq!(clash["status"], "conflict");
    let conflict = &clash["conflict"];
    assert_eq!(conflict["your_base"], 1);
    assert_eq!(conflict["clashing"], json!(["title"]));
    assert_eq!(conflict["mergeable"], json!(["unit"]));
    assert_eq!(conflict["changed_by"], phone.id);
    assert_eq!(conflict["changed_at"], conflict["record"]["updated_at"]);
    assert_eq!(conflict["record"]["title"], "Run");
    assert_eq!(conflict["record"]["unit"], "", "nothing of it was written");
}

#[tokio::test]
async fn edits_of_other_members_both_stand() {
    let app = App::start().await;
    let user = app.user().await;
    let habit = user.habit("Read").await;
    let (results, record) = both(
        &user,
        &update("habit", &habit, 1, &json!({"title": "Run"})),
        &update("habit", &habit, 1, &json!({"color": "#112233"})),
    )
    .await;
    assert_eq!(statuses(&results), ["applied", "merged"]);
    assert_eq!(
        results[1]["record"], record,
        "the merged record is in the result"
    );
    assert_eq!(
        (&record["title"], &record["color"]),
        (&json!("Run"), &json!("#112233"))
    );
    assert_eq!(
        (&results[1]["version"], &record["version"]),
        (&json!(3), &json!(3))
    );
}

#[tokio::test]
async fn equal_edits_are_no_conflict() {
    let app = App::start().await;
    let user = app.user().await;
    let habit = user.habit("Read").await;
    let edit = || update("habit", &habit, 1, &json!({"title": "Run"}));
    let (results, record) = both(&user, &edit(), &edit()).await;
    assert_eq!(statuses(&results), ["applied", "noop"]);
    assert_eq!(record["version"], 2);
}

#[tokio::test]
async fn schedules_clash_as_a_whole_with_their_history() {
    let app = App::start().await;
    let user = app.user().await;
    let habit = user.habit("Read").await;
    let (results, record) = both(
        &user,
        &update(
            "habit",
            &habit,
            1,
            &json!({"frequency_type": "weekly", "times_per_week": 3}),
        ),
        &update(
            "habit",
            &habit,
            1,
            &json!({"type": "numeric", "target_value": 8}),
        ),
    )
    .await;
    assert_eq!(statuses(&results), ["applied", "conflict"]);
    let clashing = json!(["type", "target_value"]);
    assert_eq!(results[1]["conflict"]["clashing"], clashing);
    assert_eq!(record["schedule_history"][0]["times_per_week"], 3);
}

#[tokio::test]
async fn an_archived_habit_can_be_edited_elsewhere() {
    let app = App::start().await;
    let user = app.user().await;
    let habit = user.habit("Read").await;
    let (results, record) = both(
        &user,
        &update(
            "habit",
            &habit,
            1,
            &json!({"archived_at": "2026-11-22T12:00:00Z"}),
        ),
        &update("habit", &habit, 1, &json!({"title": "Run"})),
    )
    .await;
    assert_eq!(statuses(&results), ["applied", "merged"]);
    assert_eq!(record["title"], "Run");
    assert!(record["archived_at"].is_string());
}

#[tokio::test]
async fn a_delete_beats_an_edit_in_either_order_unless_the_edit_revives() {
    let app = App::start().await;
    let user = app.user().await;
    for revive in [false, true] {
        let habit = user.habit("Read").await;
        let kept = user.entry(&habit).await;
        let delete = operation("habit", "delete", &habit["id"], &json!({"base_version": 1}));
        let edit = update("habit", &habit, 1, &json!({"title": "Run"}));
        let edit = with(edit, &json!({"revive": revive}));
        let (results, record) = both(&user, &delete, &edit).await;
        if revive {
            assert_eq!(statuses(&results), ["applied", "applied"]);
            assert_eq!(record["title"], "Run");
            let path = format!("/entries/{}", kept["id"].as_str().expect("an id"));
            user.get(&path).await.expect(200);
        } else {
            assert_eq!(statuses(&results), ["applied", "gone"]);
            assert!(results[1]["record"]["deleted_at"].is_string());
            assert_eq!(record, Value::Null);
        }
    }
    let habit = user.habit("Read").await;
    let (results, record) = both(
        &user,
        &update("habit", &habit, 1, &json!({"title": "Run"})),
        &operation("habit", "delete", &habit["id"], &json!({"base_version": 1})),
    )
    .await;
    assert_eq!(statuses(&results), ["applied", "applied"]);
    assert_eq!(record, Value::Null);
}

#[tokio::test]
async fn second_deletion_succeeds() {
    let app = App::start().await;
    let user = app.user().await;
    let habit = user.habit("Read").await;
    let delete = || operation("habit", "delete", &habit["id"], &json!({}));
    let (results, record) = both(&user, &delete(), &delete()).await;
    assert_eq!(statuses(&results), ["applied", "noop"]);
    assert_eq!(record, Value::Null);
}

#[tokio::test]
async fn second_creation_conflicts_unless_it_is_equal() {
    let app = App::start().await;
    let user = app.user().await;
    for (title, expected) in [("Read", "noop"), ("Run", "conflict")] {
        let id = json!(new_id());
        let create =
            |title: &str| operation("habit", "create", &id, &json!({"fields": {"title": title}}));
        let (results, record) = both(&user, &create("Read"), &create(title)).await;
        assert_eq!(statuses(&results), ["applied", expected]);
        assert_eq!(record["title"], "Read");
    }
}

#[tokio::test]
async fn increments_add_up() {
    let app = App::start().await;
    let user = app.user().await;
    let habit = user
        .habit_with(&json!({"title": "Drink", "type": "numeric", "target_value": 2000}))
        .await;
    let entry = user.entry(&habit).await;
    let add = |value: f64| {
        operation(
            "entry",
            "increment",
            &entry["id"],
            &json!({"fields": {"value": value}}),
        )
    };
    let (results, record) = both(&user, &add(250.0), &add(0.125)).await;
    assert_eq!(statuses(&results), ["applied", "applied"]);
    assert_eq!(record["value"], 251.125);
    let retried = add(1.0);
    let device = Device::of(&user);
    let twice = [
        device.push_one(&retried).await,
        device.push_one(&retried).await,
    ];
    assert_eq!(statuses(&twice), ["applied", "duplicate"]);
    let edit = update("entry", &entry, 1, &json!({"notes": "tea"}));
    assert_eq!(device.push_one(&edit).await["status"], "merged");
    let refused = device
        .push(&[add(-1_000.0), with(add(1.0), &json!({"base_version": 1}))])
        .await;
    assert_eq!(statuses(&refused), ["rejected", "rejected"]);
    assert_eq!(refused[0]["errors"][0]["pointer"], "/fields/value");
    assert_eq!(refused[1]["errors"][0]["pointer"], "/base_version");
    let on_a_habit = operation(
        "habit",
        "increment",
        &habit["id"],
        &json!({"fields": {"value": 1}}),
    );
    assert_eq!(device.push_one(&on_a_habit).await["status"], "rejected");
}

#[tokio::test]
async fn conflict_policy_decides_instead_of_the_user() {
    let app = App::start().await;
    let user = app.user().await;
    for (rule, status, title) in [
        ("reject", "conflict", "Run"),
        ("merge", "conflict", "Run"),
        ("server", "noop", "Run"),
        ("client", "applied", "Rest"),
    ] {
        let habit = user.habit("Read").await;
        let theirs = update("habit", &habit, 1, &json!({"title": "Rest"}));
        let theirs = with(theirs, &json!({"on_conflict": rule}));
        let mine = update("habit", &habit, 1, &json!({"title": "Run"}));
        let (results, record) = both(&user, &mine, &theirs).await;
        assert_eq!(statuses(&results), ["applied", status], "{rule}");
        assert_eq!(record["title"], title, "{rule}");
    }
}

#[tokio::test]
async fn a_device_does_not_clash_with_itself() {
    let app = App::start().await;
    let user = app.user().await;
    for is_apart in [false, true] {
        let habit = user.habit("Read").await;
        let elsewhere = update("habit", &habit, 1, &json!({"color": "#112233"}));
        Device::of(&user).push_one(&elsewhere).await;
        // Both were written offline: the second builds on the result of the first.
        let edits = [
            update("habit", &habit, 1, &json!({"title": "Run"})),
            update("habit", &habit, 2, &json!({"title": "Rest"})),
        ];
        let device = Device::of(&user);
        let results = if is_apart {
            let first = device.push_one(&edits[0]).await;
            let id = habit["id"].as_str().expect("an id");
            let body = json!({
                "device_id": device.id, "operations": [edits[1]],
                "seen_versions": { (id): [first["version"]] }
            });
            let second = user.post("/sync", &body).await.expect(200)["results"][0].take();
            vec![first, second]
        } else {
            device.push(&edits).await
        };
        assert_eq!(statuses(&results), ["merged", "applied"]);
    }
}

#[tokio::test]
async fn a_group_is_applied_all_or_none() {
    let app = App::start().await;
    let user = app.user().await;
    let device = Device::of(&user);
    let habit = super::create("Read");
    let entry = super::entry_of(&habit["id"]);
    let grouped = |operation: &Value| with(operation.clone(), &json!({"group": "g1"}));
    let stray = update("habit", &json!({"id": new_id()}), 1, &json!({"title": "x"}));
    let fails = [grouped(&habit), grouped(&entry), grouped(&stray)];
    let results = device.push(&fails).await;
    assert_eq!(statuses(&results), ["rejected", "rejected", "rejected"]);
    let codes = ["group_failed", "group_failed", "habit_not_found"];
    for (result, code) in results.iter().zip(codes) {
        assert_eq!(result["code"], code);
    }
    assert_eq!(pull(&user, "").await["head"], 0);
    assert_eq!(
        device.push(&fails).await,
        results,
        "a retry gets the same answer"
    );
    let corrected = [
        grouped(&super::create("Read")),
        grouped(&super::create("Run")),
    ];
    assert_eq!(
        statuses(&device.push(&corrected).await),
        ["applied", "applied"]
    );
    let late = [
        grouped(&super::create("Rest")),
        grouped(&super::entry_of(&json!(new_id()))),
    ];
    let results = device.push(&late).await;
    assert_eq!(statuses(&results), ["deferred", "deferred"]);
    assert_eq!(results[0]["waits_for"], results[1]["waits_for"]);
    let split = [
        grouped(&super::create("a")),
        super::create("b"),
        grouped(&super::create("c")),
    ];
    let results = device.push(&split).await;
    assert_eq!(statuses(&results), ["rejected", "applied", "rejected"]);
    assert_eq!(results[0]["code"], "group_split");
    let nameless = with(super::create("a"), &json!({"group": ""}));
    assert_eq!(
        device.push_one(&nameless).await["errors"][0]["pointer"],
        "/group"
    );
}
