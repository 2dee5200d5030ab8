//! Rules that decide instead of a person, and operations that stand or fall together.

use serde_json::{Value, json};

use super::merge::{delete, two_devices};
use crate::answer::Outcome;
use crate::case::cases;
use crate::ids::new_id;
use crate::person::{create, entry_of, somebody, update, with};
use crate::wire::Wire;

cases! { "rules";
    a_rule_can_decide, "sync.md, on_conflict",
        "on_conflict: reject and merge are a conflict, server yields, client wins.";
    a_stale_delete_follows_its_rule, "sync.md, on_conflict",
        "A stale delete is carried out, refused with reject, and dropped with server.";
    reject_refuses_what_would_merge, "sync.md, on_conflict",
        "A stale update with reject is a conflict whatever it changes.";
    a_device_does_not_clash_with_itself, "sync.md, Who wins",
        "Later edits of one device stand, also when the earlier was merged in between.";
    a_group_is_applied_all_or_none, "sync.md, Groups",
        "When one of a group fails, the others are group_failed and nothing is stored.";
    a_group_waits_as_a_whole, "sync.md, Groups",
        "When one of a group has to wait, all are deferred.";
    a_group_stands_side_by_side, "sync.md, Groups",
        "A group that is not in one piece is group_split.";
}

async fn a_rule_can_decide(wire: &Wire) -> Outcome {
    for (rule, becomes, title) in [
        ("reject", "conflict", "Run"),
        ("merge", "conflict", "Run"),
        ("server", "noop", "Run"),
        ("client", "applied", "Rest"),
    ] {
        let (phone, tablet, habit) = two_devices(wire).await?;
        let first = update("habit", &habit, 1, &json!({"title": "Run"}));
        let second = update("habit", &habit, 1, &json!({"title": "Rest"}));
        phone.push(&[(first, "applied")]).await?;
        tablet
            .push(&[(with(second, &json!({"on_conflict": rule})), becomes)])
            .await?;
        phone.holds(&habit, &json!({"title": title})).await?;
    }
    Ok(())
}

async fn a_stale_delete_follows_its_rule(wire: &Wire) -> Outcome {
    for (rule, becomes, is_there) in [
        ("merge", "applied", false),
        ("reject", "conflict", true),
        ("server", "noop", true),
        ("client", "applied", false),
    ] {
        let (phone, tablet, habit) = two_devices(wire).await?;
        let edit = update("habit", &habit, 1, &json!({"title": "Run"}));
        phone.push(&[(edit, "applied")]).await?;
        let stale = json!({"base_version": 1, "on_conflict": rule});
        tablet.push(&[(delete(&habit, &stale), becomes)]).await?;
        if is_there {
            phone.holds(&habit, &json!({"title": "Run"})).await?;
        } else {
            phone.holds_no(&habit).await?;
        }
    }
    Ok(())
}

async fn reject_refuses_what_would_merge(wire: &Wire) -> Outcome {
    let (phone, tablet, habit) = two_devices(wire).await?;
    let edit = update("habit", &habit, 1, &json!({"title": "Run"}));
    phone.push(&[(edit, "applied")]).await?;
    let other = update("habit", &habit, 1, &json!({"color": "#112233"}));
    tablet
        .push(&[(with(other, &json!({"on_conflict": "reject"})), "conflict")])
        .await?;
    phone.holds(&habit, &json!({"version": 2})).await
}

async fn a_device_does_not_clash_with_itself(wire: &Wire) -> Outcome {
    for is_apart in [false, true] {
        let (phone, tablet, habit) = two_devices(wire).await?;
        let elsewhere = update("habit", &habit, 1, &json!({"color": "#112233"}));
        tablet.push(&[(elsewhere, "applied")]).await?;
        // Both were written offline: the second builds on what the first would have made.
        let first = (
            update("habit", &habit, 1, &json!({"title": "Run"})),
            "merged",
        );
        let second = (
            update("habit", &habit, 2, &json!({"title": "Rest"})),
            "applied",
        );
        if is_apart {
            phone.push(&[first]).await?;
            phone.push(&[second]).await?;
        } else {
            phone.push(&[first, second]).await?;
        }
        phone
            .holds(&habit, &json!({"title": "Rest", "color": "#112233"}))
            .await?;
    }
    Ok(())
}

fn grouped(operation: Value) -> Value {
    with(operation, &json!({"group": "together"}))
}

async fn a_group_is_applied_all_or_none(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    let (habit, nothing) = (create("Read"), json!({"id": new_id()}));
    let stray = update("habit", &nothing, 1, &json!({"title": "x"}));
    let entry = entry_of(&habit["id"]);
    let outbox = [habit, entry, stray].map(|it| (grouped(it), "rejected"));
    let first = person.push(&outbox).await?;
    for (number, code) in ["group_failed", "group_failed", "habit_not_found"]
        .iter()
        .enumerate()
    {
        first.is(&format!("/results/{number}/code"), *code)?;
    }
    first.is("/head", 0)?;
    let again = person.push(&outbox).await?;
    again.is("/results", first.at("/results").clone())?;
    let whole = [create("one"), create("two")].map(|it| (grouped(it), "applied"));
    person.push(&whole).await?;
    Ok(())
}

async fn a_group_waits_as_a_whole(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    let late = [create("Read"), entry_of(&json!(new_id()))];
    let answer = person
        .push(&late.map(|it| (grouped(it), "deferred")))
        .await?;
    answer.is(
        "/results/0/waits_for",
        answer.at("/results/1/waits_for").clone(),
    )?;
    answer.is("/head", 0)
}

async fn a_group_stands_side_by_side(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    let outbox = [
        (grouped(create("one")), "rejected"),
        (create("between"), "applied"),
        (grouped(create("two")), "rejected"),
    ];
    let answer = person.push(&outbox).await?;
    answer.is("/results/0/code", "group_split")?;
    answer.is("/results/2/code", "group_split")
}
