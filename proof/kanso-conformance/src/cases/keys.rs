//! `Idempotency-Key`: REST writes that a client may repeat.

use reqwest::Method;
use serde_json::json;

use crate::account::{id, new_account};
use crate::answer::CheckResult;
use crate::case::cases;
use crate::ids::new_id;
use crate::server::ServerUnderTest;

cases! { "keys";
    a_key_makes_a_create_safe_to_repeat, "sync.md, Exactly once",
        "A create that is repeated with its Idempotency-Key creates nothing new.";
    a_key_makes_a_change_safe_to_repeat, "sync.md, Exactly once",
        "A change or delete that is repeated with its Idempotency-Key has one effect.";
    a_key_is_for_one_request, "sync.md, Exactly once",
        "Another request with a used key is answered 422 idempotency_key_reused.";
    what_is_no_key_is_refused, "sync.md, Exactly once",
        "An Idempotency-Key has 1 to 255 visible ASCII characters.";
}

async fn a_key_makes_a_create_safe_to_repeat(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    let key = new_id();
    let create = || {
        let call = account
            .call(Method::POST, "/habits")
            .json(&json!({"title": "Read"}));
        call.header("idempotency-key", &key).send()
    };
    let (first, again) = (create().await?, create().await?);
    first.status(201)?;
    first.header_is("idempotency-replayed", "")?;
    again.status(201)?;
    again.header_is("idempotency-replayed", "true")?;
    again.header_is("location", first.header("location"))?;
    again.is("", first.json.clone())?;
    let list = account.get("/habits").await?;
    list.must(list.list("").len() == 1, "one habit")
}

async fn a_key_makes_a_change_safe_to_repeat(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    let habit = account.habit("Read").await?;
    // One key for each request: the key belongs to the content of a request.
    let (path, edit, removal) = (format!("/habits/{}", id(&habit)), new_id(), new_id());
    for _ in 0..2 {
        let call = account
            .call(Method::PUT, &path)
            .header("idempotency-key", &edit);
        let answer = call
            // The retry names version 1 too, which is old by then. Without the key it would be a conflict.
            .json(&json!({"version": 1, "title": "Run"}))
            .send()
            .await?;
        answer.status(200)?;
        answer.is("/version", 2)?;
    }
    for _ in 0..2 {
        let call = account.call(Method::DELETE, &path);
        call.header("idempotency-key", &removal)
            .send()
            .await?
            .status(204)?;
    }
    Ok(())
}

async fn a_key_is_for_one_request(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    let key = new_id();
    let create = |title: &str| {
        let call = account
            .call(Method::POST, "/habits")
            .json(&json!({"title": title}));
        call.header("idempotency-key", &key).send()
    };
    create("Read").await?.status(201)?;
    create("Run").await?.problem(422, "idempotency_key_reused")
}

async fn what_is_no_key_is_refused(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    for (key, status) in [
        ("a b", 400),
        // A space, one character too many, and the longest valid key.
        (&*"x".repeat(256), 400),
        (&"x".repeat(255), 201),
    ] {
        let call = account
            .call(Method::POST, "/habits")
            .json(&json!({"title": "Read"}));
        let answer = call.header("idempotency-key", key).send().await?;
        match status {
            400 => answer.problem(400, "invalid_parameter")?,
            _ => drop(answer.status(status)?),
        }
    }
    Ok(())
}
