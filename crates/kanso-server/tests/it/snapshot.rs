//! `/api/v1/sync/snapshot`

use std::collections::BTreeMap;

use kanso_domain::sync::Epoch;
use kanso_domain::{Seq, UserId};
use kanso_protocol::sync::Resume;
use serde_json::{Value, json};

use crate::support::{App, TestUser, new_id, operation};

/// Returns the lines of a response.
async fn lines(user: &TestUser, query: &str) -> Vec<Value> {
    let answer = user.get(&format!("/sync/snapshot{query}")).await;
    answer.lines()
}

fn of_type<'a>(lines: &'a [Value], name: &str) -> Vec<&'a Value> {
    let of_type = |line: &&Value| line["type"] == name;
    lines.iter().filter(of_type).collect()
}

/// Returns the records among lines or changes, by position.
fn records<'a>(lines: impl IntoIterator<Item = &'a Value>) -> BTreeMap<i64, Value> {
    let mut records = BTreeMap::new();
    for line in lines {
        let seq = line["seq"].as_i64().expect("a position");
        let what = json!([line["entity"], line["record"]]);
        assert!(records.insert(seq, what).is_none(), "{seq} comes twice");
    }
    records
}

/// Creates a user with settings, two habits and 1,200 entries on six days, one in the last week.
async fn user_with_history(app: &App) -> TestUser {
    let user = app.user_in("Europe/Rome").await;
    let habits = [user.habit("Read").await, user.habit("Run").await];
    for batch in 0..3 {
        let create = |number: usize| {
            let day = ["2026-01-05", "2026-11-20"][(batch + number) % 2];
            let habit = &habits[number % 2]["id"];
            let fields = json!({"habit_id": habit, "completion_date": day, "notes": number});
            let fields = json!({"fields": fields});
            operation("entry", "create", &json!(new_id()), &fields)
        };
        let mut outbox: Vec<_> = (0..400).map(create).collect();
        for operation in &mut outbox {
            let notes = operation["fields"]["notes"].to_string();
            operation["fields"]["notes"] = json!(notes);
        }
        let results = user.push(json!(outbox)).await;
        assert!(results.iter().all(|result| result["status"] == "applied"));
    }
    user
}

/// Performs a first pull and returns its changes and its last page.
async fn pulled(user: &TestUser) -> (BTreeMap<i64, Value>, Value) {
    let (mut all, mut query) = (Vec::new(), String::new());
    loop {
        let page = user.get(&format!("/sync{query}")).await.expect(200);
        all.extend(page["changes"].as_array().expect("changes").clone());
        if page["has_more"] == json!(false) {
            return (records(&all), page);
        }
        query = format!("?cursor={}", page["cursor"].as_str().expect("a cursor"));
    }
}

fn query(mark: &Value) -> String {
    format!("?resume={}", mark["resume"].as_str().expect("a token"))
}

#[tokio::test]
async fn snapshot_equals_a_first_pull() {
    let app = App::start().await;
    let user = user_with_history(&app).await;
    let lines = lines(&user, "?window_days=7").await;
    let (pulled, page) = pulled(&user).await;
    assert_eq!(pulled.len(), 1 + 2 + 1_200);
    let sent = of_type(&lines, "record");
    assert_eq!(records(sent.iter().copied()), pulled);

    let (begin, end) = (&lines[0], &lines[lines.len() - 1]);
    let said = json!({
        "type": "begin", "head": 1_203, "history_start": 0, "digest": page["digest"],
        "cursor": page["cursor"]
    });
    assert_eq!(*begin, said);
    let said = json!({
        "type": "end", "cursor": page["cursor"], "digest": page["digest"], "records": 1_203
    });
    assert_eq!(*end, said);

    let order: Vec<_> = sent
        .iter()
        .map(|line| match line["entity"].as_str() {
            Some("user") => 0,
            Some("habit") => 1,
            _ if line["record"]["local_date"] == "2026-11-20" => 2,
            _ => 3,
        })
        .collect();
    assert!(order.is_sorted() && order.ends_with(&[3]));
}

#[tokio::test]
async fn interrupted_snapshot_resumes() {
    let app = App::start().await;
    let user = user_with_history(&app).await;
    let whole = lines(&user, "?window_days=7").await;
    let marks = of_type(&whole, "mark");
    assert!(marks.len() >= 3, "one mark after each piece");
    for mark in marks {
        let place = whole.iter().position(|line| line == mark);
        let got = &whole[..place.expect("its place")];
        let rest = lines(&user, &query(mark)).await;
        assert_eq!(
            rest[0], whole[0],
            "the resumed snapshot has the same header"
        );
        let (got, more) = (of_type(got, "record"), of_type(&rest, "record"));
        let end = &rest[rest.len() - 1];
        assert_eq!(end["records"], more.len());
        assert_eq!(end["digest"], whole[0]["digest"]);
        let all = records(got.into_iter().chain(more));
        assert_eq!(all, records(of_type(&whole, "record")));
    }
}

#[tokio::test]
async fn changes_during_a_snapshot_come_with_the_delta() {
    let app = App::start().await;
    let user = user_with_history(&app).await;
    let whole = lines(&user, "").await;
    let mark = of_type(&whole, "mark")[0];
    let late = user.habit("Late").await;
    let rest = lines(&user, &query(mark)).await;
    let end = &rest[rest.len() - 1];
    assert_eq!(end.get("digest"), None, "a snapshot alone has no digest");
    assert_eq!(end["cursor"], whole[0]["cursor"]);
    let path = format!("/sync?cursor={}", end["cursor"].as_str().expect("a cursor"));
    let delta = user.get(&path).await.expect(200);
    assert_eq!(delta["changes"][0]["record"], late);
    assert_eq!(delta["remaining"], 0);
}

#[tokio::test]
async fn token_of_another_user_or_history_is_refused() {
    let app = App::start().await;
    let (user, stranger) = (user_with_history(&app).await, app.user().await);
    let whole = lines(&user, "").await;
    let mark = of_type(&whole, "mark")[0];
    let path = format!("/sync/snapshot{}", query(mark));
    let refused = stranger.get(&path).await;
    refused.refused(400, "cursor_malformed");
    for bad in ["", "nonsense", "k1_ASNFZ4mrze8AAAAAAAAicHNaYSc"] {
        let refused = user.get(&format!("/sync/snapshot?resume={bad}")).await;
        refused.refused(400, "cursor_malformed");
    }

    let account = user.get("/auth/user").await.expect(200);
    let id = account["id"].as_str().expect("an id").parse();
    let user_id = UserId::new(id.expect("an id"));
    let token = mark["resume"].as_str().expect("a token");
    let good = Resume::parse(token, user_id).expect("a position");
    let other = Resume {
        epoch: Epoch::new(good.epoch.get() ^ 1),
        ..good
    };
    let ahead = Resume {
        seq: Seq::new(9_999).expect("a position"),
        ..good
    };
    for (position, code) in [(other, "epoch_changed"), (ahead, "cursor_ahead")] {
        let path = format!("/sync/snapshot?resume={}", position.text(user_id));
        user.get(&path).await.refused(410, code);
    }
}

#[tokio::test]
async fn the_window_is_bounded_and_a_snapshot_can_be_compressed() {
    let app = App::start().await;
    let user = user_with_history(&app).await;
    for window in [0, 3_660] {
        let lines = lines(&user, &format!("?window_days={window}")).await;
        assert_eq!(lines[lines.len() - 1]["records"], 1_203);
    }
    for window in ["3661", "-1", "", "all"] {
        let path = format!("/sync/snapshot?window_days={window}");
        user.get(&path).await.invalid(400, &["/window_days"]);
    }
    let plain = user.get("/sync/snapshot").await;
    for coding in ["zstd", "gzip"] {
        let call = user.get("/sync/snapshot");
        let packed = call.header("accept-encoding", coding).await;
        assert_eq!(packed.header("content-encoding"), coding);
        assert!(packed.body.len() < plain.body.len() / 4);
    }
    let newcomer = app.user().await;
    let empty = lines(&newcomer, "").await;
    assert_eq!(empty.len(), 2, "{empty:?}");
}
