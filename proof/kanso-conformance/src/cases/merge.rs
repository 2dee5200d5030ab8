//! Merge table of `docs/sync.md`, row by row. A phone and a tablet have both seen version 1 of a record.

use serde_json::{Value, json};

use crate::account::{TestAccount, create, id, new_account, operation, update, with};
use crate::answer::{Answer, CaseFailure, CheckResult};
use crate::case::cases;
use crate::server::ServerUnderTest;

cases! { "merge";
    the_same_field_edited_twice_clashes, "sync.md, Who wins",
        "Edits of the title to different values conflict, and the first one is kept.";
    copies_of_a_replica_clash, "sync.md, Who wins",
        "Edits with one device id conflict if the sender of the second has not seen the first.";
    the_same_edit_twice_is_one, "sync.md, Who wins",
        "An edit of the title to the stored title is a noop.";
    different_fields_are_merged, "sync.md, Who wins",
        "Edits of title and colour are merged.";
    the_schedule_is_one_field, "sync.md, Who wins",
        "Edits of frequency and target conflict, and the first schedule is kept.";
    an_archived_habit_takes_a_title, "sync.md, Who wins",
        "Archiving and an edit of the title are merged.";
    a_delete_beats_an_edit, "sync.md, Who wins",
        "A delete wins over an edit, before and after it.";
    an_edit_can_revive, "sync.md, Who wins",
        "An edit with revive restores a deleted habit and its entries.";
    two_deletes_are_one, "sync.md, Who wins",
        "A delete of a deleted record is a noop.";
    the_same_create_twice_is_one, "sync.md, Who wins",
        "A second create of an id is a noop for equal content and else a conflict.";
    increments_add_up, "sync.md, Who wins",
        "Two increments are both applied, and the value is their sum.";
    an_increment_and_notes_are_merged, "sync.md, Who wins",
        "An increment and an edit of the notes are merged.";
    an_increment_and_a_value_clash, "sync.md, Who wins",
        "An increment and an edit of the value conflict.";
    an_increment_stays_in_its_bounds, "sync.md, Increments",
        "An increment applies to entries only and never makes a value negative.";
    the_day_of_an_entry_is_one_field, "sync.md, Who wins",
        "Instant, zone and date of an entry are one field.";
}

/// Returns two devices of one account, and a habit that both have pulled.
pub(super) async fn two_devices(
    server: &ServerUnderTest,
) -> Result<(TestAccount, TestAccount, Value), CaseFailure> {
    let phone = new_account(server).await?;
    let tablet = phone.on_another_device();
    let habit = phone.habit("Read").await?;
    Ok((phone, tablet, habit))
}

/// Checks a row of the table: the edit of the phone, the edit of the tablet with its expected status, and
/// the stored record.
async fn row(
    server: &ServerUnderTest,
    phones: &Value,
    tablets: &Value,
    (becomes, end): (&str, &Value),
) -> Result<Answer, CaseFailure> {
    let (phone, tablet, habit) = two_devices(server).await?;
    phone
        .push(&[(update("habit", &habit, 1, phones), "applied")])
        .await?;
    let answer = tablet
        .push(&[(update("habit", &habit, 1, tablets), becomes)])
        .await?;
    phone.ensure_stored(&habit, end).await?;
    Ok(answer)
}

async fn the_same_field_edited_twice_clashes(server: &ServerUnderTest) -> CheckResult {
    let (first, second) = (json!({"title": "Run"}), json!({"title": "Rest"}));
    let answer = row(server, &first, &second, ("conflict", &first)).await?;
    answer.is("/results/0/conflict/clashing", json!(["title"]))
}

async fn copies_of_a_replica_clash(server: &ServerUnderTest) -> CheckResult {
    let (phone, _, habit) = two_devices(server).await?;
    let cursor = phone.pull("").await?.text("/cursor").to_owned();
    let title = |title: &str| update("habit", &habit, 1, &json!({ "title": title }));
    let edit = title("Run");
    let known = json!({ (id(&habit)): [2] });
    // With the cursor from before the first edit, with no named version, and with its version named.
    let pushes = [
        (edit, json!({}), "applied"),
        (title("Rest"), json!({}), "conflict"),
        (title("Rise"), json!({ "seen_versions": {} }), "conflict"),
        (title("Ride"), json!({ "seen_versions": known }), "applied"),
    ];
    for (operation, members, status) in pushes {
        let body = json!({
            "device_id": phone.device, "cursor": cursor, "operations": [operation]
        });
        let answer = phone.post("/sync", &with(body, &members)).await?;
        answer.status(200)?;
        answer.is("/results/0/status", status)?;
    }
    Ok(())
}

async fn the_same_edit_twice_is_one(server: &ServerUnderTest) -> CheckResult {
    let edit = json!({"title": "Run"});
    let answer = row(
        server,
        &edit,
        &edit,
        ("noop", &json!({"title": "Run", "version": 2})),
    )
    .await?;
    answer.is("/results/0/version", 2)
}

async fn different_fields_are_merged(server: &ServerUnderTest) -> CheckResult {
    let (first, second) = (json!({"title": "Run"}), json!({"color": "#112233"}));
    let both = json!({"title": "Run", "color": "#112233", "version": 3});
    let answer = row(server, &first, &second, ("merged", &both)).await?;
    answer.is("/results/0/record/title", "Run")?;
    answer.is("/results/0/record/color", "#112233")
}

async fn the_schedule_is_one_field(server: &ServerUnderTest) -> CheckResult {
    let often = json!({"frequency_type": "weekly", "times_per_week": 3});
    let much = json!({"type": "numeric", "target_value": 20});
    let end = json!({"frequency_type": "weekly", "type": "boolean"});
    row(server, &often, &much, ("conflict", &end)).await?;
    Ok(())
}

async fn an_archived_habit_takes_a_title(server: &ServerUnderTest) -> CheckResult {
    let away = json!({"archived_at": "2026-03-02T12:00:00.000000Z"});
    let end = with(away.clone(), &json!({"title": "Run"}));
    row(server, &away, &json!({"title": "Run"}), ("merged", &end)).await?;
    Ok(())
}

pub(super) fn delete(record: &Value, members: &Value) -> Value {
    operation("habit", "delete", &record["id"], members)
}

async fn a_delete_beats_an_edit(server: &ServerUnderTest) -> CheckResult {
    let (phone, tablet, habit) = two_devices(server).await?;
    let edit = update("habit", &habit, 1, &json!({"title": "Run"}));
    phone
        .push(&[(delete(&habit, &json!({"base_version": 1})), "applied")])
        .await?;
    let answer = tablet.push(&[(edit, "gone")]).await?;
    answer.must(
        answer.at("/results/0/record/deleted_at").is_string(),
        "the tombstone",
    )?;
    phone.ensure_deleted(&habit).await?;

    let (phone, tablet, habit) = two_devices(server).await?;
    let edit = update("habit", &habit, 1, &json!({"title": "Run"}));
    phone.push(&[(edit, "applied")]).await?;
    tablet
        .push(&[(delete(&habit, &json!({"base_version": 1})), "applied")])
        .await?;
    phone.ensure_deleted(&habit).await
}

async fn an_edit_can_revive(server: &ServerUnderTest) -> CheckResult {
    let (phone, tablet, habit) = two_devices(server).await?;
    let entry = phone.entry(&habit, "2026-03-02").await?;
    phone
        .push(&[(delete(&habit, &json!({})), "applied")])
        .await?;
    let edit = update("habit", &habit, 1, &json!({"title": "Run"}));
    tablet
        .push(&[(with(edit, &json!({"revive": true})), "applied")])
        .await?;
    phone
        .ensure_stored(&habit, &json!({"title": "Run"}))
        .await?;
    phone
        .get(&format!("/entries/{}", id(&entry)))
        .await?
        .status(200)?;
    Ok(())
}

async fn two_deletes_are_one(server: &ServerUnderTest) -> CheckResult {
    let (phone, tablet, habit) = two_devices(server).await?;
    phone
        .push(&[(delete(&habit, &json!({})), "applied")])
        .await?;
    tablet.push(&[(delete(&habit, &json!({})), "noop")]).await?;
    phone.ensure_deleted(&habit).await
}

async fn the_same_create_twice_is_one(server: &ServerUnderTest) -> CheckResult {
    let phone = new_account(server).await?;
    let tablet = phone.on_another_device();
    for (title, becomes) in [("Read", "noop"), ("Run", "conflict")] {
        let first = create("Read");
        let second = with(create(title), &json!({"id": first["id"]}));
        phone.push(&[(first.clone(), "applied")]).await?;
        tablet.push(&[(second, becomes)]).await?;
        phone
            .ensure_stored(&first, &json!({"title": "Read", "version": 1}))
            .await?;
    }
    Ok(())
}

/// Returns two devices of one account, and an entry with the value 1 of a numeric habit.
async fn a_glass(
    server: &ServerUnderTest,
) -> Result<(TestAccount, TestAccount, Value), CaseFailure> {
    let phone = new_account(server).await?;
    let drink = json!({"title": "Drink", "type": "numeric", "target_value": 8});
    let habit = phone.habit_with(&drink).await?;
    let entry = phone.entry(&habit, "2026-03-02").await?;
    let tablet = phone.on_another_device();
    Ok((phone, tablet, entry))
}

fn add(entry: &Value, value: f64) -> Value {
    let fields = json!({"fields": {"value": value}});
    operation("entry", "increment", &entry["id"], &fields)
}

async fn increments_add_up(server: &ServerUnderTest) -> CheckResult {
    let (phone, tablet, entry) = a_glass(server).await?;
    phone.push(&[(add(&entry, 250.0), "applied")]).await?;
    let second = add(&entry, 0.125);
    tablet.push(&[(second.clone(), "applied")]).await?;
    // A retry must not add a second time, although an increment names no base version.
    tablet.push(&[(second, "duplicate")]).await?;
    // Increments may be negative: a user corrects an amount.
    phone.push(&[(add(&entry, -1.0), "applied")]).await?;
    phone
        .ensure_stored(&entry, &json!({"value": 250.125}))
        .await
}

async fn an_increment_and_notes_are_merged(server: &ServerUnderTest) -> CheckResult {
    let (phone, tablet, entry) = a_glass(server).await?;
    phone.push(&[(add(&entry, 2.0), "applied")]).await?;
    let notes = update("entry", &entry, 1, &json!({"notes": "tea"}));
    tablet.push(&[(notes, "merged")]).await?;
    phone
        .ensure_stored(&entry, &json!({"value": 3, "notes": "tea"}))
        .await
}

async fn an_increment_and_a_value_clash(server: &ServerUnderTest) -> CheckResult {
    let (phone, tablet, entry) = a_glass(server).await?;
    phone.push(&[(add(&entry, 2.0), "applied")]).await?;
    let value = update("entry", &entry, 1, &json!({"value": 9}));
    let answer = tablet.push(&[(value, "conflict")]).await?;
    answer.is("/results/0/conflict/clashing", json!(["value"]))?;
    phone.ensure_stored(&entry, &json!({"value": 3})).await
}

async fn an_increment_stays_in_its_bounds(server: &ServerUnderTest) -> CheckResult {
    let (phone, _, entry) = a_glass(server).await?;
    let habit = phone.habit("Read").await?;
    let fields = json!({"fields": {"value": 1}});
    let of_a_habit = operation("habit", "increment", &habit["id"], &fields);
    let outbox = [
        (add(&entry, -2.0), "rejected"),
        (add(&entry, 0.0001), "rejected"),
        (of_a_habit, "rejected"),
    ];
    let answer = phone.push(&outbox).await?;
    answer.is("/results/0/errors/0/pointer", "/fields/value")?;
    answer.is("/results/1/errors/0/pointer", "/fields/value")?;
    phone
        .ensure_stored(&entry, &json!({"value": 1, "version": 1}))
        .await
}

async fn the_day_of_an_entry_is_one_field(server: &ServerUnderTest) -> CheckResult {
    let (phone, tablet, entry) = a_glass(server).await?;
    let moved = json!({"completion_date": "2026-03-05T12:00:00Z"});
    phone
        .push(&[(update("entry", &entry, 1, &moved), "applied")])
        .await?;
    let zone = json!({"timezone": "Pacific/Kiritimati"});
    tablet
        .push(&[(update("entry", &entry, 1, &zone), "conflict")])
        .await?;
    phone
        .ensure_stored(
            &entry,
            &json!({"local_date": "2026-03-05", "timezone": null}),
        )
        .await
}
