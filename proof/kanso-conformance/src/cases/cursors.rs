//! Cursors: opaque, of one history and of one person.

use reqwest::Method;
use serde_json::json;

use super::pull::busy;
use crate::answer::Outcome;
use crate::case::cases;
use crate::person::{create, somebody};
use crate::wire::Wire;

cases! { "cursors";
    a_cursor_is_short_and_opaque, "protocol.md, Cursors",
        "A cursor is at most 40 URL-safe characters beginning with k1_.";
    what_is_no_cursor_is_refused, "protocol.md, Cursors",
        "Garbage and damaged cursors are 400 cursor_malformed, and nothing is carried out.";
    a_cursor_of_somebody_else_shows_nothing, "protocol.md, Cursors",
        "Another person's cursor shows no record of theirs.";
    a_tag_of_a_pull_says_where_the_history_stood, "live.md, A pull that waits",
        "GET /sync has an ETag; If-None-Match is 304 until something changes.";
}

async fn a_cursor_is_short_and_opaque(wire: &Wire) -> Outcome {
    let person = busy(wire).await?;
    for query in ["", "?limit=1"] {
        let page = person.pull(query).await?;
        let cursor = page.text("/cursor");
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '~');
        page.must(
            cursor.len() <= 40 && cursor.starts_with("k1_") && cursor.chars().all(is_plain),
            "at most 40 URL-safe characters beginning with k1_",
        )?;
    }
    Ok(())
}

async fn what_is_no_cursor_is_refused(wire: &Wire) -> Outcome {
    let person = busy(wire).await?;
    let good = person.pull("").await?.text("/cursor").to_owned();
    let cut = good[..good.len() - 1].to_owned();
    let other = good.replacen("k1_", "k9_", 1);
    for cursor in [
        "",
        "k1_",
        "nonsense",
        "k1_AAAA",
        &cut,
        &other,
        &"k".repeat(5_000),
    ] {
        let answer = person.get(&format!("/sync?cursor={cursor}")).await?;
        answer.problem(400, "cursor_malformed")?;
        let body = json!({"cursor": cursor, "operations": [create("x")]});
        person
            .post("/sync", &body)
            .await?
            .problem(400, "cursor_malformed")?;
    }
    let page = person.pull("").await?;
    page.must(
        page.list("/changes").len() == 12,
        "no operation of these to be carried out",
    )
}

async fn a_cursor_of_somebody_else_shows_nothing(wire: &Wire) -> Outcome {
    let (person, other) = (busy(wire).await?, somebody(wire).await?);
    let cursor = person.pull("?limit=1").await?.text("/cursor").to_owned();
    let answer = other.get(&format!("/sync?cursor={cursor}")).await?;
    if answer.status == 410 {
        return answer.problem(410, "cursor_ahead");
    }
    answer.status(200)?;
    answer.is("/changes", json!([]))
}

async fn a_tag_of_a_pull_says_where_the_history_stood(wire: &Wire) -> Outcome {
    let person = busy(wire).await?;
    let page = person.pull("").await?;
    let tag = page.header("etag").to_owned();
    page.must(tag.starts_with('"') && tag.len() > 2, "an ETag in quotes")?;
    let ask = || {
        let path = format!("/sync?cursor={}", page.text("/cursor"));
        person
            .call(Method::GET, &path)
            .header("if-none-match", &tag)
            .send()
    };
    let same = ask().await?;
    same.status(304)?;
    same.must(same.body.is_empty(), "no body")?;
    person.push(&[(create("new"), "applied")]).await?;
    let changed = ask().await?;
    changed.status(200)?;
    changed.must(changed.header("etag") != tag, "another tag")
}
