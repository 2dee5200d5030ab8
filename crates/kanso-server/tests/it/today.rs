//! `GET /today`: due, done, open and at-risk habits.

use serde_json::{Value, json};

use crate::support::{App, TestUser};

/// Returns today's state of each habit, by title.
async fn states(user: &TestUser) -> Value {
    let today = user.get("/today").await.expect(200);
    let habits = today["habits"].as_array().expect("habits").iter();
    let state = |habit: &Value| {
        let title = habit["habit_title"].as_str().expect("a title");
        (title.to_owned(), habit["state"].clone())
    };
    habits.map(state).collect::<serde_json::Map<_, _>>().into()
}

#[tokio::test]
async fn today_has_a_state_for_each_habit() {
    // A Sunday.
    let app = App::start().await;
    let user = app.user().await;
    for (members, entries, before, after) in [
        (json!({"title": "tick"}), vec![json!({})], "pending", "done"),
        (
            json!({"title": "no"}),
            vec![json!({"value": 0})],
            "pending",
            "pending",
        ),
        (
            json!({"title": "off"}),
            vec![json!({"kind": "skip"})],
            "pending",
            "skip",
        ),
        (
            json!({"title": "pages", "type": "numeric", "target_value": 20}),
            vec![json!({"value": 12.5}), json!({"value": 7.5})],
            "pending",
            "done",
        ),
        (
            json!({"title": "half", "type": "numeric", "target_value": 20}),
            vec![json!({"value": 12.5})],
            "pending",
            "pending",
        ),
        (
            json!({"title": "limit", "type": "numeric", "target_value": 2, "target_direction": "at_most"}),
            vec![json!({"value": 2})],
            "within",
            "within",
        ),
        (
            json!({"title": "broken", "type": "numeric", "target_value": 0, "target_direction": "at_most"}),
            vec![json!({"value": 1})],
            "within",
            "exceeded",
        ),
        (
            json!({"title": "monday", "weekdays": [1]}),
            vec![],
            "not_due",
            "not_due",
        ),
        (
            json!({"title": "extra", "weekdays": [1]}),
            vec![json!({})],
            "not_due",
            "done",
        ),
        (
            json!({"title": "week", "times_per_week": 1}),
            vec![json!({"completion_date": "2026-11-20"})],
            "pending",
            "not_due",
        ),
    ] {
        let habit = user.habit_with(&members).await;
        let title = members["title"].as_str().expect("a title");
        assert_eq!(states(&user).await[title], before, "{title} before");
        for entry in entries {
            let mut body = json!({"habit_id": habit["id"], "completion_date": "2026-11-22"});
            let members = entry.as_object().expect("members").clone();
            body.as_object_mut().expect("an object").extend(members);
            user.post("/entries", &body).await.expect(201);
        }
        assert_eq!(states(&user).await[title], after, "{title} after");
    }
    let away = json!({"title": "away", "archived_at": "2026-11-22T11:00:00Z"});
    user.habit_with(&away).await;
    assert_eq!(states(&user).await["away"], Value::Null);
}

#[tokio::test]
async fn a_streak_that_ends_today_is_at_risk() {
    let app = App::start().await;
    let user = app.user_in("Europe/Rome").await;
    let habit = user.habit("Read").await;
    user.done(&habit, &["2026-11-20", "2026-11-21"]).await;
    let expected = json!({
        "date": "2026-11-22", "timezone": "Europe/Rome", "ends_at": "2026-11-22T23:00:00.000000Z",
        "habits": [{
            "habit_id": habit["id"], "habit_title": "Read", "state": "pending", "value": 0,
            "target_value": 1, "unit": "", "at_risk": true,
            "streak": {
                "current": 2, "longest": 2, "unit": "day", "since": "2026-11-20",
                "at_risk_until": "2026-11-22"
            }
        }]
    });
    assert_eq!(user.get("/today").await.expect(200), expected);
    user.entry(&habit).await;
    let done = user.get("/today").await.expect(200);
    assert_eq!(done["habits"][0]["at_risk"], false);
    assert_eq!(done["habits"][0]["streak"]["current"], 3);
}

#[tokio::test]
async fn days_end_when_the_clocks_of_the_zone_say_so() {
    let app = App::start().await;
    let mut user = app.user().await;
    for (now, zone, date, ends_at) in [
        (
            "2026-03-29T00:30:00Z",
            "Europe/Rome",
            "2026-03-29",
            "2026-03-29T22:00:00",
        ),
        (
            "2026-03-29T00:30:00Z",
            "Europe/London",
            "2026-03-29",
            "2026-03-29T23:00:00",
        ),
        (
            "2026-10-24T23:30:00Z",
            "Europe/Rome",
            "2026-10-25",
            "2026-10-25T23:00:00",
        ),
        (
            "2026-10-24T23:30:00Z",
            "Europe/London",
            "2026-10-25",
            "2026-10-26T00:00:00",
        ),
        (
            "2026-10-24T22:30:00Z",
            "Europe/London",
            "2026-10-24",
            "2026-10-24T23:00:00",
        ),
    ] {
        user = app.later(now, &user).await;
        let today = user.get(&format!("/today?tz={zone}")).await.expect(200);
        let seen = json!([today["timezone"], today["date"], today["ends_at"]]);
        assert_eq!(
            seen,
            json!([zone, date, format!("{ends_at}.000000Z")]),
            "{now}"
        );
    }
}
