//! Entries, one call at a time, and the day that each counts for.

use reqwest::Method;
use serde_json::{Value, json};

use crate::answer::Outcome;
use crate::case::cases;
use crate::ids::new_id;
use crate::person::{id, somebody};
use crate::wire::Wire;

cases! { "entries";
    a_habit_and_a_date_are_enough, "protocol.md, Records",
        "A create needs a habit and a date; everything else has a neutral value.";
    an_entry_needs_a_habit_of_its_person, "protocol.md, Errors",
        "An entry of a habit that this person does not have is 404 habit_not_found.";
    entries_are_changed_with_their_version, "protocol.md, Optimistic locking",
        "If-Match, 409 with the record and 428 hold for entries as for habits.";
    a_deleted_entry_looks_like_none, "protocol.md, Deleted records",
        "A deleted entry is 404, deleted again 204, and its id is 410 for a create.";
    the_list_is_filtered_by_habit_and_bounds, "protocol.md, Habits and entries",
        "Bounds are inclusive, dates mean local_date and instants completion_date.";
    the_day_is_that_of_the_clock_on_the_wall, "domain.md, 3. The local day",
        "The day is read in the entry's zone, also where clocks change and at the date line.";
    the_day_starts_when_the_person_says, "domain.md, 3. The local day",
        "Before the day start an instant counts for the day before.";
    a_day_that_is_sent_stays, "domain.md, Which zone, and when",
        "local_date of the client counts, and a new zone of the account moves no entry.";
    amounts_are_exact, "protocol.md, Values",
        "Amounts have at most three decimals; more are refused and not rounded.";
    a_habit_that_is_deleted_hides_its_entries, "protocol.md, The two pull routes",
        "Entries of a deleted habit are in no list; tombstones are among the changes.";
}

fn path(entry: &Value) -> String {
    format!("/entries/{}", id(entry))
}

async fn a_habit_and_a_date_are_enough(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    let habit = person.habit("Read").await?;
    let body = json!({"habit_id": habit["id"], "completion_date": "2026-03-02"});
    let answer = person.post("/entries", &body).await?;
    answer.status(201)?;
    answer.header_is("location", &format!("/api/v1{}", path(&answer.json)))?;
    for (member, value) in [
        ("habit_id", habit["id"].clone()),
        ("completion_date", json!("2026-03-02T00:00:00.000000Z")),
        ("local_date", json!("2026-03-02")),
        ("timezone", Value::Null),
        ("kind", json!("value")),
        ("value", json!(1)),
        ("notes", json!("")),
        ("version", json!(1)),
        ("deleted_at", Value::Null),
    ] {
        answer.is(&format!("/{member}"), value)?;
    }
    person
        .get(&path(&answer.json))
        .await?
        .is("", answer.json.clone())
}

async fn an_entry_needs_a_habit_of_its_person(wire: &Wire) -> Outcome {
    let (person, other) = (somebody(wire).await?, somebody(wire).await?);
    let theirs = other.habit("Theirs").await?;
    for habit in [json!(new_id()), theirs["id"].clone()] {
        let body = json!({"habit_id": habit, "completion_date": "2026-03-02"});
        person
            .post("/entries", &body)
            .await?
            .problem(404, "habit_not_found")?;
    }
    Ok(())
}

async fn entries_are_changed_with_their_version(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    let habit = person.habit("Read").await?;
    let entry = person.entry(&habit, "2026-03-02").await?;
    let answer = person.put(&path(&entry), &json!({"notes": "x"})).await?;
    answer.problem(428, "version_required")?;
    let call = person
        .call(Method::PATCH, &path(&entry))
        .json(&json!({"notes": "kept"}));
    let stored = call.header("if-match", "\"1\"").send().await?;
    stored.status(200)?;
    stored.is("/version", 2)?;
    let stale = json!({"version": 1, "notes": "late"});
    let answer = person.put(&path(&entry), &stale).await?;
    answer.problem(409, "conflict")?;
    answer.is("/record", stored.json.clone())?;
    answer.is("/clashing", json!(["notes"]))?;
    let moved = json!({"version": 2, "habit_id": new_id()});
    let answer = person.put(&path(&entry), &moved).await?;
    answer.names(422, "invalid", &["/habit_id"])
}

async fn a_deleted_entry_looks_like_none(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    let habit = person.habit("Read").await?;
    let entry = person.entry(&habit, "2026-03-02").await?;
    person.delete(&path(&entry)).await?.status(204)?;
    person.delete(&path(&entry)).await?.status(204)?;
    person
        .get(&path(&entry))
        .await?
        .problem(404, "entry_not_found")?;
    let again = json!({
        "id": entry["id"], "habit_id": habit["id"], "completion_date": "2026-03-02"
    });
    person.post("/entries", &again).await?.problem(410, "gone")
}

async fn the_list_is_filtered_by_habit_and_bounds(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    let (read, run) = (person.habit("Read").await?, person.habit("Run").await?);
    for (habit, when) in [
        (&read, "2026-03-01"),
        (&read, "2026-03-02T20:00:00Z"),
        (&run, "2026-03-03"),
    ] {
        person.entry(habit, when).await?;
    }
    for (query, days) in [
        (
            "from=2026-03-01&to=2026-03-03".to_owned(),
            &["03-03", "03-02", "03-01"] as &[_],
        ),
        ("from=2026-03-02&to=2026-03-02".to_owned(), &["03-02"]),
        (
            "from=2026-03-02T20:00:00Z&to=2026-03-02T20:00:00Z".to_owned(),
            &["03-02"],
        ),
        (
            "from=2026-03-02T20:00:01Z&to=2026-03-02T21:00:00Z".to_owned(),
            &[],
        ),
        (
            format!("from=2026-03-01&to=2026-03-03&habit_id={}", id(&run)),
            &["03-03"],
        ),
    ] {
        let answer = person.get(&format!("/entries?{query}")).await?;
        answer.status(200)?;
        let found = answer
            .list("")
            .iter()
            .filter_map(|it| it["local_date"].as_str());
        let found: Vec<_> = found.map(|date| date.trim_start_matches("2026-")).collect();
        answer.must(
            found == days,
            format_args!("{days:?}, newest first, not {found:?}"),
        )?;
    }
    for query in [
        "from=2026-03-02&to=2026-03-01",
        "from=yesterday",
        "limit=10",
    ] {
        let answer = person.get(&format!("/entries?{query}")).await?;
        answer.problem(400, "invalid_parameter")?;
    }
    Ok(())
}

async fn the_day_is_that_of_the_clock_on_the_wall(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    let habit = person.habit("Read").await?;
    for (zone, instant, day) in [
        ("Europe/Rome", "2026-01-15T23:30:00Z", "2026-01-16"),
        ("Europe/London", "2026-01-15T23:30:00Z", "2026-01-15"),
        ("Europe/Rome", "2026-03-29T21:59:59Z", "2026-03-29"),
        ("Europe/Rome", "2026-03-29T22:00:00Z", "2026-03-30"),
        ("Europe/Rome", "2026-10-25T22:59:59Z", "2026-10-25"),
        ("Europe/Rome", "2026-10-25T23:00:00Z", "2026-10-26"),
        ("America/Sao_Paulo", "2018-11-04T03:00:00Z", "2018-11-04"),
        ("Asia/Beirut", "2022-10-29T21:00:00Z", "2022-10-29"),
        ("Australia/Lord_Howe", "2023-09-30T15:30:00Z", "2023-10-01"),
        ("Pacific/Apia", "2011-12-30T09:59:59Z", "2011-12-29"),
        ("Pacific/Apia", "2011-12-30T10:00:00Z", "2011-12-31"),
        ("Pacific/Kiritimati", "2024-01-01T10:00:00Z", "2024-01-02"),
    ] {
        let body = json!({"habit_id": habit["id"], "completion_date": instant, "timezone": zone});
        let answer = person.post("/entries", &body).await?;
        answer.status(201)?;
        answer.is("/local_date", day)?;
    }
    Ok(())
}

async fn the_day_starts_when_the_person_says(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    let habit = person.habit("Read").await?;
    for (zone, start, instant, day) in [
        ("UTC", "03:30", "2020-09-03T03:29:00Z", "2020-09-02"),
        ("UTC", "03:30", "2020-09-03T03:30:00Z", "2020-09-03"),
        (
            "America/New_York",
            "03:00",
            "2024-03-10T07:30:00Z",
            "2024-03-10",
        ),
        (
            "America/New_York",
            "02:00",
            "2024-11-03T06:30:00Z",
            "2024-11-02",
        ),
        (
            "America/Sao_Paulo",
            "01:30",
            "2018-11-04T03:30:00Z",
            "2018-11-04",
        ),
    ] {
        let settings = json!({"timezone": zone, "day_start": start});
        person.patch("/auth/user", &settings).await?.status(200)?;
        let entry = person.entry(&habit, instant).await?;
        let answer = person.get(&path(&entry)).await?;
        answer.is("/local_date", day)?;
    }
    Ok(())
}

async fn a_day_that_is_sent_stays(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    let habit = person.habit("Read").await?;
    let body = json!({
        "habit_id": habit["id"], "completion_date": "2026-03-02T12:00:00Z",
        "local_date": "2026-02-27"
    });
    let sent = person.post("/entries", &body).await?;
    sent.status(201)?;
    sent.is("/local_date", "2026-02-27")?;
    let read = person.entry(&habit, "2026-03-02T23:30:00Z").await?;
    let settings = json!({"timezone": "Pacific/Kiritimati"});
    person.patch("/auth/user", &settings).await?.status(200)?;
    person
        .get(&path(&read))
        .await?
        .is("/local_date", "2026-03-02")?;
    let cleared = json!({"version": 1, "local_date": null});
    let answer = person.patch(&path(&read), &cleared).await?;
    answer.status(200)?;
    answer.is("/local_date", "2026-03-03")
}

async fn amounts_are_exact(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    let habit = json!({"title": "Drink", "type": "numeric", "target_value": 2.5});
    let habit = person.habit_with(&habit).await?;
    let send = |value: Value| {
        let entry = json!({
            "habit_id": habit["id"], "completion_date": "2026-03-02", "value": value
        });
        let person = &person;
        async move { person.post("/entries", &entry).await }
    };
    for value in [json!(0), json!(0.001), json!(0.3), json!(1_000_000_000)] {
        let answer = send(value.clone()).await?;
        answer.status(201)?;
        answer.is("/value", value)?;
    }
    for value in [
        json!(0.0001),
        json!(-0.001),
        json!(1_000_000_001),
        json!("1"),
    ] {
        let answer = send(value).await?;
        answer.names(422, "invalid", &["/value"])?;
    }
    Ok(())
}

async fn a_habit_that_is_deleted_hides_its_entries(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    let (read, run) = (person.habit("Read").await?, person.habit("Run").await?);
    let gone = person.entry(&read, "2026-03-02").await?;
    person.entry(&run, "2026-03-02").await?;
    let first = person.get("/entries/sync").await?;
    person.delete(&path(&gone)).await?.status(204)?;
    person
        .delete(&format!("/habits/{}", id(&run)))
        .await?
        .status(204)?;
    let list = person.get("/entries?from=2026-03-01").await?;
    list.is("", json!([]))?;
    let answer = person
        .get(&format!("/entries/sync?since={}", first.text("/cursor")))
        .await?;
    answer.status(200)?;
    answer.must(answer.list("/changes").len() == 1, "the one tombstone")?;
    answer.is("/changes/0/id", gone["id"].clone())
}
