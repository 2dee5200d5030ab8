//! Conflict policies (`on_conflict`) and groups of operations.

use serde_json::{Value, json};

use super::merge::{delete, two_devices};
use crate::account::{create, entry_of, id, new_account, update, with};
use crate::answer::CheckResult;
use crate::case::cases;
use crate::ids::new_id;
use crate::server::ServerUnderTest;

cases! { "rules";
    a_rule_can_decide, "sync.md, on_conflict",
        "on_conflict server keeps the stored value, client overwrites it, others conflict.";
    a_stale_delete_follows_its_rule, "sync.md, on_conflict",
        "A stale delete is applied by default, rejected by reject, dropped by server.";
    reject_refuses_what_would_merge, "sync.md, on_conflict",
        "A stale update with reject is a conflict, even if it could be merged.";
    a_device_does_not_clash_with_itself, "sync.md, Who wins",
        "Later edits of one device never conflict with its earlier ones.";
    a_group_is_applied_all_or_none, "sync.md, Groups",
        "If one operation of a group fails, the others are group_failed and not stored.";
    a_group_waits_as_a_whole, "sync.md, Groups",
        "If one operation of a group is deferred, all of them are.";
    a_group_stands_side_by_side, "sync.md, Groups",
        "A group whose operations are not adjacent is rejected as group_split.";
    a_part_of_a_group_is_refused, "sync.md, Groups",
        "With group_size, a part without the rest is group_split, in one push and over two.";
    the_size_of_a_group_is_no_content, "sync.md, Groups",
        "A retry with or without group_size is a duplicate.";
    a_contradictory_size_is_invalid, "sync.md, Groups",
        "A group_size without a group, or one that differs within a group, is invalid.";
    an_entry_stands_after_its_habit, "sync.md, Groups",
        "An entry before its own habit in a group is rejected, not deferred.";
}

async fn a_rule_can_decide(server: &ServerUnderTest) -> CheckResult {
    for (rule, becomes, title) in [
        ("reject", "conflict", "Run"),
        ("merge", "conflict", "Run"),
        ("server", "noop", "Run"),
        ("client", "applied", "Rest"),
    ] {
        let (phone, tablet, habit) = two_devices(server).await?;
        let first = update("habit", &habit, 1, &json!({"title": "Run"}));
        let second = update("habit", &habit, 1, &json!({"title": "Rest"}));
        phone.push(&[(first, "applied")]).await?;
        tablet
            .push(&[(with(second, &json!({"on_conflict": rule})), becomes)])
            .await?;
        phone
            .ensure_stored(&habit, &json!({"title": title}))
            .await?;
    }
    Ok(())
}

async fn a_stale_delete_follows_its_rule(server: &ServerUnderTest) -> CheckResult {
    for (rule, becomes, is_there) in [
        ("merge", "applied", false),
        ("reject", "conflict", true),
        ("server", "noop", true),
        ("client", "applied", false),
    ] {
        let (phone, tablet, habit) = two_devices(server).await?;
        let edit = update("habit", &habit, 1, &json!({"title": "Run"}));
        phone.push(&[(edit, "applied")]).await?;
        let stale = json!({"base_version": 1, "on_conflict": rule});
        tablet.push(&[(delete(&habit, &stale), becomes)]).await?;
        if is_there {
            phone
                .ensure_stored(&habit, &json!({"title": "Run"}))
                .await?;
        } else {
            phone.ensure_deleted(&habit).await?;
        }
    }
    Ok(())
}

async fn reject_refuses_what_would_merge(server: &ServerUnderTest) -> CheckResult {
    let (phone, tablet, habit) = two_devices(server).await?;
    let edit = update("habit", &habit, 1, &json!({"title": "Run"}));
    phone.push(&[(edit, "applied")]).await?;
    let other = update("habit", &habit, 1, &json!({"color": "#112233"}));
    tablet
        .push(&[(with(other, &json!({"on_conflict": "reject"})), "conflict")])
        .await?;
    phone.ensure_stored(&habit, &json!({"version": 2})).await
}

async fn a_device_does_not_clash_with_itself(server: &ServerUnderTest) -> CheckResult {
    // In one push and in two: the merge of the first edit changes the version in between.
    for is_apart in [false, true] {
        let (phone, tablet, habit) = two_devices(server).await?;
        let elsewhere = update("habit", &habit, 1, &json!({"color": "#112233"}));
        tablet.push(&[(elsewhere, "applied")]).await?;
        // Both were written offline, so the second names the version that the first would have made
        // without the edit of the tablet.
        let first = (
            update("habit", &habit, 1, &json!({"title": "Run"})),
            "merged",
        );
        let second = (
            update("habit", &habit, 2, &json!({"title": "Rest"})),
            "applied",
        );
        if is_apart {
            let answer = phone.push(&[first]).await?;
            // The phone names the version that it made, since copies of it would have its device id.
            let made = answer.at("/results/0/version");
            let body = json!({
                "device_id": phone.device, "seen_versions": { (id(&habit)): [made] },
                "operations": [second.0]
            });
            let answer = phone.post("/sync", &body).await?;
            answer.status(200)?;
            answer.is("/results/0/status", "applied")?;
        } else {
            phone.push(&[first, second]).await?;
        }
        phone
            .ensure_stored(&habit, &json!({"title": "Rest", "color": "#112233"}))
            .await?;
    }
    Ok(())
}

fn grouped(operation: Value) -> Value {
    with(operation, &json!({"group": "together"}))
}

async fn a_group_is_applied_all_or_none(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    let (habit, nothing) = (create("Read"), json!({"id": new_id()}));
    let stray = update("habit", &nothing, 1, &json!({"title": "x"}));
    let entry = entry_of(&habit["id"]);
    let outbox = [habit, entry, stray].map(|it| (grouped(it), "rejected"));
    let first = account.push(&outbox).await?;
    for (number, code) in ["group_failed", "group_failed", "habit_not_found"]
        .iter()
        .enumerate()
    {
        first.is(&format!("/results/{number}/code"), *code)?;
    }
    // Nothing is stored, not even the operations that would have succeeded.
    first.is("/head", 0)?;
    // A retry gets the stored results: rejected groups are final.
    let again = account.push(&outbox).await?;
    again.is("/results", first.at("/results").clone())?;
    let whole = [create("one"), create("two")].map(|it| (grouped(it), "applied"));
    account.push(&whole).await?;
    Ok(())
}

async fn a_group_waits_as_a_whole(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    let late = [create("Read"), entry_of(&json!(new_id()))];
    let answer = account
        .push(&late.map(|it| (grouped(it), "deferred")))
        .await?;
    answer.is(
        "/results/0/waits_for",
        // The habit waits too, although it could be created: a group is applied as a whole.
        answer.at("/results/1/waits_for").clone(),
    )?;
    answer.is("/head", 0)
}

async fn a_group_stands_side_by_side(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    let outbox = [
        (grouped(create("one")), "rejected"),
        (create("between"), "applied"),
        (grouped(create("two")), "rejected"),
    ];
    let answer = account.push(&outbox).await?;
    answer.is("/results/0/code", "group_split")?;
    answer.is("/results/2/code", "group_split")
}

/// Returns two operations of a group that says it has `size`.
fn pair(size: i64) -> [Value; 2] {
    ["one", "two"].map(|title| with(grouped(create(title)), &json!({"group_size": size})))
}

async fn a_part_of_a_group_is_refused(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    for operation in pair(2) {
        let answer = account.push(&[(operation, "rejected")]).await?;
        answer.is("/results/0/code", "group_split")?;
    }
    let alone = create("alone");
    let part = pair(3).map(|it| (it, "rejected"));
    let outbox = [&part[..], &[(alone, "applied")]].concat();
    let answer = account.push(&outbox).await?;
    answer.is("/results/0/code", "group_split")?;
    answer.is("/results/1/code", "group_split")?;
    account.push(&pair(2).map(|it| (it, "applied"))).await?;
    Ok(())
}

async fn the_size_of_a_group_is_no_content(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    let plain = ["one", "two"].map(|title| grouped(create(title)));
    let sized = plain.clone().map(|it| with(it, &json!({"group_size": 2})));
    account.push(&plain.map(|it| (it, "applied"))).await?;
    account.push(&sized.map(|it| (it, "duplicate"))).await?;
    Ok(())
}

async fn a_contradictory_size_is_invalid(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    let alone = with(create("alone"), &json!({"group_size": 1}));
    let [one, _] = pair(2);
    let [_, two] = pair(3);
    for outbox in [vec![alone], vec![one, two], pair(1).to_vec()] {
        let outbox: Vec<_> = outbox.into_iter().map(|it| (it, "rejected")).collect();
        let answer = account.push(&outbox).await?;
        for number in 0..outbox.len() {
            answer.is(&format!("/results/{number}/code"), "invalid")?;
            let pointer = format!("/results/{number}/errors/0/pointer");
            answer.is(&pointer, "/group_size")?;
        }
    }
    Ok(())
}

async fn an_entry_stands_after_its_habit(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    let habit = create("Read");
    let entry = entry_of(&habit["id"]);
    // The habit comes only with its group, so the entry would wait for ever.
    let outbox = [entry, habit].map(|it| (grouped(it), "rejected"));
    let answer = account.push(&outbox).await?;
    answer.is("/results/0/errors/0/pointer", "/fields/habit_id")?;
    answer.is("/results/1/code", "group_failed")
}
