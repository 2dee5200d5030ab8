//! Conditional requests: an unchanged response is not sent again, and a changed one always is.

use serde_json::json;

use crate::support::{Answer, App, TestUser};

async fn paths(user: &TestUser) -> Vec<String> {
    let habit = user.habit("Read").await;
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

async fn again(user: &TestUser, path: &str, etag: &str) -> Answer {
    user.get(path).header("if-none-match", etag).await
}

#[tokio::test]
async fn matching_tag_gets_304() {
    let app = App::start().await;
    let user = app.user().await;
    let mut etags = Vec::new();
    for path in paths(&user).await {
        let first = user.get(&path).await;
        first.expect(200);
        let etag = first.header("etag").to_owned();
        assert!(etag.starts_with('"') && etag.ends_with('"'), "{etag}");
        assert_eq!(first.header("cache-control"), "private, no-cache");
        let varies: Vec<_> = first.headers.get_all("vary").iter().collect();
        assert!(varies.iter().any(|it| *it == "authorization, x-timezone"));
        let encoded = format!("{}-gzip\"", etag.trim_end_matches('"'));
        for known in [
            etag.clone(),
            format!("W/{etag}"),
            format!("\"x\", {etag}"),
            encoded.clone(),
            format!("W/{encoded}"),
        ] {
            let second = again(&user, &path, &known).await;
            assert_eq!((second.status, second.body.len()), (304, 0), "{path}");
            assert_eq!(second.header("etag"), etag);
            assert_eq!(second.header("cache-control"), "private, no-cache");
        }
        again(&user, &path, "\"1\"").await.expect(200);
        assert!(!etags.contains(&etag), "{path}");
        etags.push(etag);
    }
    let other = app.user().await;
    let theirs = other.get("/today").await;
    assert_eq!(theirs.expect(200)["habits"], json!([]));
}

#[tokio::test]
async fn every_change_of_a_response_changes_its_tag() {
    let app = App::start().await;
    let user = app.user().await;
    for path in paths(&user).await {
        let etag = user.get(&path).await.header("etag").to_owned();
        let abroad = user
            .get(&path)
            .header("if-none-match", &etag)
            .header("x-timezone", "Asia/Tokyo")
            .await;
        abroad.expect(200);
    }

    let path = "/stats/weekly";
    let mut etag = user.get(path).await.header("etag").to_owned();
    let mut is_new = async |user: &TestUser, why: &str| {
        let answer = again(user, path, &etag).await;
        answer.expect(200);
        assert_ne!(answer.header("etag"), etag, "{why}");
        answer.header("etag").clone_into(&mut etag);
        assert_eq!(again(user, path, &etag).await.status, 304, "{why}");
    };
    let habit = user.habit("Write").await;
    is_new(&user, "a habit").await;
    user.entry(&habit).await;
    is_new(&user, "an entry").await;
    for settings in [
        json!({"week_start": "sunday"}),
        json!({"day_start": "02:00"}),
        json!({"timezone": "Europe/Rome"}),
    ] {
        user.patch("/auth/user", &settings).await.expect(200);
        is_new(&user, &settings.to_string()).await;
    }
    // 02:00 of the next day in Rome.
    let user = app.later("2026-11-23T00:59:59Z", &user).await;
    assert_eq!(
        again(&user, path, &etag_of(&user, path).await).await.status,
        304
    );
    is_new(&app.later("2026-11-23T01:00:00Z", &user).await, "a new day").await;
}

async fn etag_of(user: &TestUser, path: &str) -> String {
    user.get(path).await.header("etag").to_owned()
}
