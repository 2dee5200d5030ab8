//! Pushes: results, and that nothing is done twice.

use reqwest::Method;
use serde_json::json;

use crate::answer::Outcome;
use crate::case::cases;
use crate::ids::new_id;
use crate::person::{create, entry_of, id, operation, somebody, update, with};
use crate::wire::Wire;

cases! { "push";
    one_round_trip_pushes_and_pulls, "protocol.md, Sync: one round trip",
        "POST /sync answers results and, in one body, what is new after the cursor.";
    each_operation_sees_those_before_it, "protocol.md, Operations",
        "Operations are carried out in order, and each sees what those before it did.";
    one_that_fails_stops_no_other, "protocol.md, Operations",
        "An operation that fails does not stop the others.";
    a_conflict_tells_all_that_a_client_needs, "protocol.md, Operations",
        "conflict has your_base, record, clashing, mergeable, changed_by, changed_at.";
    gone_has_the_tombstone, "protocol.md, Operations",
        "gone has the tombstone, of an entry's habit as well.";
    an_unknown_record_is_rejected, "protocol.md, Operations",
        "An update or a delete of what this person does not have is rejected by code.";
    an_entry_waits_for_its_habit, "protocol.md, Operations",
        "An entry before its habit is deferred, and is tried anew when sent again.";
    a_repeated_push_is_done_once, "protocol.md, Exactly once",
        "The same operations again are duplicate, with version and seq, and change nothing.";
    a_repeated_conflict_shows_the_newest_record, "protocol.md, Exactly once",
        "A retry of a conflict stays one and is answered with the newest record.";
    the_order_of_members_is_no_difference, "protocol.md, Exactly once",
        "The body of an operation is compared by content.";
    an_op_id_is_for_one_operation, "protocol.md, Operations",
        "The op_id of another body is rejected as op_id_reused.";
    an_op_id_belongs_to_its_person, "protocol.md, Exactly once",
        "Two people may use the same op_id and the same record id.";
    a_version_that_was_never_given_clashes, "sync.md, Who wins",
        "A base_version that the server never gave out clashes in everything.";
}

async fn one_round_trip_pushes_and_pulls(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    let other = person.habit("Other").await?;
    let habit = create("Read");
    let entry = entry_of(&habit["id"]);
    let answer = person
        .push(&[(habit.clone(), "applied"), (entry, "applied")])
        .await?;
    answer.is("/results/0/version", 1)?;
    answer.is("/results/0/seq", 2)?;
    answer.is("/results/1/seq", 3)?;
    answer.is("/changes/0/record", other)?;
    answer.is("/changes/1/record/id", habit["id"].clone())?;
    answer.is("/changes/2/entity", "entry")?;
    answer.is("/head", 3)
}

async fn each_operation_sees_those_before_it(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    let habit = create("Read");
    let first = update("habit", &habit, 1, &json!({"title": "Run"}));
    let second = update("habit", &habit, 2, &json!({"title": "Rest"}));
    let outbox = [
        (habit.clone(), "applied"),
        (first, "applied"),
        (second, "applied"),
    ];
    let answer = person.push(&outbox).await?;
    answer.is("/results/2/version", 3)?;
    person
        .holds(&habit, &json!({"title": "Rest", "version": 3}))
        .await
}

async fn one_that_fails_stops_no_other(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    let wrong = with(create("x"), &json!({"fields": {"title": ""}}));
    let (one, two) = (create("one"), create("two"));
    person
        .push(&[(one, "applied"), (wrong, "rejected"), (two, "applied")])
        .await?;
    let page = person.pull("").await?;
    page.must(page.list("/changes").len() == 2, "two habits")
}

async fn a_conflict_tells_all_that_a_client_needs(wire: &Wire) -> Outcome {
    let phone = somebody(wire).await?;
    let tablet = phone.on_another_device();
    let habit = phone.habit("Read").await?;
    phone
        .push(&[(
            update("habit", &habit, 1, &json!({"title": "Run"})),
            "applied",
        )])
        .await?;
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

async fn gone_has_the_tombstone(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    let habit = person.habit("Read").await?;
    person
        .delete(&format!("/habits/{}", id(&habit)))
        .await?
        .status(204)?;
    let edit = update("habit", &habit, 1, &json!({"title": "Run"}));
    let entry = entry_of(&habit["id"]);
    let answer = person.push(&[(edit, "gone"), (entry, "gone")]).await?;
    for number in [0, 1] {
        answer.is(&format!("/results/{number}/record/id"), habit["id"].clone())?;
        let deleted = answer.at(&format!("/results/{number}/record/deleted_at"));
        answer.must(deleted.is_string(), "the tombstone of the habit")?;
    }
    Ok(())
}

async fn an_unknown_record_is_rejected(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    let nothing = json!({"id": new_id()});
    let edit = update("habit", &nothing, 1, &json!({"title": "Run"}));
    let delete = operation("entry", "delete", &nothing["id"], &json!({}));
    let answer = person
        .push(&[(edit, "rejected"), (delete, "rejected")])
        .await?;
    answer.is("/results/0/code", "habit_not_found")?;
    answer.is("/results/1/code", "entry_not_found")
}

async fn an_entry_waits_for_its_habit(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    let habit = create("Read");
    let entry = entry_of(&habit["id"]);
    let answer = person.push(&[(entry.clone(), "deferred")]).await?;
    answer.is(
        "/results/0/waits_for",
        json!({"entity": "habit", "id": habit["id"]}),
    )?;
    person
        .push(&[(habit, "applied"), (entry.clone(), "applied")])
        .await?;
    person.push(&[(entry, "duplicate")]).await?;
    Ok(())
}

async fn a_repeated_push_is_done_once(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    let habit = create("Read");
    let edit = update("habit", &habit, 1, &json!({"title": "Run"}));
    let wrong = operation("entry", "delete", &json!(new_id()), &json!({}));
    let push = |status| {
        let outbox = [
            (habit.clone(), status),
            (edit.clone(), status),
            (wrong.clone(), "rejected"),
        ];
        let person = &person;
        async move { person.push(&outbox).await }
    };
    let first = push("applied").await?;
    let again = push("duplicate").await?;
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

async fn a_repeated_conflict_shows_the_newest_record(wire: &Wire) -> Outcome {
    let phone = somebody(wire).await?;
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
    let again = tablet.push(&[(late, "conflict")]).await?;
    again.is("/results/0/conflict/record/title", "Walk")
}

async fn the_order_of_members_is_no_difference(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
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
        let body = format!(
            r#"{{"operations":[{{"op_id":"{op_id}","entity":"habit","id":"{habit}",{fields}}}]}}"#
        );
        let call = person.call(Method::POST, "/sync");
        let answer = call.header("content-type", "application/json").body(body);
        answer.send().await?.is("/results/0/status", status)?;
    }
    Ok(())
}

async fn an_op_id_is_for_one_operation(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    let habit = create("Read");
    person.push(&[(habit.clone(), "applied")]).await?;
    let other = with(habit.clone(), &json!({"fields": {"title": "Run"}}));
    let answer = person.push(&[(other, "rejected")]).await?;
    answer.is("/results/0/code", "op_id_reused")?;
    person.holds(&habit, &json!({"title": "Read"})).await
}

async fn an_op_id_belongs_to_its_person(wire: &Wire) -> Outcome {
    let (one, other) = (somebody(wire).await?, somebody(wire).await?);
    let habit = create("Read");
    one.push(&[(habit.clone(), "applied")]).await?;
    other.push(&[(habit.clone(), "applied")]).await?;
    let edit = update("habit", &habit, 1, &json!({"title": "Run"}));
    other.push(&[(edit, "applied")]).await?;
    one.holds(&habit, &json!({"title": "Read", "version": 1}))
        .await
}

async fn a_version_that_was_never_given_clashes(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    let habit = person.habit("Read").await?;
    let edit = update("habit", &habit, 99, &json!({"color": "#112233"}));
    let answer = person.push(&[(edit, "conflict")]).await?;
    answer.is("/results/0/conflict/clashing", json!(["color"]))
}
