//! The bound of an answer with one cell for each habit and each day.

use kanso_domain::sync::Quota;
use serde_json::{Value, json};

use crate::support::{App, TestUser, new_id, operation};

/// Creates `count` habits. Returns the id of the last one.
async fn habits(user: &TestUser, count: usize) -> Value {
    let ids: Vec<_> = std::iter::repeat_with(|| json!(new_id()))
        .take(count)
        .collect();
    for ids in ids.chunks(500) {
        let fields = json!({"fields": {"title": "Read"}});
        let create = |id| operation("habit", "create", id, &fields);
        user.push(ids.iter().map(create).collect()).await;
    }
    ids.last().expect("a habit").clone()
}

/// Asserts that `path` is refused and names the `parameters` to narrow.
async fn is_refused(user: &TestUser, path: &str, parameters: &[&str]) {
    let answer = user.get(path).await;
    answer.refused(422, "too_many_cells");
    answer.invalid(422, parameters);
    assert!(answer.body.len() < 1_000, "{answer}");
}

#[tokio::test]
async fn year_of_547_habits_is_refused_and_less_is_answered() {
    // More habits than the default quota lets through.
    let app = App::with(|config| config.quota = Quota::UNLIMITED).await;
    let user = app.user().await;
    let last = habits(&user, 547).await;
    let ends = &["/start_date", "/end_date"];
    let year = "/stats/weekly?start_date=2025-11-22&end_date=2026-11-22";
    is_refused(&user, year, ends).await;
    is_refused(&user, "/stats/heatmap", &["/from", "/to"]).await;

    // A day less, a habit less, one habit only: each is enough.
    let path = "/stats/heatmap?from=2025-11-23&to=2026-11-22";
    let heatmap = user.get(path).await.expect(200);
    assert_eq!(heatmap["habits"].as_array().map(Vec::len), Some(547));
    let path = format!("/stats/heatmap?habit_id={}", last.as_str().expect("an id"));
    let heatmap = user.get(&path).await.expect(200);
    let cells = heatmap["habits"][0]["cells"].as_array();
    assert_eq!(cells.map(Vec::len), Some(366));
    let path = format!("/habits/{}", last.as_str().expect("an id"));
    user.delete(&path).await.expect(204);
    let weekly = user.get(year).await.expect(200);
    assert_eq!(weekly["total_habits"], 546);
}
