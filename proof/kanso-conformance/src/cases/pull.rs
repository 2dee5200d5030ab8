//! Pulls: pages, cursors, tombstones.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::account::{TestAccount, create, entry_of, id, new_account, operation};
use crate::answer::{CaseFailure, CheckResult};
use crate::case::cases;
use crate::digest::Replica;
use crate::server::ServerUnderTest;

cases! { "pull";
    a_new_person_has_nothing, "protocol.md, Changes",
        "The first pull of a new account has no change, a cursor and the empty digest.";
    changes_come_in_order_once_each, "protocol.md, Changes",
        "A pull has each record once, in its newest state, in the order of seq.";
    pages_add_up_to_the_whole, "protocol.md, Changes",
        "Pages of any limit have each record once; remaining and has_more count the rest.";
    a_first_pull_has_no_tombstones, "protocol.md, Changes",
        "A first pull has no tombstones.";
    a_later_pull_has_tombstones, "protocol.md, Changes",
        "A deletion after the cursor is delivered as a tombstone.";
    what_is_deleted_during_a_first_pull_is_told, "protocol.md, Changes",
        "A first pull delivers tombstones of records deleted between its pages.";
    a_deleted_habit_implies_its_entries, "protocol.md, Changes",
        "The live entries of a deleted habit are not delivered.";
    an_entrys_own_tombstone_is_always_told, "protocol.md, Changes",
        "The tombstone of an entry is delivered even if its habit is deleted.";
    settings_come_as_a_change, "protocol.md, Changes",
        "Changed settings are delivered as a change of the entity `user`.";
    seq_and_updated_at_strictly_increase, "protocol.md, Three numbers",
        "seq and updated_at strictly increase within an account.";
}

async fn a_new_person_has_nothing(server: &ServerUnderTest) -> CheckResult {
    let page = new_account(server).await?.pull("").await?;
    page.is("/changes", json!([]))?;
    page.is("/head", 0)?;
    page.is("/has_more", false)?;
    page.is("/remaining", 0)?;
    page.is("/digest", "0000000000000000")?;
    page.must(!page.text("/cursor").is_empty(), "a cursor")
}

async fn changes_come_in_order_once_each(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    let (one, two) = (account.habit("one").await?, account.habit("two").await?);
    let edit = json!({"version": 1, "title": "edited"});
    account
        .put(&format!("/habits/{}", id(&one)), &edit)
        .await?
        .status(200)?;
    let page = account.pull("").await?;
    page.must(page.list("/changes").len() == 2, "each record once")?;
    page.is("/changes/0/record/id", two["id"].clone())?;
    page.is("/changes/1/record/title", "edited")?;
    page.is("/changes/1/entity", "habit")?;
    page.is("/changes/1/seq", page.at("/head").clone())?;
    let after = account
        .pull(&format!("?cursor={}", page.text("/cursor")))
        .await?;
    after.is("/changes", json!([]))
}

/// Returns an account with three habits and three entries of each.
pub(super) async fn busy(server: &ServerUnderTest) -> Result<TestAccount, CaseFailure> {
    let account = new_account(server).await?;
    let mut outbox = Vec::new();
    for title in ["one", "two", "three"] {
        let habit = create(title);
        let entries: Vec<_> = (0..3)
            .map(|_| (entry_of(&habit["id"]), "applied"))
            .collect();
        outbox.push((habit, "applied"));
        outbox.extend(entries);
    }
    account.push(&outbox).await?;
    Ok(account)
}

async fn pages_add_up_to_the_whole(server: &ServerUnderTest) -> CheckResult {
    let account = busy(server).await?;
    let whole = account.pull("").await?;
    whole.must(whole.list("/changes").len() == 12, "12 records")?;
    // One record, a limit that does not divide 12, and all on one page.
    for limit in [1, 5, 12] {
        let (mut all, mut query) = (Vec::new(), format!("?limit={limit}"));
        loop {
            let page = account.pull(&query).await?;
            all.extend(page.list("/changes").iter().cloned());
            let left = 12_usize.saturating_sub(all.len());
            page.must(
                page.list("/changes").len() <= limit,
                "at most `limit` records",
            )?;
            page.is("/remaining", left)?;
            page.is("/has_more", left > 0)?;
            page.must(
                // A digest of a partial replica could not be compared with anything.
                (left == 0) == page.at("/digest").is_string(),
                "a digest at the end only",
            )?;
            if left == 0 {
                break;
            }
            query = format!("?limit={limit}&cursor={}", page.text("/cursor"));
        }
        whole.is("/changes", all)?;
    }
    Ok(())
}

async fn a_first_pull_has_no_tombstones(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    let habit = account.habit("gone").await?;
    account.habit("kept").await?;
    account
        .delete(&format!("/habits/{}", id(&habit)))
        .await?
        .status(204)?;
    let page = account.pull("").await?;
    page.must(
        page.list("/changes").len() == 1,
        "the habit that lives, alone",
    )?;
    page.is("/changes/0/record/title", "kept")
}

async fn a_later_pull_has_tombstones(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    let habit = account.habit("gone").await?;
    let cursor = account.pull("").await?.text("/cursor").to_owned();
    account
        .delete(&format!("/habits/{}", id(&habit)))
        .await?
        .status(204)?;
    let page = account.pull(&format!("?cursor={cursor}")).await?;
    page.is("/changes/0/record/id", habit["id"].clone())?;
    page.must(
        page.at("/changes/0/record/deleted_at").is_string(),
        "a tombstone",
    )?;
    page.is("/changes/0/record/version", 2)
}

async fn what_is_deleted_during_a_first_pull_is_told(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    let first = account.habit("first").await?;
    account.habit("second").await?;
    let page = account.pull("?limit=1").await?;
    page.is("/changes/0/record/id", first["id"].clone())?;
    account
        .delete(&format!("/habits/{}", id(&first)))
        .await?
        .status(204)?;
    // Without the tombstone the first habit would stay in the replica forever: the pull has passed its
    // position.
    let mut replica = Replica::default();
    replica.apply(page.list("/changes"));
    let rest = account
        .pull(&format!("?cursor={}", page.text("/cursor")))
        .await?;
    replica.apply(rest.list("/changes"));
    rest.is("/digest", replica.digest())?;
    let delivered = rest.list("/changes").iter();
    let mut tombstones = delivered.filter(|change| change["record"]["id"] == first["id"]);
    rest.must(
        tombstones.next().is_some(),
        "the tombstone of the first habit",
    )
}

async fn a_deleted_habit_implies_its_entries(server: &ServerUnderTest) -> CheckResult {
    let account = busy(server).await?;
    let page = account.pull("").await?;
    let habit = page.at("/changes/0/record").clone();
    account
        .delete(&format!("/habits/{}", id(&habit)))
        .await?
        .status(204)?;
    let anew = account.pull("").await?;
    anew.must(
        // Three habits with three entries each, without one habit and its entries.
        anew.list("/changes").len() == 8,
        "two habits and their six entries",
    )?;
    let delta = account
        .pull(&format!("?cursor={}", page.text("/cursor")))
        .await?;
    delta.must(
        delta.list("/changes").len() == 1,
        "the tombstone of the habit alone",
    )
}

async fn an_entrys_own_tombstone_is_always_told(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    let habit = account.habit("Read").await?;
    let entry = account.entry(&habit, "2026-03-02").await?;
    let cursor = account.pull("").await?.text("/cursor").to_owned();
    let delete = |entity: &str, record: &Value| {
        (
            operation(entity, "delete", &record["id"], &json!({})),
            "applied",
        )
    };
    account
        .push(&[delete("entry", &entry), delete("habit", &habit)])
        .await?;
    let page = account.pull(&format!("?cursor={cursor}")).await?;
    let ids = page
        .list("/changes")
        .iter()
        .map(|change| &change["record"]["id"]);
    let ids: Vec<_> = ids.collect();
    page.must(
        // The habit may be revived with its entries. This entry must stay deleted then, so it needs its own
        // tombstone.
        ids == [&entry["id"], &habit["id"]],
        "both tombstones, in order",
    )
}

async fn settings_come_as_a_change(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    let cursor = account.pull("").await?.text("/cursor").to_owned();
    let settings = json!({"timezone": "Europe/Rome"});
    account.patch("/auth/user", &settings).await?.status(200)?;
    let page = account.pull(&format!("?cursor={cursor}")).await?;
    page.is("/changes/0/entity", "user")?;
    page.is("/changes/0/record/timezone", "Europe/Rome")?;
    // Settings are not a record, so the digest is that of no records.
    page.is("/digest", "0000000000000000")
}

async fn seq_and_updated_at_strictly_increase(server: &ServerUnderTest) -> CheckResult {
    let account = busy(server).await?;
    let page = account.pull("").await?;
    let changes = page.list("/changes");
    let seqs: Vec<_> = changes.iter().filter_map(|it| it["seq"].as_i64()).collect();
    page.must(
        seqs.windows(2).all(|two| two[0] < two[1]),
        "seq to increase",
    )?;
    // A map: two changes with one updated_at would leave fewer than 12.
    let times: BTreeMap<_, _> = changes
        .iter()
        .filter_map(|it| Some((it["record"]["updated_at"].as_str()?, it["seq"].as_i64()?)))
        .collect();
    page.must(
        times.len() == 12,
        "an updated_at of its own for each change",
    )?;
    page.must(
        times.into_values().is_sorted(),
        "updated_at in the order of seq",
    )
}
