//! Streaks: correct at every moment, preserved by edits, delivered to every device.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::{App, TestUser, new_id, operation};

fn path(habit: &Value) -> String {
    format!("/habits/{}", habit["id"].as_str().expect("an id"))
}

#[tokio::test]
async fn streak_that_ended_at_midnight_reads_zero_a_second_later() {
    let app = App::start().await;
    app.clock.set("2026-01-15T22:50:00Z");
    let user = app.user_in("Europe/Rome").await;
    let habit = user.habit("Read").await;
    user.done(&habit, &["2026-01-13", "2026-01-14"]).await;
    app.clock.set("2026-01-15T22:59:59Z");
    for (current, seconds) in [(2, 0), (0, 2)] {
        app.clock.advance(seconds);
        let one = user.get(&path(&habit)).await.expect(200);
        let list = user.get("/habits").await.expect(200);
        let pulled = user.get("/sync").await.expect(200);
        let changes = user.get("/habits/sync").await.expect(200);
        let records = pulled["changes"].as_array().expect("changes").iter();
        let is_habit = |change: &&Value| change["entity"] == "habit";
        let in_sync = &records.clone().find(is_habit).expect("the habit")["record"];
        for record in [&one, &list[0], in_sync, &changes["changes"][0]] {
            let streak = [&record["current_streak"], &record["longest_streak"]];
            assert_eq!(streak, [&json!(current), &json!(2)]);
            assert_eq!(record["version"], 1);
        }
        let stats = user.stats(&habit).await;
        assert_eq!(stats["streak"]["current"], current);
    }
}

#[tokio::test]
async fn an_answer_to_a_change_has_the_streak_after_it() {
    let app = App::start().await;
    let user = app.user().await;
    let habit = user.habit("Read").await;
    user.done(&habit, &["2026-11-21", "2026-11-22"]).await;
    let edit = json!({"version": 1, "title": "Read a book"});
    let edited = user.put(&path(&habit), &edit).await.expect(200);
    assert_eq!(edited["current_streak"], 2);
    let entries = user.get("/entries").await.expect(200);
    let entry = entries[0]["id"].as_str().expect("an id").to_owned();
    user.delete(&format!("/entries/{entry}")).await.expect(204);
    let after = user.get(&path(&habit)).await.expect(200);
    assert_eq!(after["current_streak"], 1, "a deleted entry takes it back");
}

/// Creates a habit done every day from 1 to 7 June 2026 (Monday to Sunday), then on weekdays.
async fn edited(from: Option<&str>) -> (Value, Value) {
    let app = App::start().await;
    app.clock.set("2026-06-01T12:00:00Z");
    let user = app.user().await;
    let habit = user.habit("Run").await;
    let user = app.later("2026-06-08T12:00:00Z", &user).await;
    let days = |days: std::ops::RangeInclusive<u8>| days.map(|day| format!("2026-06-{day:02}"));
    for day in days(1..=7) {
        user.done(&habit, &[&day]).await;
    }
    let mut edit = json!({
        "version": 1, "frequency_type": "specific_days", "weekdays": [1, 2, 3, 4, 5]
    });
    if let Some(from) = from {
        edit["effective_from"] = json!(from);
    }
    let edited = user.put(&path(&habit), &edit).await.expect(200);
    let user = app.later("2026-06-14T12:00:00Z", &user).await;
    for day in days(8..=12) {
        user.done(&habit, &[&day]).await;
    }
    (edited, user.stats(&habit).await)
}

#[tokio::test]
async fn an_edit_of_the_schedule_keeps_the_past() {
    for (from, versions, current) in [
        (None, &["2026-06-01", "2026-06-08"][..], 12),
        (Some("2026-06-08"), &["2026-06-01", "2026-06-08"], 12),
        (Some("2026-06-06"), &["2026-06-01", "2026-06-06"], 10),
        (Some("start"), &["2026-06-01"], 10),
    ] {
        let (habit, stats) = edited(from).await;
        let history = habit["schedule_history"].as_array().expect("versions");
        let begins: Vec<_> = history.iter().map(|it| &it["effective_from"]).collect();
        assert_eq!(begins, versions, "{from:?}");
        let newest = history.last().expect("a version");
        assert_eq!(newest["weekdays"], json!([1, 2, 3, 4, 5]));
        assert_eq!(stats["streak"]["current"], current, "{from:?} {stats}");
    }
}

/// Every way in which a habit that was created today can have a past, and every edit of it today.
#[tokio::test]
async fn an_edit_on_the_day_of_creation_keeps_a_past_from_elsewhere() {
    let edits = [
        json!({"frequency_type": "weekly", "times_per_week": 7}),
        json!({"type": "numeric", "target_value": 9}),
        json!({"frequency_type": "interval", "interval": 2, "effective_from": "2026-06-10"}),
    ];
    let created = |start_date: Option<&str>| json!({"title": "Run", "start_date": start_date});
    for (start_date, edit) in [None, Some("2026-06-04")].iter().flat_map(|start| {
        let with = |edit: &Value| (*start, edit.clone());
        edits.iter().map(with).collect::<Vec<_>>()
    }) {
        let app = App::start().await;
        app.clock.set("2026-06-10T12:00:00Z");
        let user = app.user().await;
        let habit = user.habit_with(&created(start_date)).await;
        let days = [
            "2026-06-04",
            "2026-06-05",
            "2026-06-06",
            "2026-06-08",
            "2026-06-09",
        ];
        user.done(&habit, &days).await;
        let before = user.stats(&habit).await;
        assert_eq!(before["streak"]["longest"], 3);
        let mut edit = edit;
        edit["version"] = json!(1);
        let edited = user.put(&path(&habit), &edit).await.expect(200);
        let history = edited["schedule_history"].as_array().expect("versions");
        assert_eq!(history.len(), 2, "{edit} {edited}");
        assert_eq!(history[0]["frequency_type"], "daily");
        assert_eq!(history[1]["effective_from"], "2026-06-10");
        let after = user.stats(&habit).await;
        for member in ["longest", "current"] {
            assert_eq!(after["streak"][member], before["streak"][member], "{edit}");
        }
        assert_eq!(
            after["rate"]["missed"], before["rate"]["missed"],
            "{edit} {after}"
        );
    }
}

/// The whole life of a habit in one push of a device that was offline.
#[tokio::test]
async fn a_push_with_a_past_and_an_edit_keeps_the_past() {
    let app = App::start().await;
    app.clock.set("2026-06-10T12:00:00Z");
    let user = app.user().await;
    let (habit, entry) = (json!(new_id()), json!(new_id()));
    let fields = json!({"fields": {"habit_id": habit, "completion_date": "2026-06-08"}});
    let results = user
        .push(json!([
            operation(
                "habit",
                "create",
                &habit,
                &json!({"fields": {"title": "Run"}})
            ),
            operation("entry", "create", &entry, &fields),
            operation(
                "habit",
                "update",
                &habit,
                &json!({
                    "base_version": 1,
                    "fields": {"frequency_type": "weekly", "times_per_week": 3}
                })
            ),
        ]))
        .await;
    assert_eq!(results[2]["status"], "applied", "{results:?}");
    let habit = user.get(&format!("/habits/{}", habit.as_str().expect("an id")));
    let habit = habit.await.expect(200);
    assert_eq!(habit["schedule_history"][0]["frequency_type"], "daily");
    assert_eq!(habit["schedule_history"][1]["effective_from"], "2026-06-10");
}

#[tokio::test]
async fn an_edit_mends_a_habit_without_a_past_for_all_its_days() {
    let app = App::start().await;
    app.clock.set("2026-06-10T12:00:00Z");
    let user = app.user().await;
    let habit = user.habit("Run").await;
    user.done(&habit, &["2026-06-10"]).await;
    let edit = json!({"version": 1, "frequency_type": "weekly", "times_per_week": 1});
    let edited = user.put(&path(&habit), &edit).await.expect(200);
    let history = edited["schedule_history"].as_array().expect("versions");
    assert_eq!(history.len(), 1, "{edited}");
    let stats = user.stats(&habit).await;
    assert_eq!(
        (&stats["streak"]["current"], &stats["streak"]["unit"]),
        (&json!(1), &json!("week"))
    );
}

/// The instant of archiving counts in the zone of the account, west of Greenwich too.
#[tokio::test]
async fn the_day_of_archiving_keeps_its_done() {
    for (zone, now) in [
        ("UTC", "2026-06-10T12:00:00Z"),
        ("America/Los_Angeles", "2026-06-11T03:00:00Z"),
        ("Pacific/Kiritimati", "2026-06-09T12:00:00Z"),
    ] {
        let app = App::start().await;
        app.clock.set(now);
        let user = app.user_in(zone).await;
        let habit = user.habit("Run").await;
        user.done(&habit, &["2026-06-08", "2026-06-09", "2026-06-10"])
            .await;
        let edit = json!({"version": 1, "archived_at": now});
        let edited = user.put(&path(&habit), &edit).await.expect(200);
        assert_eq!(edited["archived_spans"][0]["from"], "2026-06-10", "{zone}");
        let stats = user.stats(&habit).await;
        let streak = &stats["streak"];
        assert_eq!(
            (&streak["current"], &streak["longest"]),
            (&json!(3), &json!(3)),
            "{zone}"
        );
    }
}

#[tokio::test]
async fn higher_target_applies_from_today_on() {
    let app = App::start().await;
    app.clock.set("2026-11-20T12:00:00Z");
    let user = app.user().await;
    let members = json!({"title": "Read", "type": "numeric", "target_value": 1});
    let habit = user.habit_with(&members).await;
    let user = app.later("2026-11-22T12:00:00Z", &user).await;
    user.done(&habit, &["2026-11-20", "2026-11-21", "2026-11-22"])
        .await;
    let edit = json!({"version": 1, "target_value": 2});
    user.put(&path(&habit), &edit).await.expect(200);
    let stats = user.stats(&habit).await;
    assert_eq!(stats["streak"]["current"], 2, "today asks for more");
    assert_eq!(stats["units"][2]["state"], "pending");
    for bad in ["tomorrow", "2026-11-31", ""] {
        let edit = json!({"version": 2, "target_value": 3, "effective_from": bad});
        let answer = user.put(&path(&habit), &edit).await;
        answer.invalid(422, &["/effective_from"]);
    }
}

#[tokio::test]
async fn archived_days_do_not_count() {
    let app = App::start().await;
    app.clock.set("2026-06-03T12:00:00Z");
    let user = app.user().await;
    let habit = user.habit("Run").await;
    user.done(&habit, &["2026-06-03", "2026-06-04"]).await;
    let user = app.later("2026-06-05T12:00:00Z", &user).await;
    let away = json!({"version": 1, "archived_at": "2026-06-05T12:00:00Z"});
    user.put(&path(&habit), &away).await.expect(200);
    let user = app.later("2026-06-10T12:00:00Z", &user).await;
    let back = json!({"version": 2, "archived_at": null});
    let back = user.put(&path(&habit), &back).await.expect(200);
    let spans = json!([{"from": "2026-06-05", "until": "2026-06-10"}]);
    assert_eq!(back["archived_spans"], spans);
    user.done(&habit, &["2026-06-10", "2026-06-11"]).await;
    let user = app.later("2026-06-11T12:00:00Z", &user).await;
    let stats = user.stats(&habit).await;
    assert_eq!(stats["streak"]["current"], 4, "{stats}");
    assert_eq!(stats["units"][2]["reason"], "archived");
}

/// Pulls after `cursor` until the habit is delivered. Returns its change and the next cursor.
async fn pulled(user: &TestUser, cursor: &Value) -> (Value, Value) {
    let deadline = Instant::now() + Duration::from_secs(20);
    let path = format!("/sync?cursor={}", cursor.as_str().expect("a cursor"));
    while Instant::now() < deadline {
        let page = user.get(&path).await.expect(200);
        let changes = page["changes"].as_array().expect("changes").iter();
        let habit = changes.clone().find(|change| change["entity"] == "habit");
        if let Some(habit) = habit {
            return (habit.clone(), page["cursor"].clone());
        }
    }
    panic!("no worker published the streak");
}

#[tokio::test]
async fn a_streak_reaches_other_devices_without_an_edit() {
    let app = App::with_workers().await;
    let user = app.user_in("Europe/Rome").await;
    let habit = user.habit("Read").await;
    let phone = user.get("/sync").await.expect(200)["cursor"].clone();
    user.entry(&habit).await;
    let (published, phone) = pulled(&user, &phone).await;
    let said = |change: &Value| {
        let record = &change["record"];
        json!([
            record["current_streak"],
            record["longest_streak"],
            record["version"]
        ])
    };
    assert_eq!(said(&published), json!([1, 1, 1]));
    let edit = json!({"version": 1, "title": "Read a book"});
    let edited = user.put(&path(&habit), &edit).await;
    edited.expect(200);

    // No further writes. Two midnights later the day between them is missed.
    let (_, phone) = pulled(&user, &phone).await;
    let user = app.later("2026-11-23T22:59:59Z", &user).await;
    let alive = user.get(&path(&habit)).await.expect(200);
    assert_eq!(alive["current_streak"], 1);
    let user = app.later("2026-11-23T23:00:01Z", &user).await;
    let (ended, _) = pulled(&user, &phone).await;
    assert_eq!(said(&ended), json!([0, 1, 2]));
    assert!(ended["seq"].as_i64() > published["seq"].as_i64());
    app.running.shut_down();
    app.running.stopped().await;
}
