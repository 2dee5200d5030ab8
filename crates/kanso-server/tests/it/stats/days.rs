//! Days on which statistics count an entry.

use serde_json::{Value, json};

use crate::support::{App, TestUser};

/// Returns the dates with a done entry, as seen in `zone`.
async fn days(user: &TestUser, zone: &str, from: &str, to: &str) -> Vec<String> {
    let path = format!("/stats/weekly?start_date={from}&end_date={to}");
    let weekly = user.get(&path).header("x-timezone", zone).await;
    let weekly = weekly.expect(200);
    let days = weekly["habits"][0]["days"].as_array();
    let done = days.expect("days").iter().filter(|day| day["value"] != 0);
    done.map(|day| day["date"].as_str().expect("a date")[5..].to_owned())
        .collect()
}

#[tokio::test]
async fn half_past_midnight_is_another_day_in_rome_than_in_london() {
    let app = App::start().await;
    app.clock.set("2026-01-16T12:00:00Z");
    let user = app.user_in("Europe/Rome").await;
    for (instant, rome, london) in [
        ("2026-01-15T00:30:00Z", "01-15", "01-15"),
        ("2026-01-15T23:30:00Z", "01-16", "01-15"),
        ("2026-01-14T22:59:59Z", "01-14", "01-14"),
        ("2026-01-14", "01-14", "01-14"),
    ] {
        let habit = user.habit("Read").await;
        user.done(&habit, &[instant]).await;
        for (zone, day) in [("Europe/Rome", rome), ("Europe/London", london)] {
            let seen = days(&user, zone, "2026-01-13", "2026-01-17").await;
            assert_eq!(seen, [day], "{instant} in {zone}");
        }
        let path = format!("/habits/{}", habit["id"].as_str().expect("an id"));
        user.delete(&path).await.expect(204);
    }
}

#[tokio::test]
async fn weeks_in_which_the_clocks_change_have_seven_days() {
    // 23:30 and 00:30, before and after the clock change.
    let march = [
        ("2026-03-27T22:30:00Z", "03-27"),
        ("2026-03-28T22:30:00Z", "03-28"),
        ("2026-03-29T21:30:00Z", "03-29"),
        ("2026-03-29T22:30:00Z", "03-30"),
    ];
    let october = [
        ("2026-10-23T21:30:00Z", "10-23"),
        ("2026-10-24T21:30:00Z", "10-24"),
        ("2026-10-25T22:30:00Z", "10-25"),
        ("2026-10-25T23:30:00Z", "10-26"),
    ];
    for (now, range, cases) in [
        ("2026-04-01T12:00:00Z", ("2026-03-23", "2026-03-30"), march),
        (
            "2026-10-28T12:00:00Z",
            ("2026-10-19", "2026-10-26"),
            october,
        ),
    ] {
        let app = App::start().await;
        app.clock.set(now);
        let user = app.user_in("Europe/Rome").await;
        let habit = user.habit("Read").await;
        user.done(&habit, &cases.map(|(instant, _)| instant)).await;
        let expected = cases.map(|(_, day)| day);
        assert_eq!(days(&user, "Europe/Rome", range.0, range.1).await, expected);
        let stats = user.stats(&habit).await;
        assert_eq!(stats["streak"]["longest"], 4, "{stats}");
        let path = format!("/stats/weekly?start_date={}&end_date={}", range.0, range.1);
        let weekly = user.get(&path).await.expect(200);
        let all = weekly["habits"][0]["days"].as_array();
        assert_eq!(all.map(Vec::len), Some(8));
    }
}

#[tokio::test]
async fn apia_had_no_thirtieth_of_december() {
    let app = App::start().await;
    app.clock.set("2011-12-28T20:00:00Z");
    let user = app.user_in("Pacific/Apia").await;
    let habit = user.habit("Swim").await;
    user.done(&habit, &["2011-12-28T20:00:00Z"]).await;
    let user = app.later("2011-12-30T09:59:59Z", &user).await;
    let today = user.get("/today").await.expect(200);
    assert_eq!(today["date"], "2011-12-29");
    assert_eq!(today["ends_at"], "2011-12-30T10:00:00.000000Z");
    user.done(&habit, &["2011-12-30T09:59:59Z"]).await;
    app.clock.advance(1);
    let today = user.get("/today").await.expect(200);
    assert_eq!(today["date"], "2011-12-31");
    assert_eq!(today["habits"][0]["streak"]["current"], 2);
    user.done(&habit, &["2011-12-30T10:00:00Z"]).await;
    let stats = user.stats(&habit).await;
    assert_eq!(stats["streak"]["current"], 3, "{stats}");

    let heatmap = "/stats/heatmap?from=2011-12-28&to=2011-12-31";
    let heatmap = user.get(heatmap).await.expect(200);
    let cells = heatmap["habits"][0]["cells"].as_array().expect("cells");
    let seen: Vec<_> = cells.iter().map(|cell| &cell["state"]).collect();
    assert_eq!(
        seen,
        ["done", "done", "done"],
        "three dates, and none between"
    );
}

#[tokio::test]
async fn a_night_owl_reads_until_half_past_three() {
    let app = App::start().await;
    app.clock.set("2020-09-02T20:00:00Z");
    let user = app.user().await;
    let settings = json!({"day_start": "03:30"});
    user.patch("/auth/user", &settings).await.expect(200);
    let habit = user.habit("Read").await;
    let user = app.later("2020-09-03T03:29:00Z", &user).await;
    user.done(&habit, &["2020-09-03T03:29:00Z"]).await;
    let today = user.get("/today").await.expect(200);
    let habit_now = |today: &Value| {
        let habit = &today["habits"][0];
        json!([
            today["date"],
            habit["state"],
            habit["streak"]["current"],
            habit["at_risk"]
        ])
    };
    assert_eq!(habit_now(&today), json!(["2020-09-02", "done", 1, false]));
    assert_eq!(today["ends_at"], "2020-09-03T03:30:00.000000Z");
    app.clock.advance(60);
    let today = user.get("/today").await.expect(200);
    assert_eq!(habit_now(&today), json!(["2020-09-03", "pending", 1, true]));
    let seen = days(&user, "UTC", "2020-09-01", "2020-09-04").await;
    assert_eq!(seen, ["09-02"]);
}

#[tokio::test]
async fn traveller_keeps_the_local_dates_of_entries() {
    let app = App::start().await;
    app.clock.set("2026-05-10T12:00:00Z");
    let user = app.user_in("Asia/Tokyo").await;
    let habit = user.habit("Read").await;
    let read = async |user: &TestUser, instant: &str, zone: &str| {
        let body = json!({
            "habit_id": habit["id"], "completion_date": instant, "timezone": zone
        });
        let entry = user.post("/entries", &body).await.expect(201);
        entry["local_date"].clone()
    };
    // 21:00 in Tokyo, then twice 20:00 in Los Angeles: the first of
    // them is the same date again.
    let tokyo = read(&user, "2026-05-10T12:00:00Z", "Asia/Tokyo").await;
    let user = app.later("2026-05-11T03:00:00Z", &user).await;
    let arrived = read(&user, "2026-05-11T03:00:00Z", "America/Los_Angeles").await;
    let user = app.later("2026-05-12T03:00:00Z", &user).await;
    let next = read(&user, "2026-05-12T03:00:00Z", "America/Los_Angeles").await;
    assert_eq!(
        [tokyo, arrived, next],
        ["2026-05-10", "2026-05-10", "2026-05-11"]
    );
    for (zone, today) in [
        ("America/Los_Angeles", "2026-05-11"),
        ("Asia/Tokyo", "2026-05-12"),
    ] {
        let answer = user.get(&format!("/today?tz={zone}")).await.expect(200);
        assert_eq!(answer["date"], today);
        assert_eq!(answer["habits"][0]["streak"]["current"], 2, "{answer}");
    }
    // Weekly statistics read instants in the requested zone.
    let seen = days(&user, "America/Los_Angeles", "2026-05-09", "2026-05-12").await;
    assert_eq!(seen, ["05-10", "05-11"]);
    let seen = days(&user, "Asia/Tokyo", "2026-05-09", "2026-05-12").await;
    assert_eq!(seen, ["05-10", "05-11", "05-12"]);
}
