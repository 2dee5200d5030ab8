//! Replicas verify themselves: the digest, and the repair if it differs.

use kanso_domain::sync::{Buckets, Digest};
use kanso_domain::{Entity, Version};
use serde_json::{Value, json};

use super::pull;
use crate::support::{App, TestUser, operation};

/// Contents of a replica: kind, id and version of each live record.
type Held = Vec<(Entity, u128, Version)>;

fn held(changes: &Value) -> Held {
    let changes = changes.as_array().expect("a list").iter();
    let is_live = |change: &&Value| change["record"]["deleted_at"].is_null();
    changes.filter(is_live).map(one).collect()
}

fn one(change: &Value) -> (Entity, u128, Version) {
    let entity = match change["entity"].as_str() {
        Some("habit") => Entity::Habit,
        _ => Entity::Entry,
    };
    let record = &change["record"];
    let id = record["id"].as_str().expect("an id");
    let id = kanso_protocol::parse_uuid(id).expect("a UUID");
    let version = Version::new(record["version"].as_i64().expect("a number"));
    (entity, id.as_u128(), version.expect("positive"))
}

fn digest(held: &Held) -> String {
    let digests = held
        .iter()
        .map(|&(entity, id, version)| Digest::of(entity, id, version));
    digests.sum::<Digest>().to_string()
}

fn buckets(held: &Held) -> Value {
    let mut buckets = Buckets::empty();
    for &(entity, id, version) in held {
        buckets.add(entity, id, version);
    }
    buckets.digests().iter().map(ToString::to_string).collect()
}

async fn verify(user: &TestUser, held: &Held) -> Value {
    let body = json!({"buckets": buckets(held)});
    user.post("/sync/verify", &body).await.expect(200)
}

/// Creates a user with habits and entries, some edited, some deleted.
async fn user_with_history(app: &App) -> TestUser {
    let user = app.user().await;
    for title in ["Read", "Run", "Rest"] {
        let habit = user.habit(title).await;
        for _ in 0..4 {
            user.entry(&habit).await;
        }
        if title == "Rest" {
            let delete = operation("habit", "delete", &habit["id"], &json!({}));
            user.push(json!([delete])).await;
        }
    }
    user
}

#[tokio::test]
async fn digest_equals_that_of_the_delivered_records() {
    let app = App::start().await;
    let user = user_with_history(&app).await;
    let page = pull(&user, "").await;
    assert_eq!(page["digest"], digest(&held(&page["changes"])));
    let cut = pull(&user, "?limit=1").await;
    assert!(cut.get("digest").is_none(), "there is more to come");
    let newcomer = app.user().await;
    assert_eq!(pull(&newcomer, "").await["digest"], "0000000000000000");
}

#[tokio::test]
async fn drifted_replica_gets_the_differing_buckets_and_records() {
    let app = App::start().await;
    let user = user_with_history(&app).await;
    let page = pull(&user, "").await;
    let right = held(&page["changes"]);
    let answer = verify(&user, &right).await;
    assert_eq!(answer["differing"], json!([]));
    assert_eq!(answer["digest"], page["digest"]);
    assert_eq!(answer["head"], page["head"]);

    let mut wrong = right.clone();
    let (entity, id, version) = wrong[2];
    wrong[2] = (entity, id, version.next());
    let answer = verify(&user, &wrong).await;
    let place = Buckets::place(id);
    assert_eq!(answer["differing"], json!([place]));
    let bucket = &answer["buckets"][0];
    assert_eq!(bucket["bucket"], place);
    let belongs: Held = right
        .iter()
        .copied()
        .filter(|it| Buckets::place(it.1) == place)
        .collect();
    let reported = held(&bucket["records"]);
    assert_eq!(digest(&reported), digest(&belongs));

    let lost = verify(&user, &Held::new()).await;
    let all = lost["buckets"].as_array().expect("a list").iter();
    let all: Held = all.flat_map(|bucket| held(&bucket["records"])).collect();
    assert_eq!(digest(&all), page["digest"].as_str().expect("a digest"));
}

#[tokio::test]
async fn a_replica_must_name_all_its_buckets() {
    let app = App::start().await;
    let user = app.user().await;
    let few = json!({"buckets": ["0000000000000000"]});
    user.post("/sync/verify", &few)
        .await
        .invalid(422, &["/buckets"]);
    let mut odd = buckets(&Held::new());
    odd[7] = json!("zz");
    let odd = json!({"buckets": odd});
    user.post("/sync/verify", &odd)
        .await
        .invalid(422, &["/buckets/7"]);
}

#[tokio::test]
async fn settings_come_with_the_delta() {
    let app = App::start().await;
    let user = app.user().await;
    user.habit("Read").await;
    let start = pull(&user, "").await;
    assert_eq!(start["changes"].as_array().map(Vec::len), Some(1));
    let settings = json!({"timezone": "Europe/Rome", "day_start": "03:30"});
    user.patch("/auth/user", &settings).await.expect(200);
    let query = format!("?cursor={}", start["cursor"].as_str().expect("a cursor"));
    let delta = pull(&user, &query).await;
    let change = &delta["changes"][0];
    assert_eq!(
        (&change["entity"], &change["seq"]),
        (&json!("user"), &json!(2))
    );
    assert_eq!(change["record"]["timezone"], "Europe/Rome");
    assert_eq!(change["record"]["day_start"], "03:30");
    assert_eq!(change["record"]["week_start"], "monday");
    assert_eq!(delta["digest"], start["digest"], "settings are no record");
    let full = pull(&user, "").await;
    assert_eq!(super::seqs(&full["changes"]), [1, 2]);
}
