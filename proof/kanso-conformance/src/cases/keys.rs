//! `Idempotency-Key`: plain writes that are safe to repeat.

use reqwest::Method;
use serde_json::json;

use crate::answer::Outcome;
use crate::case::cases;
use crate::ids::new_id;
use crate::person::{id, somebody};
use crate::wire::Wire;

cases! { "keys";
    a_key_makes_a_create_safe_to_repeat, "sync.md, Exactly once",
        "The same Idempotency-Key again creates nothing and answers the same.";
    a_key_makes_a_change_safe_to_repeat, "sync.md, Exactly once",
        "A repeated change or delete with its key has one effect.";
    a_key_is_for_one_request, "sync.md, Exactly once",
        "Another request with the key is 422 idempotency_key_reused.";
    what_is_no_key_is_refused, "sync.md, Exactly once",
        "A key has 1 to 255 visible ASCII characters.";
}

async fn a_key_makes_a_create_safe_to_repeat(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    let key = new_id();
    let create = || {
        let call = person
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
    let list = person.get("/habits").await?;
    list.must(list.list("").len() == 1, "one habit")
}

async fn a_key_makes_a_change_safe_to_repeat(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    let habit = person.habit("Read").await?;
    let (path, edit, removal) = (format!("/habits/{}", id(&habit)), new_id(), new_id());
    for _ in 0..2 {
        let call = person
            .call(Method::PUT, &path)
            .header("idempotency-key", &edit);
        let answer = call
            .json(&json!({"version": 1, "title": "Run"}))
            .send()
            .await?;
        answer.status(200)?;
        answer.is("/version", 2)?;
    }
    for _ in 0..2 {
        let call = person.call(Method::DELETE, &path);
        call.header("idempotency-key", &removal)
            .send()
            .await?
            .status(204)?;
    }
    Ok(())
}

async fn a_key_is_for_one_request(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    let key = new_id();
    let create = |title: &str| {
        let call = person
            .call(Method::POST, "/habits")
            .json(&json!({"title": title}));
        call.header("idempotency-key", &key).send()
    };
    create("Read").await?.status(201)?;
    create("Run").await?.problem(422, "idempotency_key_reused")
}

async fn what_is_no_key_is_refused(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    for (key, status) in [
        ("a b", 400),
        (&*"x".repeat(256), 400),
        (&"x".repeat(255), 201),
    ] {
        let call = person
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
