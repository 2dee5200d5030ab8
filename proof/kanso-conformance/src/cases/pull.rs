//! Pulls: pages, cursors, tombstones.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::answer::{Failure, Outcome};
use crate::case::cases;
use crate::digest::Replica;
use crate::person::{Person, create, entry_of, id, operation, somebody};
use crate::wire::Wire;

cases! { "pull";
    a_new_person_has_nothing, "protocol.md, Changes",
        "A first pull of nobody is empty, with a cursor and the digest of nothing.";
    changes_come_in_order_once_each, "protocol.md, Changes",
        "Each record is there once, in its newest state, in the order of seq.";
    pages_add_up_to_the_whole, "protocol.md, Changes",
        "Pages of any limit bring every record once; remaining and has_more tell the rest.";
    a_first_pull_has_no_tombstones, "protocol.md, Changes",
        "Without a cursor, tombstones are left out.";
    a_later_pull_has_tombstones, "protocol.md, Changes",
        "A deletion after the cursor comes as a tombstone.";
    what_is_deleted_during_a_first_pull_is_told, "protocol.md, Changes",
        "A first pull that takes long hears of what is deleted while it lasts.";
    a_deleted_habit_implies_its_entries, "protocol.md, Changes",
        "The live entries of a deleted habit are not sent.";
    an_entrys_own_tombstone_is_always_told, "protocol.md, Changes",
        "The tombstone of an entry is sent whatever became of its habit.";
    settings_come_as_a_change, "protocol.md, Changes",
        "Changed settings come as an entity `user`.";
    seq_and_updated_at_strictly_increase, "protocol.md, Three numbers",
        "For one person, seq and updated_at strictly increase.";
}

async fn a_new_person_has_nothing(wire: &Wire) -> Outcome {
    let page = somebody(wire).await?.pull("").await?;
    page.is("/changes", json!([]))?;
    page.is("/head", 0)?;
    page.is("/has_more", false)?;
    page.is("/remaining", 0)?;
    page.is("/digest", "0000000000000000")?;
    page.must(!page.text("/cursor").is_empty(), "a cursor")
}

async fn changes_come_in_order_once_each(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    let (one, two) = (person.habit("one").await?, person.habit("two").await?);
    let edit = json!({"version": 1, "title": "edited"});
    person
        .put(&format!("/habits/{}", id(&one)), &edit)
        .await?
        .status(200)?;
    let page = person.pull("").await?;
    page.must(page.list("/changes").len() == 2, "each record once")?;
    page.is("/changes/0/record/id", two["id"].clone())?;
    page.is("/changes/1/record/title", "edited")?;
    page.is("/changes/1/entity", "habit")?;
    page.is("/changes/1/seq", page.at("/head").clone())?;
    let after = person
        .pull(&format!("?cursor={}", page.text("/cursor")))
        .await?;
    after.is("/changes", json!([]))
}

/// A person with three habits and three entries of each.
pub(super) async fn busy(wire: &Wire) -> Result<Person, Failure> {
    let person = somebody(wire).await?;
    let mut outbox = Vec::new();
    for title in ["one", "two", "three"] {
        let habit = create(title);
        let entries: Vec<_> = (0..3)
            .map(|_| (entry_of(&habit["id"]), "applied"))
            .collect();
        outbox.push((habit, "applied"));
        outbox.extend(entries);
    }
    person.push(&outbox).await?;
    Ok(person)
}

async fn pages_add_up_to_the_whole(wire: &Wire) -> Outcome {
    let person = busy(wire).await?;
    let whole = person.pull("").await?;
    whole.must(whole.list("/changes").len() == 12, "12 records")?;
    for limit in [1, 5, 12] {
        let (mut all, mut query) = (Vec::new(), format!("?limit={limit}"));
        loop {
            let page = person.pull(&query).await?;
            all.extend(page.list("/changes").iter().cloned());
            let left = 12_usize.saturating_sub(all.len());
            page.must(
                page.list("/changes").len() <= limit,
                "at most `limit` records",
            )?;
            page.is("/remaining", left)?;
            page.is("/has_more", left > 0)?;
            page.must(
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

async fn a_first_pull_has_no_tombstones(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    let habit = person.habit("gone").await?;
    person.habit("kept").await?;
    person
        .delete(&format!("/habits/{}", id(&habit)))
        .await?
        .status(204)?;
    let page = person.pull("").await?;
    page.must(
        page.list("/changes").len() == 1,
        "the habit that lives, alone",
    )?;
    page.is("/changes/0/record/title", "kept")
}

async fn a_later_pull_has_tombstones(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    let habit = person.habit("gone").await?;
    let cursor = person.pull("").await?.text("/cursor").to_owned();
    person
        .delete(&format!("/habits/{}", id(&habit)))
        .await?
        .status(204)?;
    let page = person.pull(&format!("?cursor={cursor}")).await?;
    page.is("/changes/0/record/id", habit["id"].clone())?;
    page.must(
        page.at("/changes/0/record/deleted_at").is_string(),
        "a tombstone",
    )?;
    page.is("/changes/0/record/version", 2)
}

async fn what_is_deleted_during_a_first_pull_is_told(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    let first = person.habit("first").await?;
    person.habit("second").await?;
    let page = person.pull("?limit=1").await?;
    page.is("/changes/0/record/id", first["id"].clone())?;
    person
        .delete(&format!("/habits/{}", id(&first)))
        .await?
        .status(204)?;
    let mut replica = Replica::default();
    replica.apply(page.list("/changes"));
    let rest = person
        .pull(&format!("?cursor={}", page.text("/cursor")))
        .await?;
    replica.apply(rest.list("/changes"));
    rest.is("/digest", replica.digest())?;
    let told = rest.list("/changes").iter();
    let mut told = told.filter(|change| change["record"]["id"] == first["id"]);
    rest.must(told.next().is_some(), "the tombstone of the first habit")
}

async fn a_deleted_habit_implies_its_entries(wire: &Wire) -> Outcome {
    let person = busy(wire).await?;
    let page = person.pull("").await?;
    let habit = page.at("/changes/0/record").clone();
    person
        .delete(&format!("/habits/{}", id(&habit)))
        .await?
        .status(204)?;
    let anew = person.pull("").await?;
    anew.must(
        anew.list("/changes").len() == 8,
        "two habits and their six entries",
    )?;
    let delta = person
        .pull(&format!("?cursor={}", page.text("/cursor")))
        .await?;
    delta.must(
        delta.list("/changes").len() == 1,
        "the tombstone of the habit alone",
    )
}

async fn an_entrys_own_tombstone_is_always_told(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    let habit = person.habit("Read").await?;
    let entry = person.entry(&habit, "2026-03-02").await?;
    let cursor = person.pull("").await?.text("/cursor").to_owned();
    let delete = |entity: &str, record: &Value| {
        (
            operation(entity, "delete", &record["id"], &json!({})),
            "applied",
        )
    };
    person
        .push(&[delete("entry", &entry), delete("habit", &habit)])
        .await?;
    let page = person.pull(&format!("?cursor={cursor}")).await?;
    let told = page
        .list("/changes")
        .iter()
        .map(|change| &change["record"]["id"]);
    let told: Vec<_> = told.collect();
    page.must(
        told == [&entry["id"], &habit["id"]],
        "both tombstones, in order",
    )
}

async fn settings_come_as_a_change(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    let cursor = person.pull("").await?.text("/cursor").to_owned();
    let settings = json!({"timezone": "Europe/Rome"});
    person.patch("/auth/user", &settings).await?.status(200)?;
    let page = person.pull(&format!("?cursor={cursor}")).await?;
    page.is("/changes/0/entity", "user")?;
    page.is("/changes/0/record/timezone", "Europe/Rome")?;
    page.is("/digest", "0000000000000000")
}

async fn seq_and_updated_at_strictly_increase(wire: &Wire) -> Outcome {
    let person = busy(wire).await?;
    let page = person.pull("").await?;
    let changes = page.list("/changes");
    let seqs: Vec<_> = changes.iter().filter_map(|it| it["seq"].as_i64()).collect();
    page.must(
        seqs.windows(2).all(|two| two[0] < two[1]),
        "seq to increase",
    )?;
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
