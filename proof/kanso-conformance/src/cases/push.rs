//! Pushes: results and exactly-once effects.

use reqwest::Method;
use serde_json::json;

use crate::account::{create, entry_of, id, new_account, operation, update, with};
use crate::answer::CheckResult;
use crate::case::cases;
use crate::ids::new_id;
use crate::server::ServerUnderTest;

cases! { "push";
    one_round_trip_pushes_and_pulls, "protocol.md, Sync: one round trip",
        "POST /sync answers the results and the changes after the cursor in one body.";
    each_operation_sees_those_before_it, "protocol.md, Operations",
        "Operations run in order, and each one sees the effects of the earlier ones.";
    one_that_fails_stops_no_other, "protocol.md, Operations",
        "A rejected operation does not stop the others.";
    a_conflict_tells_all_that_a_client_needs, "protocol.md, Operations",
        "conflict has your_base, record, clashing, mergeable, changed_by and changed_at.";
    gone_has_the_tombstone, "protocol.md, Operations",
        "gone has the tombstone of the record or of the entry's habit.";
    an_unknown_record_is_rejected, "protocol.md, Operations",
        "An update or delete of an unknown record is rejected with a code.";
    an_entry_waits_for_its_habit, "protocol.md, Operations",
        "An entry pushed before its habit is deferred, and a retry is decided anew.";
    a_repeated_push_is_done_once, "protocol.md, Exactly once",
        "A retry is answered duplicate with version and seq, and changes nothing.";
    a_repeated_conflict_shows_the_newest_record, "protocol.md, Exactly once",
        "A retry of a conflict is a conflict with the newest record.";
    the_order_of_members_is_no_difference, "protocol.md, Exactly once",
        "A retry may have its members in another order.";
    an_op_id_is_for_one_operation, "protocol.md, Operations",
        "A used op_id with another body is rejected as op_id_reused.";
    an_op_id_belongs_to_its_person, "protocol.md, Exactly once",
        "Two accounts may use the same op_id and the same record id.";
    a_version_that_was_never_given_clashes, "sync.md, Who wins",
        "A base_version that the server never assigned conflicts in every field.";
}

async fn one_round_trip_pushes_and_pulls(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    let other = account.habit("Other").await?;
    let habit = create("Read");
    let entry = entry_of(&habit["id"]);
    let answer = account
        .push(&[(habit.clone(), "applied"), (entry, "applied")])
        .await?;
    answer.is("/results/0/version", 1)?;
    answer.is("/results/0/seq", 2)?;
    answer.is("/results/1/seq", 3)?;
    // Without a cursor the push also delivers what was there before, and then its own changes.
    answer.is("/changes/0/record", other)?;
    answer.is("/changes/1/record/id", habit["id"].clone())?;
    answer.is("/changes/2/entity", "entry")?;
    answer.is("/head", 3)
}

async fn each_operation_sees_those_before_it(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    let habit = create("Read");
    let first = update("habit", &habit, 1, &json!({"title": "Run"}));
    // Base version 2 exists only after the first update of the same push.
    let second = update("habit", &habit, 2, &json!({"title": "Rest"}));
    let outbox = [
        (habit.clone(), "applied"),
        (first, "applied"),
        (second, "applied"),
    ];
    let answer = account.push(&outbox).await?;
    answer.is("/results/2/version", 3)?;
    account
        .ensure_stored(&habit, &json!({"title": "Rest", "version": 3}))
        .await
}

async fn one_that_fails_stops_no_other(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    let wrong = with(create("x"), &json!({"fields": {"title": ""}}));
    let (one, two) = (create("one"), create("two"));
    account
        .push(&[(one, "applied"), (wrong, "rejected"), (two, "applied")])
        .await?;
    let page = account.pull("").await?;
    page.must(page.list("/changes").len() == 2, "two habits")
}

async fn a_conflict_tells_all_that_a_client_needs(server: &ServerUnderTest) -> CheckResult {
    let phone = new_account(server).await?;
    let tablet = phone.on_another_device();
    let habit = phone.habit("Read").await?;
    phone
        .push(&[(
            update("habit", &habit, 1, &json!({"title": "Run"})),
            "applied",
        )])
        .await?;
    // Title conflicts with the edit of the phone, and color does not.
    let late = update(
        "habit",
        &habit,
        1,
        &json!({"title": "Rest", "color": "#112233"}),
    );
    let answer = tablet.push(&[(late, "conflict")]).await?;
    let stored = phone.stored(&habit).await?;
    answer.is("/results/0/conflict/your_base", 1)?;
    answer.is("/results/0/conflict/record", stored.clone())?;
    answer.is("/results/0/conflict/clashing", json!(["title"]))?;
    answer.is("/results/0/conflict/mergeable", json!(["color"]))?;
    answer.is("/results/0/conflict/changed_by", phone.device.clone())?;
    answer.is(
        "/results/0/conflict/changed_at",
        stored["updated_at"].clone(),
    )
}

async fn gone_has_the_tombstone(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    let habit = account.habit("Read").await?;
    account
        .delete(&format!("/habits/{}", id(&habit)))
        .await?
        .status(204)?;
    let edit = update("habit", &habit, 1, &json!({"title": "Run"}));
    let entry = entry_of(&habit["id"]);
    let answer = account.push(&[(edit, "gone"), (entry, "gone")]).await?;
    for number in [0, 1] {
        answer.is(&format!("/results/{number}/record/id"), habit["id"].clone())?;
        let deleted = answer.at(&format!("/results/{number}/record/deleted_at"));
        answer.must(deleted.is_string(), "the tombstone of the habit")?;
    }
    Ok(())
}

async fn an_unknown_record_is_rejected(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    let nothing = json!({"id": new_id()});
    let edit = update("habit", &nothing, 1, &json!({"title": "Run"}));
    let delete = operation("entry", "delete", &nothing["id"], &json!({}));
    let answer = account
        .push(&[(edit, "rejected"), (delete, "rejected")])
        .await?;
    answer.is("/results/0/code", "habit_not_found")?;
    answer.is("/results/1/code", "entry_not_found")
}

async fn an_entry_waits_for_its_habit(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    let habit = create("Read");
    let entry = entry_of(&habit["id"]);
    let answer = account.push(&[(entry.clone(), "deferred")]).await?;
    answer.is(
        "/results/0/waits_for",
        json!({"entity": "habit", "id": habit["id"]}),
    )?;
    account
        // The same op_id as before: a deferred result is not stored, so the retry is decided anew.
        .push(&[(habit, "applied"), (entry.clone(), "applied")])
        .await?;
    account.push(&[(entry, "duplicate")]).await?;
    Ok(())
}

async fn a_repeated_push_is_done_once(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    let habit = create("Read");
    let edit = update("habit", &habit, 1, &json!({"title": "Run"}));
    let wrong = operation("entry", "delete", &json!(new_id()), &json!({}));
    let push = |status| {
        let outbox = [
            (habit.clone(), status),
            (edit.clone(), status),
            (wrong.clone(), "rejected"),
        ];
        let account = &account;
        async move { account.push(&outbox).await }
    };
    let first = push("applied").await?;
    let again = push("duplicate").await?;
    // Version, seq and code are those of the first time. Only the status says that it is a retry.
    for pointer in [
        "/results/0/version",
        "/results/0/seq",
        "/results/1/seq",
        "/results/2/code",
    ] {
        again.is(pointer, first.at(pointer).clone())?;
    }
    again.is("/head", 2)
}

async fn a_repeated_conflict_shows_the_newest_record(server: &ServerUnderTest) -> CheckResult {
    let phone = new_account(server).await?;
    let tablet = phone.on_another_device();
    let habit = phone.habit("Read").await?;
    phone
        .push(&[(
            update("habit", &habit, 1, &json!({"title": "Run"})),
            "applied",
        )])
        .await?;
    let late = update("habit", &habit, 1, &json!({"title": "Rest"}));
    tablet.push(&[(late.clone(), "conflict")]).await?;
    phone
        .push(&[(
            update("habit", &habit, 2, &json!({"title": "Walk"})),
            "applied",
        )])
        .await?;
    // The stored result is the conflict, but the record may have changed since. A client that resolved
    // against the old one would conflict again.
    let again = tablet.push(&[(late, "conflict")]).await?;
    again.is("/results/0/conflict/record/title", "Walk")
}

async fn the_order_of_members_is_no_difference(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    let (op_id, habit) = (new_id(), new_id());
    for (fields, status) in [
        (
            r##""fields":{"title":"Read","color":"#112233"},"action":"create""##,
            "applied",
        ),
        (
            r##""action":"create","fields":{"color":"#112233","title":"Read"}"##,
            "duplicate",
        ),
    ] {
        // As text, because a JSON library might sort the members.
        let body = format!(
            r#"{{"operations":[{{"op_id":"{op_id}","entity":"habit","id":"{habit}",{fields}}}]}}"#
        );
        let call = account.call(Method::POST, "/sync");
        let answer = call.header("content-type", "application/json").body(body);
        answer.send().await?.is("/results/0/status", status)?;
    }
    Ok(())
}

async fn an_op_id_is_for_one_operation(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    let habit = create("Read");
    account.push(&[(habit.clone(), "applied")]).await?;
    // A client that reuses an op_id has a bug. Answering with the old result would hide it and lose the
    // new operation.
    let other = with(habit.clone(), &json!({"fields": {"title": "Run"}}));
    let answer = account.push(&[(other, "rejected")]).await?;
    answer.is("/results/0/code", "op_id_reused")?;
    account
        .ensure_stored(&habit, &json!({"title": "Read"}))
        .await
}

async fn an_op_id_belongs_to_its_person(server: &ServerUnderTest) -> CheckResult {
    // Ids are chosen by devices, so two accounts may collide. Neither may notice the other.
    let (one, other) = (new_account(server).await?, new_account(server).await?);
    let habit = create("Read");
    one.push(&[(habit.clone(), "applied")]).await?;
    other.push(&[(habit.clone(), "applied")]).await?;
    let edit = update("habit", &habit, 1, &json!({"title": "Run"}));
    other.push(&[(edit, "applied")]).await?;
    one.ensure_stored(&habit, &json!({"title": "Read", "version": 1}))
        .await
}

async fn a_version_that_was_never_given_clashes(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    let habit = account.habit("Read").await?;
    // The server cannot know what changed since a version that it never had, so every field is in
    // conflict.
    let edit = update("habit", &habit, 99, &json!({"color": "#112233"}));
    let answer = account.push(&[(edit, "conflict")]).await?;
    answer.is("/results/0/conflict/clashing", json!(["color"]))
}
