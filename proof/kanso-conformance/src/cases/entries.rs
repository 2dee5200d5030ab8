//! Entries through the REST routes, and the day for which each of them counts.

use reqwest::Method;
use serde_json::{Value, json};

use crate::account::{id, new_account};
use crate::answer::CheckResult;
use crate::case::cases;
use crate::ids::new_id;
use crate::server::ServerUnderTest;

cases! { "entries";
    a_habit_and_a_date_are_enough, "protocol.md, Records",
        "A create of an entry needs a habit and a date; other members have defaults.";
    an_entry_needs_a_habit_of_its_person, "protocol.md, Errors",
        "An entry of a habit that the account does not have is answered 404 habit_not_found.";
    entries_are_changed_with_their_version, "protocol.md, Optimistic locking",
        "Entries follow the rules of habits for If-Match, 409 and 428.";
    a_deleted_entry_looks_like_none, "protocol.md, Deleted records",
        "A deleted entry is answered 404, a second delete 204, a create of its id 410.";
    the_list_is_filtered_by_habit_and_bounds, "protocol.md, Habits and entries",
        "Bounds are inclusive: dates select by local_date, instants by completion_date.";
    the_day_is_that_of_the_clock_on_the_wall, "domain.md, 3. The local day",
        "An instant counts for its day in the entry's zone, also where clocks change.";
    the_day_starts_when_the_person_says, "domain.md, 3. The local day",
        "An instant before the day start of the account counts for the previous day.";
    a_day_that_is_sent_stays, "domain.md, Which zone, and when",
        "A local_date that the client sends is stored, and a new zone moves no entry.";
    amounts_are_exact, "protocol.md, Values",
        "Amounts have at most three decimals; an amount with more is rejected.";
    a_habit_that_is_deleted_hides_its_entries, "protocol.md, The two pull routes",
        "Lists omit entries of a deleted habit, and the changes have their tombstones.";
}

fn path(entry: &Value) -> String {
    format!("/entries/{}", id(entry))
}

async fn a_habit_and_a_date_are_enough(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    let habit = account.habit("Read").await?;
    let body = json!({"habit_id": habit["id"], "completion_date": "2026-03-02"});
    let answer = account.post("/entries", &body).await?;
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
    account
        .get(&path(&answer.json))
        .await?
        .is("", answer.json.clone())
}

async fn an_entry_needs_a_habit_of_its_person(server: &ServerUnderTest) -> CheckResult {
    let (account, other) = (new_account(server).await?, new_account(server).await?);
    let theirs = other.habit("Theirs").await?;
    for habit in [json!(new_id()), theirs["id"].clone()] {
        let body = json!({"habit_id": habit, "completion_date": "2026-03-02"});
        account
            .post("/entries", &body)
            .await?
            .problem(404, "habit_not_found")?;
    }
    Ok(())
}

async fn entries_are_changed_with_their_version(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    let habit = account.habit("Read").await?;
    let entry = account.entry(&habit, "2026-03-02").await?;
    let answer = account.put(&path(&entry), &json!({"notes": "x"})).await?;
    answer.problem(428, "version_required")?;
    let call = account
        .call(Method::PATCH, &path(&entry))
        .json(&json!({"notes": "kept"}));
    let stored = call.header("if-match", "\"1\"").send().await?;
    stored.status(200)?;
    stored.is("/version", 2)?;
    let stale = json!({"version": 1, "notes": "late"});
    let answer = account.put(&path(&entry), &stale).await?;
    answer.problem(409, "conflict")?;
    answer.is("/record", stored.json.clone())?;
    answer.is("/clashing", json!(["notes"]))?;
    let moved = json!({"version": 2, "habit_id": new_id()});
    let answer = account.put(&path(&entry), &moved).await?;
    answer.names(422, "invalid", &["/habit_id"])
}

async fn a_deleted_entry_looks_like_none(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    let habit = account.habit("Read").await?;
    let entry = account.entry(&habit, "2026-03-02").await?;
    account.delete(&path(&entry)).await?.status(204)?;
    account.delete(&path(&entry)).await?.status(204)?;
    account
        .get(&path(&entry))
        .await?
        .problem(404, "entry_not_found")?;
    let again = json!({
        "id": entry["id"], "habit_id": habit["id"], "completion_date": "2026-03-02"
    });
    account.post("/entries", &again).await?.problem(410, "gone")
}

async fn the_list_is_filtered_by_habit_and_bounds(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    let (read, run) = (account.habit("Read").await?, account.habit("Run").await?);
    for (habit, when) in [
        (&read, "2026-03-01"),
        (&read, "2026-03-02T20:00:00Z"),
        (&run, "2026-03-03"),
    ] {
        account.entry(habit, when).await?;
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
        let answer = account.get(&format!("/entries?{query}")).await?;
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
    for query in ["from=2026-03-02&to=2026-03-01", "from=yesterday", "limit=0"] {
        let answer = account.get(&format!("/entries?{query}")).await?;
        answer.problem(400, "invalid_parameter")?;
    }
    Ok(())
}

async fn the_day_is_that_of_the_clock_on_the_wall(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    let habit = account.habit("Read").await?;
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
        // Samoa skipped 2011-12-30 when it moved across the date line.
        ("Pacific/Apia", "2011-12-30T09:59:59Z", "2011-12-29"),
        ("Pacific/Apia", "2011-12-30T10:00:00Z", "2011-12-31"),
        ("Pacific/Kiritimati", "2024-01-01T10:00:00Z", "2024-01-02"),
    ] {
        let body = json!({"habit_id": habit["id"], "completion_date": instant, "timezone": zone});
        let answer = account.post("/entries", &body).await?;
        answer.status(201)?;
        answer.is("/local_date", day)?;
    }
    Ok(())
}

async fn the_day_starts_when_the_person_says(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    let habit = account.habit("Read").await?;
    for (zone, start, instant, day) in [
        // One minute before the day start, and the day start itself.
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
        account.patch("/auth/user", &settings).await?.status(200)?;
        let entry = account.entry(&habit, instant).await?;
        let answer = account.get(&path(&entry)).await?;
        answer.is("/local_date", day)?;
    }
    Ok(())
}

async fn a_day_that_is_sent_stays(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    let habit = account.habit("Read").await?;
    let body = json!({
        "habit_id": habit["id"], "completion_date": "2026-03-02T12:00:00Z",
        "local_date": "2026-02-27"
    });
    let sent = account.post("/entries", &body).await?;
    sent.status(201)?;
    sent.is("/local_date", "2026-02-27")?;
    let read = account.entry(&habit, "2026-03-02T23:30:00Z").await?;
    // UTC+14, in which the instant is on the next day.
    let settings = json!({"timezone": "Pacific/Kiritimati"});
    account.patch("/auth/user", &settings).await?.status(200)?;
    account
        .get(&path(&read))
        .await?
        .is("/local_date", "2026-03-02")?;
    // Null asks the server to compute the day again, now in the new zone.
    let cleared = json!({"version": 1, "local_date": null});
    let answer = account.patch(&path(&read), &cleared).await?;
    answer.status(200)?;
    answer.is("/local_date", "2026-03-03")
}

async fn amounts_are_exact(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    let habit = json!({"title": "Drink", "type": "numeric", "target_value": 2.5});
    let habit = account.habit_with(&habit).await?;
    let send = |value: Value| {
        let entry = json!({
            "habit_id": habit["id"], "completion_date": "2026-03-02", "value": value
        });
        let account = &account;
        async move { account.post("/entries", &entry).await }
    };
    for value in [json!(0), json!(0.001), json!(0.3), json!(1_000_000_000)] {
        let answer = send(value.clone()).await?;
        answer.status(201)?;
        answer.is("/value", value)?;
    }
    for value in [
        // Four decimals, below zero, above the maximum, and a text.
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

async fn a_habit_that_is_deleted_hides_its_entries(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    let (read, run) = (account.habit("Read").await?, account.habit("Run").await?);
    let gone = account.entry(&read, "2026-03-02").await?;
    account.entry(&run, "2026-03-02").await?;
    let first = account.get("/entries/sync").await?;
    account.delete(&path(&gone)).await?.status(204)?;
    account
        .delete(&format!("/habits/{}", id(&run)))
        .await?
        .status(204)?;
    let list = account.get("/entries?from=2026-03-01").await?;
    list.is("", json!([]))?;
    let answer = account
        .get(&format!("/entries/sync?since={}", first.text("/cursor")))
        .await?;
    answer.status(200)?;
    answer.must(answer.list("/changes").len() == 1, "the one tombstone")?;
    answer.is("/changes/0/id", gone["id"].clone())
}
