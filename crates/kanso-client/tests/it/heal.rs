//! Repair of a replica that differs from the server.

use std::path::Path;

use kanso_client::{Client, SyncOptions};
use rusqlite::Connection;
use tempfile::TempDir;

use crate::support::{
    EMAIL, FakeServer, PASSWORD, all_entries, live, on, parts, signed_in, titled, titles,
};

const VERIFY: SyncOptions = SyncOptions {
    verify: true,
    accept_deletions: false,
};

/// A replica in a file, with two habits and an entry.
async fn on_disk(server: &FakeServer) -> (TempDir, Client) {
    let folder = tempfile::tempdir().expect("a folder");
    let (clock, ids) = parts(1);
    let client = Client::open_with(folder.path(), clock, ids).expect("opens");
    client
        .login(server, EMAIL, PASSWORD)
        .await
        .expect("logs in");
    let read = client.create_habit(titled("Read")).expect("creates");
    client.create_habit(titled("Run")).expect("creates");
    client
        .create_entry(on(&read, "2026-11-22"))
        .expect("creates");
    client.sync(server).await.expect("syncs");
    (folder, client)
}

fn file(folder: &Path) -> Connection {
    Connection::open(folder.join("replica.db")).expect("opens")
}

fn must_agree(client: &Client, server: &FakeServer) {
    let replica = live(client.server_records().expect("reads"));
    assert_eq!(replica, live(server.records()));
}

#[tokio::test]
async fn a_flipped_byte_heals_and_the_outbox_survives() {
    let flips = [
        "UPDATE base SET record = replace(record, 'Read', 'Rebd')",
        "UPDATE base SET record = replace(record, '\"version\":1', '\"version\":3') WHERE entity = 'habit'",
        "UPDATE base SET record = replace(record, '{', '[')",
        "UPDATE base SET record = CAST(replace(CAST(record AS BLOB), X'52', X'D2') AS TEXT)",
        "UPDATE base SET version = 3 WHERE entity = 'entry'",
        "UPDATE base SET seq = seq + 64",
        "UPDATE base SET is_live = 0",
        "UPDATE base SET entity = 'fntry' WHERE entity = 'entry'",
        "UPDATE shown SET record = replace(record, 'Read', 'Rebd')",
        "UPDATE replica SET digest = digest + 1",
        "DELETE FROM base",
    ];
    for flip in flips {
        let server = FakeServer::new();
        let (folder, client) = on_disk(&server).await;
        client.create_habit(titled("waits")).expect("creates");
        let flipped = file(folder.path()).execute(flip, []).expect("flips");
        assert!(flipped > 0, "{flip}");

        let report = client.sync_with(&server, VERIFY, &|_| {}).await;
        let report = report.unwrap_or_else(|error| panic!("{flip}: {error:?}"));
        assert_eq!((report.pushed, report.waiting), (1, 0), "{flip}");
        assert_eq!(
            report.offered, 0,
            "{flip}: damaged records are not given back"
        );
        assert!(!report.differs, "{flip}");
        assert_eq!(titles(&client), ["Read", "Run", "waits"], "{flip}");
        assert_eq!(all_entries(&client).len(), 1, "{flip}");
        must_agree(&client, &server);
        let again = client.sync_with(&server, VERIFY, &|_| {}).await;
        let again = again.expect("syncs");
        assert_eq!((again.damaged, again.repaired), (0, 0), "{flip}");
    }
}

#[tokio::test]
async fn damage_is_found_within_a_day() {
    let server = FakeServer::new();
    let folder = tempfile::tempdir().expect("a folder");
    let (clock, ids) = parts(1);
    let client = Client::open_with(folder.path(), clock.clone(), ids).expect("opens");
    client
        .login(&server, EMAIL, PASSWORD)
        .await
        .expect("logs in");
    client.create_habit(titled("Read")).expect("creates");
    client.sync(&server).await.expect("syncs");
    let flip = "UPDATE base SET record = replace(record, 'Read', 'Rebd')";
    file(folder.path()).execute(flip, []).expect("flips");
    clock.advance(24 * 60 * 60);
    let report = client.sync(&server).await.expect("syncs");
    assert_eq!((report.damaged, report.repaired), (1, 1));
    must_agree(&client, &server);
    assert_eq!(client.sync(&server).await.expect("syncs").repaired, 0);
}

#[tokio::test]
async fn damaged_record_with_waiting_edits_does_not_stop_a_sync() {
    let server = FakeServer::new();
    let (folder, client) = on_disk(&server).await;
    let habits = client.habits().expect("reads");
    let is_read = |title: &str| title == "Read";
    let mut habits = habits.into_iter().map(|shown| shown.record);
    let read = habits.find(|habit| is_read(habit.details.title.as_str()));
    let read = read.expect("is there");
    client
        .update_habit(read.id, titled("Read more"))
        .expect("updates");
    let flip = "UPDATE base SET record = replace(record, '{', '[') WHERE record LIKE '%Read%'";
    file(folder.path()).execute(flip, []).expect("flips");
    let report = client.sync(&server).await.expect("it helps itself");
    assert_eq!(report.waiting, 0);
    assert!(
        titles(&client).contains(&"Read more".to_owned()),
        "{report:?}"
    );
    must_agree(&client, &server);
}

#[tokio::test]
async fn a_drifted_replica_is_repaired_bucket_by_bucket() {
    let server = FakeServer::new();
    server.state().buckets_at_a_time = 2;
    let device = signed_in(1, &server).await;
    for number in 0..20 {
        let title = format!("habit {number}");
        device.create_habit(titled(&title)).expect("creates");
    }
    device.sync(&server).await.expect("syncs");
    // Without a change of the history, so no cursor shows it.
    let lost: Vec<_> = server.state().habits.keys().copied().take(7).collect();
    for id in &lost {
        let mut state = server.state();
        let habit = state.habits.get_mut(id).expect("is there");
        habit.stamp.version = habit.stamp.version.next();
    }
    let report = device.sync(&server).await.expect("syncs");
    assert_eq!((report.repaired, report.differs), (7, false));
    assert_eq!(
        live(device.server_records().expect("reads")),
        live(server.records())
    );
}

#[tokio::test]
async fn repair_stops_if_the_digests_never_match() {
    let server = FakeServer::new();
    let device = signed_in(1, &server).await;
    device.create_habit(titled("Read")).expect("creates");
    server.state().lies = u32::MAX;
    let report = device.sync(&server).await.expect("syncs");
    assert!(report.differs);
    assert_eq!(titles(&device), ["Read"]);
    server.state().lies = 0;
    assert!(!device.sync(&server).await.expect("syncs").differs);
}

#[tokio::test]
async fn settings_come_with_the_records() {
    let server = FakeServer::new();
    let device = signed_in(1, &server).await;
    device.sync(&server).await.expect("syncs");
    let mut settings = device.settings().expect("reads");
    settings.timezone = "Pacific/Auckland".parse().expect("a zone");
    server.state().set(settings.clone());
    server.state().paths.clear();
    device.sync(&server).await.expect("syncs");
    assert_eq!(device.settings().expect("reads"), settings);
    assert_eq!(server.state().paths, ["/api/v1/sync"]);
}

/// A replica in the schema of the first version, with the content of `newer`.
fn of_the_first_version(folder: &Path, newer: &Path) -> rusqlite::Result<()> {
    let schema = include_str!("../../migrations/V1__replica.sql");
    let migration = refinery::Migration::unapplied("V1__replica", schema).expect("a name");
    let file = file(folder);
    file.execute_batch(schema)?;
    file.execute_batch(
        "PRAGMA application_id = 1263424338;
         CREATE TABLE refinery_schema_history (
             version INTEGER PRIMARY KEY, name TEXT, applied_on TEXT, checksum TEXT);",
    )?;
    file.execute(
        "INSERT INTO refinery_schema_history VALUES (1, 'replica', '2026-11-01T00:00:00Z', ?1)",
        [migration.checksum().to_string()],
    )?;
    let newer = newer.join("replica.db").display().to_string();
    file.execute("ATTACH ?1 AS newer", [newer])?;
    for table in ["replica", "base", "outbox", "shown", "failures"] {
        let columns: String = file.query_row(
            "SELECT group_concat(name, ', ') FROM pragma_table_info(?1, 'main')",
            [table],
            |row| row.get(0),
        )?;
        let copy = format!(
            "DELETE FROM main.{table};
             INSERT INTO main.{table} ({columns}) SELECT {columns} FROM newer.{table};"
        );
        file.execute_batch(&copy)?;
    }
    // Conflicts had no `changed_at` yet.
    let sql = "UPDATE main.failures SET result = json_remove(result, '$.conflict.changed_at')";
    file.execute(sql, [])?;
    Ok(())
}

#[tokio::test]
async fn a_replica_of_the_first_version_is_migrated() {
    let server = FakeServer::new();
    let (newer, client) = on_disk(&server).await;
    let other = signed_in(2, &server).await;
    other.sync(&server).await.expect("syncs");
    let habit = client.habits().expect("reads")[0].record.id;
    other
        .update_habit(habit, titled("theirs"))
        .expect("updates");
    other.sync(&server).await.expect("syncs");
    client.update_habit(habit, titled("mine")).expect("updates");
    client.sync(&server).await.expect("syncs");
    client.create_habit(titled("waits")).expect("creates");
    let before = (titles(&client), client.failures().expect("reads"));
    assert_eq!(before.1.len(), 1);
    drop(client);

    let folder = tempfile::tempdir().expect("a folder");
    of_the_first_version(folder.path(), newer.path()).expect("an old replica");
    let (clock, ids) = parts(3);
    let client = Client::open_with(folder.path(), clock, ids).expect("opens");
    assert_eq!((titles(&client), client.failures().expect("reads")), before);
    let report = client.sync(&server).await.expect("syncs");
    assert_eq!((report.pushed, report.repaired, report.damaged), (1, 0, 0));
    must_agree(&client, &server);
    // From now on every row has a checksum.
    let flip = "UPDATE base SET record = replace(record, 'theirs', 'thears')";
    file(folder.path()).execute(flip, []).expect("flips");
    let report = client.sync_with(&server, VERIFY, &|_| {}).await;
    assert_eq!(report.expect("syncs").damaged, 1);
    must_agree(&client, &server);
}
