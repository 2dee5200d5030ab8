//! Lists and deltas in pages, and whole ones that are longer than a piece.

use futures::future::join_all;
use serde_json::{Value, json};

use crate::support::{Answer, App, TestUser, new_id, operation};

/// Returns the path of the next page of `path`, as the header `Link` names it.
fn next_of(path: &str, answer: &Answer) -> Option<String> {
    let link = answer.header("link");
    if link.is_empty() {
        return None;
    }
    let reference = link.strip_prefix('<').and_then(|link| link.split_once('>'));
    let (reference, relation) = reference.expect(link);
    assert_eq!(relation, "; rel=\"next\"");
    let (path, _) = path.split_once('?').expect("a query");
    Some(format!("{path}{reference}"))
}

fn ids(records: &Value) -> Vec<String> {
    let records = records.as_array().expect("a list").iter();
    records
        .map(|record| record["id"].as_str().expect("an id").to_owned())
        .collect()
}

/// Creates an entry for each date, in pushes of 500. Returns their ids.
async fn entries(user: &TestUser, habit: &Value, dates: &[String]) -> Vec<String> {
    let mut ids = Vec::new();
    for dates in dates.chunks(500) {
        let create = |date: &String| {
            let id = json!(new_id());
            ids.push(id.as_str().expect("an id").to_owned());
            let fields = json!({"habit_id": habit["id"], "completion_date": date});
            operation("entry", "create", &id, &json!({"fields": fields}))
        };
        user.push(dates.iter().map(create).collect()).await;
    }
    ids
}

fn dates(count: usize) -> Vec<String> {
    (0..count)
        .map(|day| format!("2026-{:02}-{:02}", 1 + day % 11, 1 + day / 11 % 28))
        .collect()
}

#[tokio::test]
async fn pages_of_entries_skip_and_repeat_nothing_while_others_are_written() {
    let app = App::start().await;
    let user = app.user().await;
    let habit = user.habit("Read").await;
    let created = entries(&user, &habit, &dates(10)).await;
    let all = user.get("/entries?from=2026-01-01").await.expect(200);
    let all = ids(&all);
    assert_eq!(all.len(), 10);

    let mut path = "/entries?from=2026-01-01&limit=3".to_owned();
    let mut read = Vec::new();
    loop {
        let answer = user.get(&path).await;
        let page = ids(&answer.expect(200));
        assert!((1..=3).contains(&page.len()), "{page:?}");
        // A new entry at the beginning, and the last one of the page is deleted.
        user.done(&habit, &["2026-11-22"]).await;
        let last = page.last().expect("an entry");
        user.delete(&format!("/entries/{last}")).await.expect(204);
        read.extend(page);
        match next_of(&path, &answer) {
            Some(next) => path = next,
            None => break,
        }
    }
    assert_eq!(read, all, "{created:?}");
}

#[tokio::test]
async fn pages_keep_the_default_range_of_the_first_one() {
    let app = App::start().await;
    let user = app.user().await;
    let habit = user.habit("Read").await;
    // The first day of the default range is one of the last on the next day.
    user.done(&habit, &["2026-11-22", "2026-10-24"]).await;
    let path = "/entries?limit=1";
    let first = user.get(path).await;
    let next = next_of(path, &first).expect("another page");
    let user = app.later("2026-11-23T12:00:00Z", &user).await;
    let second = user.get(&next).await;
    assert_eq!(second.expect(200)[0]["local_date"], "2026-10-24");
    assert_eq!(next_of(path, &second), None);
}

#[tokio::test]
async fn pages_of_habits_are_their_list() {
    let app = App::start().await;
    let user = app.user().await;
    for number in 0..5 {
        let members = json!({"title": "Read", "sort_order": number % 2});
        user.habit_with(&members).await;
    }
    let all = ids(&user.get("/habits").await.expect(200));
    let mut path = "/habits?limit=2&archived=false".to_owned();
    let mut read = Vec::new();
    loop {
        let answer = user.get(&path).await;
        let page = ids(&answer.expect(200));
        user.habit_with(&json!({"title": "New", "sort_order": -1}))
            .await;
        read.extend(page);
        match next_of(&path, &answer) {
            Some(next) => path = next,
            None => break,
        }
    }
    assert_eq!(read, all);
}

#[tokio::test]
async fn pages_of_a_delta_miss_no_change_that_is_made_meanwhile() {
    let app = App::start().await;
    let user = app.user().await;
    let habit = user.habit("Read").await;
    let created = entries(&user, &habit, &dates(9)).await;
    // The same by the cursor, by the header and by the time of each page.
    for way in ["cursor", "link", "timestamp"] {
        let mut copy = std::collections::BTreeMap::new();
        let mut path = "/entries/sync?limit=2".to_owned();
        for round in 0.. {
            let answer = user.get(&path).await;
            let page = answer.expect(200);
            for change in page["changes"].as_array().expect("changes") {
                let id = change["id"].as_str().expect("an id").to_owned();
                copy.insert(id, change.clone());
            }
            let has_more = page["has_more"].as_bool().expect("with a limit");
            let next = next_of(&path, &answer);
            assert_eq!(next.is_some(), has_more);
            if !has_more {
                break;
            }
            if round < 2 {
                // The first entry was read and the last one was not.
                for id in [&created[0], &created[8]] {
                    let change = json!({"notes": format!("{way} {round}")});
                    let call = user.patch(&format!("/entries/{id}"), &change);
                    call.header("if-match", "*").await.expect(200);
                }
            }
            let text = |name: &str| page[name].as_str().expect("a text").to_owned();
            path = match way {
                "cursor" => format!("/entries/sync?limit=2&cursor={}", text("cursor")),
                "timestamp" => format!("/entries/sync?limit=2&since={}", text("timestamp")),
                _ => next.expect("another page"),
            };
        }
        let all = user.get("/entries/sync").await.expect(200);
        assert_eq!(copy.len(), 9);
        for change in all["changes"].as_array().expect("changes") {
            let id = change["id"].as_str().expect("an id");
            assert_eq!(&copy[id], change, "{way}");
        }
    }
}

#[tokio::test]
async fn long_lists_and_deltas_are_sent_in_pieces_and_are_whole() {
    let app = App::start().await;
    let user = app.user().await;
    let habit = user.habit("Read").await;
    let created = entries(&user, &habit, &dates(1_203)).await;
    let answer = user.get("/entries?from=2026-01-01").await;
    assert_eq!(answer.header("content-length"), "");
    let listed = answer.expect(200);
    let listed = listed.as_array().expect("a list");
    assert_eq!(listed.len(), 1_203);
    let keys: Vec<_> = listed
        .iter()
        .map(|entry| (entry["local_date"].as_str(), entry["id"].as_str()))
        .collect();
    assert!(keys.is_sorted_by(|one, next| one >= next));

    // The first clients get one delta, with tombstones and with one position.
    user.delete(&format!("/entries/{}", created[7]))
        .await
        .expect(204);
    let delta = user.get("/entries/sync").await.expect(200);
    assert_eq!(delta["changes"].as_array().map(Vec::len), Some(1_203));
    assert!(delta.get("has_more").is_none());
    assert!(delta["changes"][1_202]["deleted_at"].is_string());
    let since = delta["timestamp"].as_str().expect("a time");
    let after = user.get(&format!("/entries/sync?since={since}")).await;
    assert_eq!(after.expect(200)["changes"], json!([]));
}

#[tokio::test]
async fn cursors_of_lists_are_checked() {
    let app = App::start().await;
    let (user, other) = (app.user().await, app.user().await);
    for user in [&user, &other] {
        let habit = user.habit("Read").await;
        user.habit("Run").await;
        user.done(&habit, &["2026-11-22", "2026-11-21"]).await;
    }
    for list in ["/habits", "/entries"] {
        let path = format!("{list}?limit=1");
        let first = user.get(&path).await;
        let next = next_of(&path, &first).expect("another page");
        other.get(&next).await.refused(400, "cursor_malformed");
        let elsewhere = next.replace("/habits", "/e").replace("/entries", "/habits");
        let elsewhere = elsewhere.replace("/e?", "/entries?");
        user.get(&elsewhere).await.refused(400, "cursor_malformed");
        let path = format!("{list}?limit=1&cursor=kl1_AAAA");
        user.get(&path).await.refused(400, "cursor_malformed");
    }
    for list in ["/habits", "/entries", "/habits/sync", "/entries/sync"] {
        for limit in ["0", "1001", "x", ""] {
            let path = format!("{list}?limit={limit}");
            user.get(&path).await.invalid(400, &["/limit"]);
        }
        let path = format!("{list}?cursor=k1_AAAA");
        user.get(&path).await.invalid(400, &["/cursor"]);
    }
}

#[tokio::test]
async fn heavy_reads_of_an_account_are_bounded_and_leave_others_alone() {
    let app = App::start().await;
    let (user, other) = (app.user().await, app.user().await);
    let habits = (0..200).map(|_| {
        let fields = json!({"fields": {"title": "Read"}});
        operation("habit", "create", &json!(new_id()), &fields)
    });
    user.push(habits.collect()).await;
    let heavy = (0..60).map(|_| async { user.get("/stats/heatmap").await });
    let pull = async { other.get("/sync").await };
    let (answers, pulled) = futures::join!(join_all(heavy), pull);
    pulled.expect(200);
    let refused: Vec<_> = answers.iter().filter(|it| it.status != 200).collect();
    assert!(!refused.is_empty(), "60 at once are more than may wait");
    assert!(refused.len() < 60, "some are answered");
    for answer in refused {
        answer.refused(503, "reads_busy");
        assert_eq!(answer.header("retry-after"), "1");
    }
    user.get("/today").await.expect(200);
}
