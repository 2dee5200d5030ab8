//! Today, streaks, rates and heatmaps.

use reqwest::Method;
use serde_json::{Value, json};

use crate::account::{TestAccount, id, new_account};
use crate::answer::{CaseFailure, CheckResult};
use crate::case::cases;
use crate::ids::new_id;
use crate::server::ServerUnderTest;

cases! { "stats";
    today_has_the_state_of_each_habit, "protocol.md, Statistics",
        "GET /today has date, zone, end of the day and the state of each habit.";
    today_is_read_in_the_callers_zone, "protocol.md, The zone",
        "X-Timezone or tz selects the zone of today; different values are answered 400.";
    a_day_ends_where_the_zone_says, "domain.md, Today",
        "Today ends at the next day start in the local time of the zone.";
    a_streak_counts_done_units, "domain.md, Streaks",
        "A done unit adds one to a streak, a missed one resets it, longest is the maximum.";
    a_late_entry_repairs_a_streak, "domain.md, Streaks",
        "A late entry repairs a streak, and its deletion breaks it again.";
    a_day_off_is_neutral, "domain.md, When a day is done",
        "A skip neither counts nor breaks a streak.";
    sums_reach_targets, "domain.md, When a day is done",
        "Amounts of one day are added and compared with a target or a limit.";
    a_week_counts_on_the_callers_days, "protocol.md, The zone",
        "GET /stats/weekly assigns instants to days in the caller's zone.";
    rates_divide_done_by_due, "protocol.md, Rates",
        "A rate is done / (done + missed) in percent, and null if nothing was due.";
    a_heatmap_has_a_cell_for_each_date, "protocol.md, Statistics",
        "A heatmap has one cell per date, with state, value, target and level.";
    a_range_has_at_most_366_days, "protocol.md, The zone",
        "A range of more than 366 days or with its end before its start is answered 400.";
    statistics_are_not_sent_twice, "protocol.md, Not sent again",
        "Statistics have an ETag, and If-None-Match is answered 304 until a change.";
}

/// Creates a habit that starts on Monday 2 March 2026 and is done on some days.
async fn since_march(account: &TestAccount, days: &[&str]) -> Result<Value, CaseFailure> {
    let members = json!({
        "title": "Read", "start_date": "2026-03-02", "end_date": "2026-03-08"
    });
    let habit = account.habit_with(&members).await?;
    for day in days {
        account.entry(&habit, &format!("2026-03-{day}")).await?;
    }
    Ok(habit)
}

async fn today_has_the_state_of_each_habit(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    let habit = account.habit("Read").await?;
    let before = account.get("/today").await?;
    before.status(200)?;
    before.is("/timezone", "UTC")?;
    before.is("/habits/0/habit_id", habit["id"].clone())?;
    before.is("/habits/0/state", "pending")?;
    before.must(
        before.text("/ends_at").ends_with("T00:00:00.000000Z"),
        "the next midnight",
    )?;
    account.entry(&habit, before.text("/date")).await?;
    let after = account.get("/today").await?;
    after.is("/habits/0/state", "done")?;
    after.is("/habits/0/streak/current", 1)?;
    after.is("/habits/0/at_risk", false)
}

async fn today_is_read_in_the_callers_zone(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    // The zones are 25 hours apart, so the dates always differ.
    let far = account.get("/today?tz=Pacific/Kiritimati").await?;
    let call = account
        .call(Method::GET, "/today")
        .header("x-timezone", "Pacific/Pago_Pago");
    let near = call.send().await?;
    far.is("/timezone", "Pacific/Kiritimati")?;
    near.is("/timezone", "Pacific/Pago_Pago")?;
    near.must(
        near.text("/date") < far.text("/date"),
        "an earlier date in Pago Pago",
    )?;
    let call = account.call(Method::GET, "/today?tz=Europe/Rome");
    let answer = call.header("x-timezone", "Europe/London").send().await?;
    answer.problem(400, "invalid_parameter")?;
    let call = account
        .call(Method::GET, "/today")
        .header("x-timezone", "Mars/Olympus");
    call.send()
        .await?
        .names(400, "invalid_parameter", &["/X-Timezone"])
}

async fn a_day_ends_where_the_zone_says(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    for (zone, end) in [
        ("Asia/Tokyo", "T15:00:00.000000Z"),
        ("Asia/Kathmandu", "T18:15:00.000000Z"),
        ("Pacific/Kiritimati", "T10:00:00.000000Z"),
        ("America/Bogota", "T05:00:00.000000Z"),
    ] {
        let answer = account.get(&format!("/today?tz={zone}")).await?;
        answer.status(200)?;
        answer.must(
            answer.text("/ends_at").ends_with(end),
            format_args!("an end at {end}"),
        )?;
    }
    Ok(())
}

async fn streak(
    account: &TestAccount,
    habit: &Value,
) -> Result<crate::answer::Answer, CaseFailure> {
    let answer = account
        .get(&format!("/stats/habits/{}?explain=true", id(habit)))
        .await?;
    answer.status(200)?;
    Ok(answer)
}

async fn a_streak_counts_done_units(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    let habit = since_march(&account, &["02", "03", "04", "06", "06"]).await?;
    let answer = streak(&account, &habit).await?;
    answer.is("/streak/current", 0)?;
    answer.is("/streak/longest", 3)?;
    answer.is("/streak/unit", "day")?;
    answer.is("/rate/done", 4)?;
    answer.is("/rate/missed", 3)?;
    answer.is("/rate/rate", 57.14)?;
    let units = answer.list("/units");
    answer.must(units.len() == 7, "a unit for each of seven days")?;
    answer.is("/units/3/state", "missed")?;
    // Counted from Sunday: done on Monday to Wednesday, and on Friday.
    answer.is("/done_by_weekday", json!([0, 1, 1, 1, 0, 1, 0]))
}

async fn a_late_entry_repairs_a_streak(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    let habit = since_march(&account, &["02", "04"]).await?;
    streak(&account, &habit).await?.is("/streak/longest", 1)?;
    let late = account.entry(&habit, "2026-03-03").await?;
    streak(&account, &habit).await?.is("/streak/longest", 3)?;
    account
        .delete(&format!("/entries/{}", id(&late)))
        .await?
        .status(204)?;
    streak(&account, &habit).await?.is("/streak/longest", 1)
}

async fn a_day_off_is_neutral(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    let habit = since_march(&account, &["02", "04"]).await?;
    let skip = json!({"habit_id": habit["id"], "completion_date": "2026-03-03", "kind": "skip"});
    let answer = account.post("/entries", &skip).await?;
    answer.status(201)?;
    answer.is("/value", 0)?;
    let answer = streak(&account, &habit).await?;
    answer.is("/streak/longest", 2)?;
    answer.is("/rate/missed", 4)
}

async fn sums_reach_targets(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    // The current day of the server, because the state of a habit is only shown for today.
    let today = account.today().await?;
    for (direction, before, states) in [
        ("at_least", "pending", ["pending", "done"]),
        ("at_most", "within", ["within", "exceeded"]),
    ] {
        let members = json!({
            "title": direction, "type": "numeric", "target_value": 1.5,
            "target_direction": direction, "sort_order": -1
        });
        let habit = account.habit_with(&members).await?;
        account.get("/today").await?.is("/habits/0/state", before)?;
        // 1.25 alone is below the target of 1.5, and both together are above it.
        for (value, state) in [(1.25, states[0]), (0.5, states[1])] {
            let entry = json!({
                "habit_id": habit["id"], "completion_date": today, "value": value
            });
            account.post("/entries", &entry).await?.status(201)?;
            account.get("/today").await?.is("/habits/0/state", state)?;
        }
        account.get("/today").await?.is("/habits/0/value", 1.75)?;
        account
            .delete(&format!("/habits/{}", id(&habit)))
            .await?
            .status(204)?;
    }
    Ok(())
}

async fn a_week_counts_on_the_callers_days(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    let habit = since_march(&account, &[]).await?;
    // Half past eleven in London is half past midnight of the next day in Rome.
    account.entry(&habit, "2026-03-03T23:30:00Z").await?;
    // A date has no zone, so it must stay where it is.
    account.entry(&habit, "2026-03-05").await?;
    for (zone, days) in [
        ("Europe/Rome", ["2026-03-04", "2026-03-05"]),
        ("Europe/London", ["2026-03-03", "2026-03-05"]),
    ] {
        let path = "/stats/weekly?start_date=2026-03-02&end_date=2026-03-08";
        let call = account.call(Method::GET, path).header("x-timezone", zone);
        let answer = call.send().await?;
        answer.status(200)?;
        let progress = answer.list("/habits/0/days").iter();
        let done: Vec<_> = progress.filter(|day| day["completed"] == true).collect();
        let done: Vec<_> = done.iter().filter_map(|day| day["date"].as_str()).collect();
        answer.must(done == days, format_args!("done on {days:?}, not {done:?}"))?;
    }
    Ok(())
}

async fn rates_divide_done_by_due(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    let path = "/stats/weekly?start_date=2026-03-02&end_date=2026-03-08";
    account
        .get(path)
        .await?
        .is("/overall_completion_rate", Value::Null)?;
    since_march(&account, &["02", "03"]).await?;
    since_march(&account, &["02"]).await?;
    let answer = account.get(path).await?;
    answer.is("/total_habits", 2)?;
    answer.is("/done", 3)?;
    answer.is("/missed", 11)?;
    // 3 done of 14 due.
    answer.is("/overall_completion_rate", 21.43)
}

async fn a_heatmap_has_a_cell_for_each_date(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    let habit = since_march(&account, &["03"]).await?;
    let path = format!(
        "/stats/heatmap?from=2026-03-01&to=2026-03-04&habit_id={}",
        id(&habit)
    );
    let answer = account.get(&path).await?;
    answer.status(200)?;
    for (number, (date, state)) in [
        // The habit starts on 2 March.
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
    account.get(&unknown).await?.problem(404, "habit_not_found")
}

async fn a_range_has_at_most_366_days(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    for (range, status) in [
        // A leap year: exactly 366 days.
        ("from=2024-01-01&to=2024-12-31", 200),
        ("from=2024-01-01&to=2025-01-01", 400),
        ("from=2024-01-02&to=2024-01-01", 400),
    ] {
        account
            .get(&format!("/stats/heatmap?{range}"))
            .await?
            .status(status)?;
    }
    Ok(())
}

async fn statistics_are_not_sent_twice(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    for path in [
        "/today",
        "/stats/weekly",
        "/stats/heatmap",
        "/stats/overview",
    ] {
        let first = account.get(path).await?;
        first.status(200)?;
        first.header_is("cache-control", "private, no-cache")?;
        let tag = first.header("etag").to_owned();
        let ask = || {
            account
                .call(Method::GET, path)
                .header("if-none-match", &tag)
                .send()
        };
        let same = ask().await?;
        same.status(304)?;
        account.habit("Read").await?;
        ask().await?.status(200)?;
    }
    Ok(())
}
