//! Conditional requests: an unchanged response is not sent again, and a changed one always is.

use serde_json::json;

use crate::support::{Answer, App, Person};

async fn paths(person: &Person) -> Vec<String> {
    let habit = person.habit("Read").await;
    let id = habit["id"].as_str().expect("an id");
    vec![
        "/today".to_owned(),
        "/stats/weekly".to_owned(),
        "/stats/overview".to_owned(),
        "/stats/heatmap".to_owned(),
        format!("/stats/heatmap?habit_id={id}"),
        format!("/stats/habits/{id}"),
        format!("/stats/habits/{id}?explain=true"),
    ]
}

async fn again(person: &Person, path: &str, etag: &str) -> Answer {
    person.get(path).header("if-none-match", etag).await
}

#[tokio::test]
async fn matching_tag_gets_304() {
    let app = App::start().await;
    let person = app.person().await;
    let mut etags = Vec::new();
    for path in paths(&person).await {
        let first = person.get(&path).await;
        first.expect(200);
        let etag = first.header("etag").to_owned();
        assert!(etag.starts_with('"') && etag.ends_with('"'), "{etag}");
        assert_eq!(first.header("cache-control"), "private, no-cache");
        let varies: Vec<_> = first.headers.get_all("vary").iter().collect();
        assert!(varies.iter().any(|it| *it == "authorization, x-timezone"));
        for known in [etag.clone(), format!("W/{etag}"), format!("\"x\", {etag}")] {
            let second = again(&person, &path, &known).await;
            assert_eq!((second.status, second.body.len()), (304, 0), "{path}");
            assert_eq!(second.header("etag"), etag);
            assert_eq!(second.header("cache-control"), "private, no-cache");
        }
        again(&person, &path, "\"1\"").await.expect(200);
        assert!(!etags.contains(&etag), "{path}");
        etags.push(etag);
    }
    let other = app.person().await;
    let theirs = other.get("/today").await;
    assert_eq!(theirs.expect(200)["habits"], json!([]));
}

#[tokio::test]
async fn every_change_of_a_response_changes_its_tag() {
    let app = App::start().await;
    let person = app.person().await;
    for path in paths(&person).await {
        let etag = person.get(&path).await.header("etag").to_owned();
        let abroad = person
            .get(&path)
            .header("if-none-match", &etag)
            .header("x-timezone", "Asia/Tokyo")
            .await;
        abroad.expect(200);
    }

    let path = "/stats/weekly";
    let mut etag = person.get(path).await.header("etag").to_owned();
    let mut is_new = async |person: &Person, why: &str| {
        let answer = again(person, path, &etag).await;
        answer.expect(200);
        assert_ne!(answer.header("etag"), etag, "{why}");
        answer.header("etag").clone_into(&mut etag);
        assert_eq!(again(person, path, &etag).await.status, 304, "{why}");
    };
    let habit = person.habit("Write").await;
    is_new(&person, "a habit").await;
    person.entry(&habit).await;
    is_new(&person, "an entry").await;
    for settings in [
        json!({"week_start": "sunday"}),
        json!({"day_start": "02:00"}),
        json!({"timezone": "Europe/Rome"}),
    ] {
        person.patch("/auth/user", &settings).await.expect(200);
        is_new(&person, &settings.to_string()).await;
    }
    // 02:00 of the next day in Rome.
    let person = app.later("2026-11-23T00:59:59Z", &person).await;
    assert_eq!(
        again(&person, path, &etag_of(&person, path).await)
            .await
            .status,
        304
    );
    is_new(
        &app.later("2026-11-23T01:00:00Z", &person).await,
        "a new day",
    )
    .await;
}

async fn etag_of(person: &Person, path: &str) -> String {
    person.get(path).await.header("etag").to_owned()
}
