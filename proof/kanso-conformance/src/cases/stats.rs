//! Today, streaks, rates and heatmaps.

use reqwest::Method;
use serde_json::{Value, json};

use crate::answer::{Failure, Outcome};
use crate::case::cases;
use crate::ids::new_id;
use crate::person::{Person, id, somebody};
use crate::wire::Wire;

cases! { "stats";
    today_has_the_state_of_each_habit, "protocol.md, Statistics",
        "GET /today has date, zone, end of the day, and the state of each habit.";
    today_is_read_in_the_callers_zone, "protocol.md, The zone",
        "X-Timezone and tz decide what today is; two different ones are 400.";
    a_day_ends_where_the_zone_says, "domain.md, Today",
        "The end of today is the next start of a day on the wall of the zone.";
    a_streak_counts_done_units, "domain.md, Streaks",
        "Done adds one, missed sets to zero, and the longest is the maximum.";
    a_late_entry_repairs_a_streak, "domain.md, Streaks",
        "An entry of yesterday repairs a streak, and its deletion takes it back.";
    a_day_off_is_neutral, "domain.md, When a day is done",
        "A skip neither counts nor breaks.";
    sums_reach_targets, "domain.md, When a day is done",
        "Amounts of a day add up, to a target or up to a limit.";
    a_week_counts_on_the_callers_days, "protocol.md, The zone",
        "In /stats/weekly the caller's zone decides on which day an instant falls.";
    rates_divide_done_by_due, "protocol.md, Rates",
        "A rate is done / (done + missed) in percent, and null where nothing was due.";
    a_heatmap_has_a_cell_for_each_date, "protocol.md, Statistics",
        "A heatmap has one cell a date, with state, value, target and level.";
    a_range_has_at_most_366_days, "protocol.md, The zone",
        "Ranges of more than 366 days, or that end before they begin, are 400.";
    statistics_are_not_sent_twice, "protocol.md, Not sent again",
        "Statistics have an ETag; If-None-Match is 304 until a record changes.";
}

/// A habit since Monday 2 March 2026, done on some days.
async fn since_march(person: &Person, days: &[&str]) -> Result<Value, Failure> {
    let members = json!({
        "title": "Read", "start_date": "2026-03-02", "end_date": "2026-03-08"
    });
    let habit = person.habit_with(&members).await?;
    for day in days {
        person.entry(&habit, &format!("2026-03-{day}")).await?;
    }
    Ok(habit)
}

async fn today_has_the_state_of_each_habit(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    let habit = person.habit("Read").await?;
    let before = person.get("/today").await?;
    before.status(200)?;
    before.is("/timezone", "UTC")?;
    before.is("/habits/0/habit_id", habit["id"].clone())?;
    before.is("/habits/0/state", "pending")?;
    before.must(
        before.text("/ends_at").ends_with("T00:00:00.000000Z"),
        "the next midnight",
    )?;
    person.entry(&habit, before.text("/date")).await?;
    let after = person.get("/today").await?;
    after.is("/habits/0/state", "done")?;
    after.is("/habits/0/streak/current", 1)?;
    after.is("/habits/0/at_risk", false)
}

async fn today_is_read_in_the_callers_zone(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    // 25 hours apart: never the same date.
    let far = person.get("/today?tz=Pacific/Kiritimati").await?;
    let call = person
        .call(Method::GET, "/today")
        .header("x-timezone", "Pacific/Pago_Pago");
    let near = call.send().await?;
    far.is("/timezone", "Pacific/Kiritimati")?;
    near.is("/timezone", "Pacific/Pago_Pago")?;
    near.must(
        near.text("/date") < far.text("/date"),
        "an earlier date in Pago Pago",
    )?;
    let call = person.call(Method::GET, "/today?tz=Europe/Rome");
    let answer = call.header("x-timezone", "Europe/London").send().await?;
    answer.problem(400, "invalid_parameter")?;
    let call = person
        .call(Method::GET, "/today")
        .header("x-timezone", "Mars/Olympus");
    call.send()
        .await?
        .names(400, "invalid_parameter", &["/X-Timezone"])
}

async fn a_day_ends_where_the_zone_says(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    for (zone, end) in [
        ("Asia/Tokyo", "T15:00:00.000000Z"),
        ("Asia/Kathmandu", "T18:15:00.000000Z"),
        ("Pacific/Kiritimati", "T10:00:00.000000Z"),
        ("America/Bogota", "T05:00:00.000000Z"),
    ] {
        let answer = person.get(&format!("/today?tz={zone}")).await?;
        answer.status(200)?;
        answer.must(
            answer.text("/ends_at").ends_with(end),
            format_args!("an end at {end}"),
        )?;
    }
    Ok(())
}

async fn streak(person: &Person, habit: &Value) -> Result<crate::answer::Answer, Failure> {
    let answer = person
        .get(&format!("/stats/habits/{}?explain=true", id(habit)))
        .await?;
    answer.status(200)?;
    Ok(answer)
}

async fn a_streak_counts_done_units(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    let habit = since_march(&person, &["02", "03", "04", "06", "06"]).await?;
    let answer = streak(&person, &habit).await?;
    answer.is("/streak/current", 0)?;
    answer.is("/streak/longest", 3)?;
    answer.is("/streak/unit", "day")?;
    answer.is("/rate/done", 4)?;
    answer.is("/rate/missed", 3)?;
    answer.is("/rate/rate", 57.14)?;
    let units = answer.list("/units");
    answer.must(units.len() == 7, "a unit for each of seven days")?;
    answer.is("/units/3/state", "missed")?;
    // From Sunday on: Monday to Wednesday, and Friday.
    answer.is("/done_by_weekday", json!([0, 1, 1, 1, 0, 1, 0]))
}

async fn a_late_entry_repairs_a_streak(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    let habit = since_march(&person, &["02", "04"]).await?;
    streak(&person, &habit).await?.is("/streak/longest", 1)?;
    let late = person.entry(&habit, "2026-03-03").await?;
    streak(&person, &habit).await?.is("/streak/longest", 3)?;
    person
        .delete(&format!("/entries/{}", id(&late)))
        .await?
        .status(204)?;
    streak(&person, &habit).await?.is("/streak/longest", 1)
}

async fn a_day_off_is_neutral(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    let habit = since_march(&person, &["02", "04"]).await?;
    let skip = json!({"habit_id": habit["id"], "completion_date": "2026-03-03", "kind": "skip"});
    let answer = person.post("/entries", &skip).await?;
    answer.status(201)?;
    answer.is("/value", 0)?;
    let answer = streak(&person, &habit).await?;
    answer.is("/streak/longest", 2)?;
    answer.is("/rate/missed", 4)
}

async fn sums_reach_targets(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    let today = person.today().await?;
    for (direction, before, states) in [
        ("at_least", "pending", ["pending", "done"]),
        ("at_most", "within", ["within", "exceeded"]),
    ] {
        let members = json!({
            "title": direction, "type": "numeric", "target_value": 1.5,
            "target_direction": direction, "sort_order": -1
        });
        let habit = person.habit_with(&members).await?;
        person.get("/today").await?.is("/habits/0/state", before)?;
        for (value, state) in [(1.25, states[0]), (0.5, states[1])] {
            let entry = json!({
                "habit_id": habit["id"], "completion_date": today, "value": value
            });
            person.post("/entries", &entry).await?.status(201)?;
            person.get("/today").await?.is("/habits/0/state", state)?;
        }
        person.get("/today").await?.is("/habits/0/value", 1.75)?;
        person
            .delete(&format!("/habits/{}", id(&habit)))
            .await?
            .status(204)?;
    }
    Ok(())
}

async fn a_week_counts_on_the_callers_days(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    let habit = since_march(&person, &[]).await?;
    person.entry(&habit, "2026-03-03T23:30:00Z").await?;
    person.entry(&habit, "2026-03-05").await?;
    for (zone, days) in [
        ("Europe/Rome", ["2026-03-04", "2026-03-05"]),
        ("Europe/London", ["2026-03-03", "2026-03-05"]),
    ] {
        let path = "/stats/weekly?start_date=2026-03-02&end_date=2026-03-08";
        let call = person.call(Method::GET, path).header("x-timezone", zone);
        let answer = call.send().await?;
        answer.status(200)?;
        let progress = answer.list("/habits/0/daily_progress").iter();
        let done: Vec<_> = progress.filter(|day| day["completed"] == true).collect();
        let done: Vec<_> = done.iter().filter_map(|day| day["date"].as_str()).collect();
        answer.must(done == days, format_args!("done on {days:?}, not {done:?}"))?;
    }
    Ok(())
}

async fn rates_divide_done_by_due(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    let path = "/stats/weekly?start_date=2026-03-02&end_date=2026-03-08";
    person
        .get(path)
        .await?
        .is("/overall_completion_rate", Value::Null)?;
    since_march(&person, &["02", "03"]).await?;
    since_march(&person, &["02"]).await?;
    let answer = person.get(path).await?;
    answer.is("/total_habits", 2)?;
    answer.is("/done", 3)?;
    answer.is("/missed", 11)?;
    answer.is("/overall_completion_rate", 21.43)
}

async fn a_heatmap_has_a_cell_for_each_date(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    let habit = since_march(&person, &["03"]).await?;
    let path = format!(
        "/stats/heatmap?from=2026-03-01&to=2026-03-04&habit_id={}",
        id(&habit)
    );
    let answer = person.get(&path).await?;
    answer.status(200)?;
    for (number, (date, state)) in [
        ("2026-03-01", "none"),
        ("2026-03-02", "missed"),
        ("2026-03-03", "done"),
        ("2026-03-04", "missed"),
    ]
    .into_iter()
    .enumerate()
    {
        answer.is(&format!("/habits/0/cells/{number}/date"), date)?;
        answer.is(&format!("/habits/0/cells/{number}/state"), state)?;
    }
    answer.is("/habits/0/cells/2/level", 4)?;
    answer.must(answer.list("/habits/0/cells").len() == 4, "four cells")?;
    let unknown = format!("/stats/heatmap?habit_id={}", new_id());
    person.get(&unknown).await?.problem(404, "habit_not_found")
}

async fn a_range_has_at_most_366_days(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    for (range, status) in [
        ("from=2024-01-01&to=2024-12-31", 200),
        ("from=2024-01-01&to=2025-01-01", 400),
        ("from=2024-01-02&to=2024-01-01", 400),
    ] {
        person
            .get(&format!("/stats/heatmap?{range}"))
            .await?
            .status(status)?;
    }
    Ok(())
}

async fn statistics_are_not_sent_twice(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    for path in [
        "/today",
        "/stats/weekly",
        "/stats/heatmap",
        "/stats/overview",
    ] {
        let first = person.get(path).await?;
        first.status(200)?;
        first.header_is("cache-control", "private, no-cache")?;
        let tag = first.header("etag").to_owned();
        let ask = || {
            person
                .call(Method::GET, path)
                .header("if-none-match", &tag)
                .send()
        };
        let same = ask().await?;
        same.status(304)?;
        person.habit("Read").await?;
        ask().await?.status(200)?;
    }
    Ok(())
}
