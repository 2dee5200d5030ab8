//! `GET /stats/…`: the day that counts, due days, and revalidation of responses.

mod bounds;
mod days;
mod validators;

use serde_json::{Value, json};

use crate::support::{App, TestUser, new_id};

/// Creates a habit of 20 pages with 20, 10 and 5 pages on three days, the last of them today.
async fn reader(app: &App) -> (TestUser, Value) {
    let user = app.user().await;
    let members = json!({
        "title": "Read", "type": "numeric", "target_value": 20, "unit": "pages",
        "color": "#112233", "icon": "book"
    });
    let habit = user.habit_with(&members).await;
    for (date, value) in [("2026-11-20", 20), ("2026-11-21", 10), ("2026-11-22", 5)] {
        let body = json!({"habit_id": habit["id"], "completion_date": date, "value": value});
        user.post("/entries", &body).await.expect(201);
    }
    (user, habit)
}

#[tokio::test]
async fn weekly_statistics_have_the_fields_of_the_first_clients() {
    let app = App::start().await;
    let (user, habit) = reader(&app).await;
    let day = |date: &str, value: i64, state: &str| json!({"date": date, "value": value, "completed": state == "done", "state": state});
    let expected = json!({
        "start_date": "2026-11-18", "end_date": "2026-11-22", "total_habits": 1,
        "overall_completion_rate": 50.0, "done": 1, "missed": 1,
        "habits": [{
            "habit_id": habit["id"], "habit_title": "Read", "color": "#112233", "icon": "book",
            "target_value": 20, "unit": "pages", "total_value": 35, "completion_rate": 50.0,
            "days_completed": 1, "due_days": 2, "done": 1, "missed": 1,
            "current_streak": 0, "longest_streak": 1,
            "daily_progress": [0, 0, 20, 10, 5],
            "days": [
                day("2026-11-18", 0, "none"), day("2026-11-19", 0, "none"),
                day("2026-11-20", 20, "done"), day("2026-11-21", 10, "partial"),
                day("2026-11-22", 5, "open")
            ]
        }]
    });
    let path = "/stats/weekly?start_date=2026-11-18&end_date=2026-11-22";
    assert_eq!(user.get(path).await.expect(200), expected);
    let default = user.get("/stats/weekly").await.expect(200);
    assert_eq!(default["start_date"], "2026-11-16");
    assert_eq!(default["end_date"], "2026-11-22");
}

#[tokio::test]
async fn rate_is_null_if_nothing_is_due() {
    let app = App::start().await;
    let user = app.user().await;
    let nothing = user.get("/stats/weekly").await.expect(200);
    assert_eq!(nothing["total_habits"], 0);
    assert_eq!(nothing["overall_completion_rate"], Value::Null);

    let habit = user.habit("Read").await;
    let open = user.get("/stats/weekly").await.expect(200);
    assert_eq!(open["overall_completion_rate"], Value::Null);
    assert_eq!(open["habits"][0]["completion_rate"], Value::Null);
    assert_eq!(open["habits"][0]["due_days"], 0);
    let stats = user.stats(&habit).await;
    assert_eq!(stats["rate"], json!({"done": 0, "missed": 0, "rate": null}));
    assert_eq!(stats["strength"], Value::Null);
}

#[tokio::test]
async fn habit_statistics_have_all_figures() {
    let app = App::start().await;
    let (user, habit) = reader(&app).await;
    let stats = user.stats(&habit).await;
    assert_eq!(stats["habit_title"], "Read");
    let streak = json!({
        "current": 0, "longest": 1, "unit": "day", "since": null, "at_risk_until": null
    });
    assert_eq!(stats["streak"], streak);
    assert_eq!(stats["rate"], json!({"done": 1, "missed": 1, "rate": 50.0}));
    assert!(
        stats["strength"]
            .as_f64()
            .is_some_and(|it| it > 0.0 && it < 1.0)
    );
    let week = json!([{"first_day": "2026-11-16", "value": 35, "days": 3}]);
    assert_eq!(stats["weeks"], week);
    assert_eq!(stats["months"][0]["first_day"], "2026-11-01");
    assert_eq!(stats["years"][0]["first_day"], "2026-01-01");
    assert_eq!(stats["done_by_weekday"], json!([0, 0, 0, 0, 0, 1, 0]));
    let unit = |date: &str, state: &str| json!({"first_day": date, "last_day": date, "state": state, "reason": null});
    let units = json!([
        unit("2026-11-20", "done"),
        unit("2026-11-21", "missed"),
        unit("2026-11-22", "pending")
    ]);
    assert_eq!(stats["units"], units);
    let path = format!("/stats/habits/{}", habit["id"].as_str().expect("an id"));
    let short = user.get(&path).await.expect(200);
    assert!(short.get("units").is_none());
}

#[tokio::test]
async fn a_heatmap_has_one_cell_a_date() {
    let app = App::start().await;
    let (user, habit) = reader(&app).await;
    user.habit("Another").await;
    let all = user.get("/stats/heatmap").await.expect(200);
    assert_eq!(all["from"], "2025-11-22");
    assert_eq!(all["habits"].as_array().map(Vec::len), Some(2));
    assert_eq!(
        all["habits"][0]["cells"].as_array().map(Vec::len),
        Some(366)
    );

    let id = habit["id"].as_str().expect("an id");
    let path = format!("/stats/heatmap?from=2026-11-20&to=2026-11-22&habit_id={id}");
    let cell = |date: &str, state: &str, value: i64, level: u8| json!({"date": date, "state": state, "value": value, "target": 20, "level": level});
    let expected = json!({
        "from": "2026-11-20", "to": "2026-11-22",
        "habits": [{"habit_id": id, "cells": [
            cell("2026-11-20", "done", 20, 4),
            cell("2026-11-21", "partial", 10, 2),
            cell("2026-11-22", "open", 5, 1)
        ]}]
    });
    assert_eq!(user.get(&path).await.expect(200), expected);
}

#[tokio::test]
async fn overview_excludes_archived_habits() {
    let app = App::start().await;
    let (user, habit) = reader(&app).await;
    let away = json!({"title": "Away", "archived_at": "2026-11-22T11:00:00Z"});
    user.habit_with(&away).await;
    let overview = user.get("/stats/overview").await.expect(200);
    assert_eq!(overview["total_habits"], 1);
    assert_eq!(overview["habits"][0]["habit_id"], habit["id"]);
    assert_eq!(overview["habits"][0]["streak"]["longest"], 1);
    let rate = json!({"done": 1, "missed": 1, "rate": 50.0});
    assert_eq!(overview["last_7_days"], rate);
    assert_eq!(overview["last_30_days"], rate);
}

#[tokio::test]
async fn invalid_parameters_are_named() {
    let app = App::start().await;
    let user = app.user().await;
    for (path, pointer) in [
        ("/stats/weekly?start_date=2026-11-31", "/start_date"),
        ("/stats/weekly?end_date=today", "/end_date"),
        (
            "/stats/weekly?start_date=2026-11-22&end_date=2026-11-21",
            "/start_date",
        ),
        (
            "/stats/weekly?start_date=2025-11-21&end_date=2026-11-22",
            "/start_date",
        ),
        ("/stats/weekly?start_date=2025-11-21", "/start_date"),
        ("/stats/weekly?days=7", "/days"),
        ("/stats/weekly?tz=Europe/Atlantis", "/tz"),
        ("/stats/heatmap?from=2026-11-22&to=2026-11-21", "/from"),
        ("/stats/heatmap?habit_id=nonsense", "/habit_id"),
        ("/stats/overview?tz=%2B02:00", "/tz"),
        ("/today?tz=", "/tz"),
    ] {
        let answer = user.get(path).await;
        answer.refused(400, "invalid_parameter");
        answer.invalid(400, &[pointer]);
    }
    let explain = format!("/stats/habits/{}?explain=maybe", new_id());
    user.get(&explain).await.invalid(400, &["/explain"]);
    let longest = "/stats/weekly?start_date=2025-11-22&end_date=2026-11-22";
    user.get(longest).await.expect(200);

    let header = |path: &str, zone: &str| user.get(path).header("x-timezone", zone);
    let answer = header("/today", "Nowhere").await;
    answer.invalid(400, &["/X-Timezone"]);
    let answer = header("/today?tz=Europe/London", "Europe/Rome").await;
    answer.invalid(400, &["/tz"]);
    let same = header("/today?tz=Europe/Rome", "europe/rome").await;
    assert_eq!(same.expect(200)["timezone"], "Europe/Rome");
}

#[tokio::test]
async fn an_unknown_habit_has_no_statistics() {
    let app = App::start().await;
    let user = app.user().await;
    let unknown = user.get(&format!("/habits/{}", new_id())).await;
    for path in [
        format!("/stats/habits/{}", new_id()),
        "/stats/habits/nonsense".to_owned(),
        format!("/stats/heatmap?habit_id={}", new_id()),
    ] {
        let answer = user.get(&path).await;
        answer.refused(404, "habit_not_found");
        assert_eq!(answer.body, unknown.body, "{path}");
    }
}
