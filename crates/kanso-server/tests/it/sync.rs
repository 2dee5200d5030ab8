//! `/api/v1/sync…`

mod copies;
mod groups;
mod merging;
mod names;
mod pages;
mod races;
mod replicas;
mod restores;
mod time;
mod unreadable;

use serde_json::{Value, json};

use crate::support::{App, TestUser, new_id, operation};

fn statuses(results: &[Value]) -> Vec<&str> {
    results
        .iter()
        .map(|result| result["status"].as_str().expect("a status"))
        .collect()
}

fn seqs(changes: &Value) -> Vec<i64> {
    let changes = changes.as_array().expect("a list");
    changes
        .iter()
        .map(|change| change["seq"].as_i64().expect("a number"))
        .collect()
}

async fn pull(user: &TestUser, query: &str) -> Value {
    user.get(&format!("/sync{query}")).await.expect(200)
}

fn create(title: &str) -> Value {
    operation(
        "habit",
        "create",
        &json!(new_id()),
        &json!({"fields": {"title": title}}),
    )
}

fn entry_of(habit: &Value) -> Value {
    let fields = json!({"habit_id": habit, "completion_date": "2026-11-22"});
    operation(
        "entry",
        "create",
        &json!(new_id()),
        &json!({"fields": fields}),
    )
}

#[tokio::test]
async fn one_round_trip_pushes_the_outbox_and_pulls_the_delta() {
    let app = App::start().await;
    let phone = app.user().await;
    let laptop = app.log_in(&phone.email).await;
    let other = laptop.habit("Other").await;
    let habit = create("Read");
    let entry = entry_of(&habit["id"]);
    let body = json!({
        "device_id": new_id(), "cursor": null, "limit": 10, "operations": [habit, entry]
    });
    let answer = phone.post("/sync", &body).await.expect(200);
    assert_eq!(
        answer["results"],
        json!([
            {"op_id": habit["op_id"], "status": "applied", "version": 1, "seq": 2},
            {"op_id": entry["op_id"], "status": "applied", "version": 1, "seq": 3},
        ])
    );
    assert_eq!(
        answer["changes"][0],
        json!({"entity": "habit", "seq": 1, "record": other})
    );
    assert_eq!(answer["changes"][1]["record"]["id"], habit["id"]);
    assert_eq!(answer["changes"][2]["entity"], "entry");
    let rest = (&answer["head"], &answer["has_more"], &answer["remaining"]);
    assert_eq!(rest, (&json!(3), &json!(false), &json!(0)));

    let cursor = answer["cursor"].as_str().expect("a cursor");
    assert!(cursor.len() <= 40 && cursor.starts_with("k1_"));
    let empty = pull(&laptop, &format!("?cursor={cursor}")).await;
    assert_eq!(
        (&empty["changes"], &empty["cursor"]),
        (&json!([]), &answer["cursor"])
    );
    assert_eq!(
        phone.post("/sync", &json!({})).await.expect(200)["changes"],
        answer["changes"]
    );
}

#[tokio::test]
async fn a_retry_has_one_effect_and_the_same_result() {
    let app = App::start().await;
    let user = app.user().await;
    let create = create("Read");
    let update = operation(
        "habit",
        "update",
        &create["id"],
        &json!({"base_version": 1, "fields": {"color": "#112233"}}),
    );
    let delete = operation("entry", "delete", &json!(new_id()), &json!({}));
    let outbox = json!([create, update, delete]);
    let first = user.push(outbox.clone()).await;
    assert_eq!(statuses(&first), ["applied", "applied", "rejected"]);
    let again = user.push(outbox).await;
    assert_eq!(statuses(&again), ["duplicate", "duplicate", "rejected"]);
    for (first, again) in first.iter().zip(&again) {
        for member in ["op_id", "version", "seq", "code"] {
            assert_eq!(first[member], again[member]);
        }
    }
    assert_eq!(pull(&user, "").await["head"], 2);

    let mut other = create.clone();
    other["fields"]["title"] = json!("Write");
    let reused = user.push(json!([other])).await;
    assert_eq!(statuses(&reused), ["rejected"]);
    assert_eq!(reused[0]["code"], "op_id_reused");
}

#[tokio::test]
async fn each_operation_has_its_own_result() {
    let app = App::start().await;
    let user = app.user().await;
    let habit = user.habit("Read").await;
    let id = &habit["id"];
    let put = json!({"version": 1, "title": "Write"});
    let stored = user
        .put(&format!("/habits/{}", id.as_str().expect("an id")), &put)
        .await
        .expect(200);
    let gone = user.habit("gone").await;
    user.delete(&format!("/habits/{}", gone["id"].as_str().expect("an id")))
        .await
        .expect(204);
    let unknown = json!(new_id());
    let update = |id: &Value, version: i64, fields: Value| {
        operation(
            "habit",
            "update",
            id,
            &json!({"base_version": version, "fields": fields}),
        )
    };
    let results = user
        .push(json!([
            update(id, 1, json!({"title": "Run"})),
            update(id, 1, json!({"title": "Write"})),
            update(&unknown, 1, json!({"title": "x"})),
            update(id, 2, json!({"title": "", "color": "red"})),
            update(&gone["id"], 2, json!({"title": "x"})),
            entry_of(&gone["id"]),
            entry_of(&unknown),
            operation("entry", "delete", &unknown, &json!({})),
            operation(
                "habit",
                "create",
                &unknown,
                &json!({"fields": {"title": "late"}})
            ),
        ]))
        .await;
    let expected = [
        "conflict", "noop", "rejected", "rejected", "gone", "gone", "deferred", "rejected",
        "applied",
    ];
    assert_eq!(statuses(&results), expected);
    let conflict = json!({
        "your_base": 1, "record": stored, "clashing": ["title"], "mergeable": [],
        "changed_by": null, "changed_at": stored["updated_at"]
    });
    assert_eq!(results[0]["conflict"], conflict);
    assert_eq!(results[2]["code"], "habit_not_found");
    let pointers: Vec<_> = [0, 1]
        .map(|at| results[3]["errors"][at]["pointer"].clone())
        .into();
    assert_eq!(pointers, ["/fields/title", "/fields/color"]);
    assert!(results[4]["record"]["deleted_at"].is_string());
    assert_eq!(results[5]["record"]["id"], gone["id"]);
    assert_eq!(
        results[6]["waits_for"],
        json!({"entity": "habit", "id": unknown})
    );
    assert_eq!(results[7]["code"], "entry_not_found");
}

#[tokio::test]
async fn deferred_operation_is_applied_once_its_habit_exists() {
    let app = App::start().await;
    let user = app.user().await;
    let habit = create("Read");
    let entry = entry_of(&habit["id"]);
    assert_eq!(statuses(&user.push(json!([entry])).await), ["deferred"]);
    assert_eq!(
        statuses(&user.push(json!([habit, entry])).await),
        ["applied", "applied"]
    );
}

#[tokio::test]
async fn exceeded_limit_is_named_in_the_error() {
    let app = App::start().await;
    let user = app.user().await;
    let config = user.get("/sync/config").await.expect(200);
    assert_eq!(
        config["limits"],
        json!({
            "body_bytes": 1_048_576, "operations": 500, "page_records": 1000,
            "notes_characters": 2000, "json_depth": 32, "streams": 10, "wait_ms": 25_000
        })
    );
    let outbox = |size: usize| -> Value {
        (0..size)
            .map(|number| create(&number.to_string()))
            .collect()
    };
    let problem = user
        .post("/sync", &json!({"operations": outbox(501)}))
        .await
        .refused(422, "too_many_operations");
    assert!(problem["detail"].as_str().expect("a text").contains("500"));
    assert_eq!(user.push(outbox(500)).await.len(), 500);

    for limit in [json!(0), json!(1001)] {
        let answer = user.post("/sync", &json!({"limit": limit})).await;
        answer.invalid(422, &["/limit"]);
        assert!(
            answer.json()["detail"]
                .as_str()
                .expect("a text")
                .contains("1000")
        );
    }
    for query in [
        "?limit=0",
        "?limit=1001",
        "?limit=-1",
        "?limit=ten",
        "?limit=",
        "?limit=+5",
        "?limit=%2B5",
        "?limit=05",
        "?limit=010",
        "?limit=5.0",
        "?wait_ms=%2B0",
        "?wait_ms=00",
        "?min_seq=%2B0",
        "?min_seq=01",
        "?wait_ms=25001",
        "?wait_ms=-1",
        "?wait_ms=",
        "?min_seq=-1",
        "?min_seq=x",
    ] {
        user.get(&format!("/sync{query}"))
            .await
            .refused(400, "invalid_parameter");
    }
}

#[tokio::test]
async fn malformed_envelope_is_refused_as_a_whole() {
    let app = App::start().await;
    let user = app.user().await;
    for (body, pointer) in [
        (json!({"operations": {}}), "/operations"),
        (json!({"operations": null}), "/operations"),
        (json!({"limit": 1.5}), "/limit"),
        (json!({"limit": 1e300}), "/limit"),
        (json!({"operations": [create("a")], "group": "g"}), "/group"),
        (json!({"seen_versions": {"x": [1.5]}}), "/seen_versions/x/0"),
        (json!({"limit": -1}), "/limit"),
        (json!({"device_id": "phone"}), "/device_id"),
        (json!({"wait_ms": 25_001}), "/wait_ms"),
        (json!({"wait_ms": -1}), "/wait_ms"),
        (json!({"min_seq": -1}), "/min_seq"),
        (json!({"cursor": 7}), "/cursor"),
    ] {
        user.post("/sync", &body).await.invalid(422, &[pointer]);
    }
    assert_eq!(pull(&user, "").await["head"], 0);
}
