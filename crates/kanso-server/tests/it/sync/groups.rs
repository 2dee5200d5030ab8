//! Groups of a push: their size and their order.

use serde_json::{Value, json};

use super::{create, entry_of, pull, statuses};
use crate::support::App;

/// Puts an operation into the group `g`, with these further members.
fn grouped(mut operation: Value, members: &Value) -> Value {
    operation["group"] = json!("g");
    for (name, value) in members.as_object().expect("an object") {
        operation[name] = value.clone();
    }
    operation
}

fn codes(results: &[Value]) -> Vec<&str> {
    let codes = results.iter().map(|result| result["code"].as_str());
    codes.map(|code| code.unwrap_or("none")).collect()
}

#[tokio::test]
async fn part_of_a_group_is_refused_for_good() {
    let app = App::start().await;
    let user = app.user().await;
    let size = json!({"group_size": 3});
    let [one, two, three] = ["1", "2", "3"].map(|title| grouped(create(title), &size));
    for part in [json!([one, two]), json!([three])] {
        for _ in 0..2 {
            let results = user.push(part.clone()).await;
            assert!(
                codes(&results).iter().all(|&code| code == "group_split"),
                "{results:?}"
            );
        }
    }
    // Two parts in one push, and a part before other operations.
    let [one, two, three] = ["1", "2", "3"].map(|title| grouped(create(title), &size));
    let results = user.push(json!([one, create("x"), two, three])).await;
    assert_eq!(
        codes(&results),
        ["group_split", "none", "group_split", "group_split"]
    );
    let [one, two] = ["1", "2"].map(|title| grouped(create(title), &size));
    let results = user.push(json!([one, two, create("y")])).await;
    assert_eq!(codes(&results), ["group_split", "group_split", "none"]);
    assert_eq!(pull(&user, "").await["head"], 2);
    // The whole group.
    let [one, two, three] = ["1", "2", "3"].map(|title| grouped(create(title), &size));
    let results = user.push(json!([one, two, three])).await;
    assert_eq!(statuses(&results), ["applied"; 3]);
}

#[tokio::test]
async fn size_makes_no_other_operation_of_a_retry() {
    let app = App::start().await;
    let user = app.user().await;
    let plain = ["1", "2"].map(|title| grouped(create(title), &json!({})));
    let sized = plain
        .clone()
        .map(|it| grouped(it, &json!({"group_size": 2})));
    assert_eq!(statuses(&user.push(json!(plain)).await), ["applied"; 2]);
    assert_eq!(statuses(&user.push(json!(sized)).await), ["duplicate"; 2]);
    assert_eq!(statuses(&user.push(json!(plain)).await), ["duplicate"; 2]);
    // A part of a group that was carried out gets its results.
    assert_eq!(statuses(&user.push(json!([sized[0]])).await), ["duplicate"]);
}

#[tokio::test]
async fn size_that_cannot_be_is_invalid() {
    let app = App::start().await;
    let user = app.user().await;
    let sized = |size: i64| grouped(create("x"), &json!({"group_size": size}));
    let mut alone = create("x");
    alone["group_size"] = json!(1);
    for (outbox, count) in [
        // A size without a group.
        (json!([alone]), 1),
        (json!([sized(0)]), 1),
        (json!([sized(501)]), 1),
        // More operations than the size says.
        (json!([sized(1), sized(1)]), 2),
        // Sizes that disagree.
        (json!([sized(2), sized(3)]), 2),
        (json!([sized(2), grouped(create("x"), &json!({}))]), 2),
        (json!([grouped(create("x"), &json!({})), sized(2)]), 2),
    ] {
        let results = user.push(outbox.clone()).await;
        assert_eq!(codes(&results), vec!["invalid"; count], "{outbox}");
        for result in &results {
            assert_eq!(result["errors"][0]["pointer"], "/group_size", "{outbox}");
        }
    }
    assert_eq!(pull(&user, "").await["head"], 0);
}

#[tokio::test]
async fn entry_before_its_own_habit_in_a_group_is_refused_for_good() {
    let app = App::start().await;
    let user = app.user().await;
    let habit = create("Read");
    let [entry, one] = [entry_of(&habit["id"]), grouped(habit.clone(), &json!({}))];
    let group = json!([
        grouped(entry, &json!({})),
        grouped(create("x"), &json!({})),
        one
    ]);
    for _ in 0..2 {
        let results = user.push(group.clone()).await;
        assert_eq!(codes(&results), ["invalid", "group_failed", "group_failed"]);
        let error = json!([{
            "pointer": "/fields/habit_id",
            "detail": "must stand after its habit, which the same group creates later"
        }]);
        assert_eq!(results[0]["errors"], error);
    }
    // A habit that comes from elsewhere may still arrive.
    let other = create("Other");
    let waiting = json!([
        grouped(create("x"), &json!({})),
        grouped(entry_of(&other["id"]), &json!({}))
    ]);
    assert_eq!(statuses(&user.push(waiting.clone()).await), ["deferred"; 2]);
    assert_eq!(statuses(&user.push(json!([other])).await), ["applied"]);
    assert_eq!(statuses(&user.push(waiting).await), ["applied"; 2]);
    // Without a group, the entry waits and the next push carries it out.
    let habit = create("Read");
    let outbox = json!([entry_of(&habit["id"]), habit]);
    assert_eq!(
        statuses(&user.push(outbox.clone()).await),
        ["deferred", "applied"]
    );
    assert_eq!(statuses(&user.push(outbox).await), ["applied", "duplicate"]);
}
