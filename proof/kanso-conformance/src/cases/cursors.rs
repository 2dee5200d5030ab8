//! Cursors: opaque, and valid for one history of one account.

use reqwest::Method;
use serde_json::json;

use super::pull::busy;
use crate::account::{create, new_account};
use crate::answer::CheckResult;
use crate::case::cases;
use crate::server::ServerUnderTest;

cases! { "cursors";
    a_cursor_is_short_and_opaque, "protocol.md, Cursors",
        "A cursor has at most 40 URL-safe characters and begins with k1_.";
    what_is_no_cursor_is_refused, "protocol.md, Cursors",
        "A push with a malformed cursor is answered 400 cursor_malformed and changes nothing.";
    a_cursor_of_somebody_else_shows_nothing, "protocol.md, Cursors",
        "A cursor of another account shows no record of that account.";
    a_tag_of_a_pull_says_where_the_history_stood, "live.md, A pull that waits",
        "GET /sync has an ETag, and If-None-Match is answered 304 until a change.";
}

async fn a_cursor_is_short_and_opaque(server: &ServerUnderTest) -> CheckResult {
    let account = busy(server).await?;
    for query in ["", "?limit=1"] {
        let page = account.pull(query).await?;
        let cursor = page.text("/cursor");
        // The unreserved characters of RFC 3986: a cursor is a query parameter and must need no escaping.
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '~');
        page.must(
            cursor.len() <= 40 && cursor.starts_with("k1_") && cursor.chars().all(is_plain),
            "at most 40 URL-safe characters beginning with k1_",
        )?;
    }
    Ok(())
}

async fn what_is_no_cursor_is_refused(server: &ServerUnderTest) -> CheckResult {
    let account = busy(server).await?;
    let good = account.pull("").await?.text("/cursor").to_owned();
    // A cursor that was cut, and one of another version.
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
        let answer = account.get(&format!("/sync?cursor={cursor}")).await?;
        answer.problem(400, "cursor_malformed")?;
        // The push must fail as a whole. If its operation were carried out, the client would send it again
        // with another cursor.
        let body = json!({"cursor": cursor, "operations": [create("x")]});
        account
            .post("/sync", &body)
            .await?
            .problem(400, "cursor_malformed")?;
    }
    let page = account.pull("").await?;
    page.must(
        page.list("/changes").len() == 12,
        "no operation of these to be carried out",
    )
}

async fn a_cursor_of_somebody_else_shows_nothing(server: &ServerUnderTest) -> CheckResult {
    let (account, other) = (busy(server).await?, new_account(server).await?);
    let cursor = account.pull("?limit=1").await?.text("/cursor").to_owned();
    let answer = other.get(&format!("/sync?cursor={cursor}")).await?;
    // The position may be beyond the head of the other account, which is an error of its own. In no
    // case may a record of the first account be in the answer.
    if answer.status == 410 {
        return answer.problem(410, "cursor_ahead");
    }
    answer.status(200)?;
    answer.is("/changes", json!([]))
}

async fn a_tag_of_a_pull_says_where_the_history_stood(server: &ServerUnderTest) -> CheckResult {
    let account = busy(server).await?;
    let page = account.pull("").await?;
    let tag = page.header("etag").to_owned();
    page.must(tag.starts_with('"') && tag.len() > 2, "an ETag in quotes")?;
    let ask = || {
        let path = format!("/sync?cursor={}", page.text("/cursor"));
        account
            .call(Method::GET, &path)
            .header("if-none-match", &tag)
            .send()
    };
    let same = ask().await?;
    same.status(304)?;
    // RFC 9110, section 15.4.5: a 304 has no content.
    same.must(same.body.is_empty(), "no body")?;
    account.push(&[(create("new"), "applied")]).await?;
    let changed = ask().await?;
    changed.status(200)?;
    changed.must(changed.header("etag") != tag, "another tag")
}
