//! The merge table of `docs/sync.md`, row by row: a phone and a tablet that have both seen version 1.

use serde_json::{Value, json};

use crate::answer::{Answer, Failure, Outcome};
use crate::case::cases;
use crate::person::{Person, create, id, operation, somebody, update, with};
use crate::wire::Wire;

cases! { "merge";
    the_same_field_edited_twice_clashes, "sync.md, Who wins",
        "Title and another title: conflict in title, and the first stays.";
    the_same_edit_twice_is_one, "sync.md, Who wins",
        "Title and the same title: noop.";
    different_fields_are_merged, "sync.md, Who wins",
        "Title and colour: merged, and both stand.";
    the_schedule_is_one_field, "sync.md, Who wins",
        "How often and how much: conflict, and the first schedule stays.";
    an_archived_habit_takes_a_title, "sync.md, Who wins",
        "Archiving and a title: merged, archived with the new title.";
    a_delete_beats_an_edit, "sync.md, Who wins",
        "A delete before or after an edit: deleted.";
    an_edit_can_revive, "sync.md, Who wins",
        "An edit with revive brings a deleted habit back, with its entries.";
    two_deletes_are_one, "sync.md, Who wins",
        "A delete and a delete: noop.";
    the_same_create_twice_is_one, "sync.md, Who wins",
        "Creates of one id: noop when alike, else a conflict with the first.";
    increments_add_up, "sync.md, Who wins",
        "Two increments: both are applied, and the value is the sum.";
    an_increment_and_notes_are_merged, "sync.md, Who wins",
        "An increment and an edit of the notes: merged.";
    an_increment_and_a_value_clash, "sync.md, Who wins",
        "An increment and an edit of the value: conflict in value.";
    an_increment_stays_in_its_bounds, "sync.md, Increments",
        "An increment never takes a value below 0, and is of entries alone.";
    the_day_of_an_entry_is_one_field, "sync.md, Who wins",
        "The instant, zone and date of an entry are one field.";
}

/// A person, the same person's other device, and a habit that both know.
pub(super) async fn two_devices(wire: &Wire) -> Result<(Person, Person, Value), Failure> {
    let phone = somebody(wire).await?;
    let tablet = phone.on_another_device();
    let habit = phone.habit("Read").await?;
    Ok((phone, tablet, habit))
}

/// What the phone does to a habit, what then becomes of the tablet's, and what stands in the end.
async fn row(
    wire: &Wire,
    phones: &Value,
    tablets: &Value,
    (becomes, end): (&str, &Value),
) -> Result<Answer, Failure> {
    let (phone, tablet, habit) = two_devices(wire).await?;
    phone
        .push(&[(update("habit", &habit, 1, phones), "applied")])
        .await?;
    let answer = tablet
        .push(&[(update("habit", &habit, 1, tablets), becomes)])
        .await?;
    phone.holds(&habit, end).await?;
    Ok(answer)
}

async fn the_same_field_edited_twice_clashes(wire: &Wire) -> Outcome {
    let (first, second) = (json!({"title": "Run"}), json!({"title": "Rest"}));
    let answer = row(wire, &first, &second, ("conflict", &first)).await?;
    answer.is("/results/0/conflict/clashing", json!(["title"]))
}

async fn the_same_edit_twice_is_one(wire: &Wire) -> Outcome {
    let edit = json!({"title": "Run"});
    let answer = row(
        wire,
        &edit,
        &edit,
        ("noop", &json!({"title": "Run", "version": 2})),
    )
    .await?;
    answer.is("/results/0/version", 2)
}

async fn different_fields_are_merged(wire: &Wire) -> Outcome {
    let (first, second) = (json!({"title": "Run"}), json!({"color": "#112233"}));
    let both = json!({"title": "Run", "color": "#112233", "version": 3});
    let answer = row(wire, &first, &second, ("merged", &both)).await?;
    answer.is("/results/0/record/title", "Run")?;
    answer.is("/results/0/record/color", "#112233")
}

async fn the_schedule_is_one_field(wire: &Wire) -> Outcome {
    let often = json!({"frequency_type": "weekly", "times_per_week": 3});
    let much = json!({"type": "numeric", "target_value": 20});
    let end = json!({"frequency_type": "weekly", "type": "boolean"});
    row(wire, &often, &much, ("conflict", &end)).await?;
    Ok(())
}

async fn an_archived_habit_takes_a_title(wire: &Wire) -> Outcome {
    let away = json!({"archived_at": "2026-03-02T12:00:00.000000Z"});
    let end = with(away.clone(), &json!({"title": "Run"}));
    row(wire, &away, &json!({"title": "Run"}), ("merged", &end)).await?;
    Ok(())
}

pub(super) fn delete(record: &Value, members: &Value) -> Value {
    operation("habit", "delete", &record["id"], members)
}

async fn a_delete_beats_an_edit(wire: &Wire) -> Outcome {
    let (phone, tablet, habit) = two_devices(wire).await?;
    let edit = update("habit", &habit, 1, &json!({"title": "Run"}));
    phone
        .push(&[(delete(&habit, &json!({"base_version": 1})), "applied")])
        .await?;
    let answer = tablet.push(&[(edit, "gone")]).await?;
    answer.must(
        answer.at("/results/0/record/deleted_at").is_string(),
        "the tombstone",
    )?;
    phone.holds_no(&habit).await?;

    let (phone, tablet, habit) = two_devices(wire).await?;
    let edit = update("habit", &habit, 1, &json!({"title": "Run"}));
    phone.push(&[(edit, "applied")]).await?;
    tablet
        .push(&[(delete(&habit, &json!({"base_version": 1})), "applied")])
        .await?;
    phone.holds_no(&habit).await
}

async fn an_edit_can_revive(wire: &Wire) -> Outcome {
    let (phone, tablet, habit) = two_devices(wire).await?;
    let entry = phone.entry(&habit, "2026-03-02").await?;
    phone
        .push(&[(delete(&habit, &json!({})), "applied")])
        .await?;
    let edit = update("habit", &habit, 1, &json!({"title": "Run"}));
    tablet
        .push(&[(with(edit, &json!({"revive": true})), "applied")])
        .await?;
    phone.holds(&habit, &json!({"title": "Run"})).await?;
    phone
        .get(&format!("/entries/{}", id(&entry)))
        .await?
        .status(200)?;
    Ok(())
}

async fn two_deletes_are_one(wire: &Wire) -> Outcome {
    let (phone, tablet, habit) = two_devices(wire).await?;
    phone
        .push(&[(delete(&habit, &json!({})), "applied")])
        .await?;
    tablet.push(&[(delete(&habit, &json!({})), "noop")]).await?;
    phone.holds_no(&habit).await
}

async fn the_same_create_twice_is_one(wire: &Wire) -> Outcome {
    let phone = somebody(wire).await?;
    let tablet = phone.on_another_device();
    for (title, becomes) in [("Read", "noop"), ("Run", "conflict")] {
        let first = create("Read");
        let second = with(create(title), &json!({"id": first["id"]}));
        phone.push(&[(first.clone(), "applied")]).await?;
        tablet.push(&[(second, becomes)]).await?;
        phone
            .holds(&first, &json!({"title": "Read", "version": 1}))
            .await?;
    }
    Ok(())
}

/// A person, the other device, and an entry of 1 that can be more.
async fn a_glass(wire: &Wire) -> Result<(Person, Person, Value), Failure> {
    let phone = somebody(wire).await?;
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

async fn increments_add_up(wire: &Wire) -> Outcome {
    let (phone, tablet, entry) = a_glass(wire).await?;
    phone.push(&[(add(&entry, 250.0), "applied")]).await?;
    let second = add(&entry, 0.125);
    tablet.push(&[(second.clone(), "applied")]).await?;
    tablet.push(&[(second, "duplicate")]).await?;
    phone.push(&[(add(&entry, -1.0), "applied")]).await?;
    phone.holds(&entry, &json!({"value": 250.125})).await
}

async fn an_increment_and_notes_are_merged(wire: &Wire) -> Outcome {
    let (phone, tablet, entry) = a_glass(wire).await?;
    phone.push(&[(add(&entry, 2.0), "applied")]).await?;
    let notes = update("entry", &entry, 1, &json!({"notes": "tea"}));
    tablet.push(&[(notes, "merged")]).await?;
    phone
        .holds(&entry, &json!({"value": 3, "notes": "tea"}))
        .await
}

async fn an_increment_and_a_value_clash(wire: &Wire) -> Outcome {
    let (phone, tablet, entry) = a_glass(wire).await?;
    phone.push(&[(add(&entry, 2.0), "applied")]).await?;
    let value = update("entry", &entry, 1, &json!({"value": 9}));
    let answer = tablet.push(&[(value, "conflict")]).await?;
    answer.is("/results/0/conflict/clashing", json!(["value"]))?;
    phone.holds(&entry, &json!({"value": 3})).await
}

async fn an_increment_stays_in_its_bounds(wire: &Wire) -> Outcome {
    let (phone, _, entry) = a_glass(wire).await?;
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
        .holds(&entry, &json!({"value": 1, "version": 1}))
        .await
}

async fn the_day_of_an_entry_is_one_field(wire: &Wire) -> Outcome {
    let (phone, tablet, entry) = a_glass(wire).await?;
    let moved = json!({"completion_date": "2026-03-05T12:00:00Z"});
    phone
        .push(&[(update("entry", &entry, 1, &moved), "applied")])
        .await?;
    let zone = json!({"timezone": "Pacific/Kiritimati"});
    tablet
        .push(&[(update("entry", &entry, 1, &zone), "conflict")])
        .await?;
    phone
        .holds(
            &entry,
            &json!({"local_date": "2026-03-05", "timezone": null}),
        )
        .await
}
