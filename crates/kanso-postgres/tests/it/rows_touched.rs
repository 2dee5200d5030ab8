//! The frequent statements read by key: their cost depends neither on the length of the history nor on the
//! statistics of the planner.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::time::Duration;

use kanso_application::ports::storage::{
    AccountStore as _, DeltaQuery, RecordStore as _, Scope, Storage as _,
};
use kanso_domain::sync::{Base, Since};
use kanso_domain::{Seq, UserId};
use kanso_postgres::{PostgresOptions, PostgresStorage};
use kanso_testkit::PostgresServer;
use kanso_testkit::build::{
    create_entry, done, entry, habit, new_account, new_session, noon, noted, operation, session_id,
    update_entry,
};
use tokio_postgres::{Client, NoTls};

use crate::store::{make_habit, options, register, submit};

/// Rounds of requests in a measurement.
const ROUNDS: u32 = 20;
/// Rows that a round may read, by table. It creates one entry, edits one, pulls once with ten changes and
/// once without, and checks a session.
const BOUNDS: [(&str, u32); 6] = [
    ("entries", 20),
    ("graves", 2),
    ("habits", 30),
    ("receipts", 2),
    ("sessions", 2),
    ("users", 10),
];

/// Makes a long history of the first user, and other users beside.
const GROW: &str = "
    INSERT INTO entries SELECT (jsonb_populate_record(one, jsonb_build_object(
            'id', gen_random_uuid(), 'seq', -number))).*
        FROM entries AS one, generate_series(1, 5000) AS number
        WHERE one.ctid = (SELECT min(ctid) FROM entries);
    INSERT INTO receipts SELECT (jsonb_populate_record(one, jsonb_build_object(
            'op_id', gen_random_uuid()))).*
        FROM receipts AS one, generate_series(1, 5000) AS number
        WHERE one.ctid = (SELECT min(ctid) FROM receipts);
    INSERT INTO users SELECT (jsonb_populate_record(one, jsonb_build_object(
            'user_id', gen_random_uuid()))).*
        FROM users AS one, generate_series(1, 2000) AS number
        WHERE one.ctid = (SELECT min(ctid) FROM users);
    INSERT INTO sessions SELECT (jsonb_populate_record(one, jsonb_build_object(
            'id', gen_random_uuid()))).*
        FROM sessions AS one, generate_series(1, 2000) AS number
        WHERE one.ctid = (SELECT min(ctid) FROM sessions);";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frequent_request_reads_only_rows_that_it_needs() {
    let database = PostgresServer::shared().database();
    let one = NonZeroUsize::MIN;
    let open = async || {
        let options = PostgresOptions {
            connections: one,
            ..options(&database.url())
        };
        PostgresStorage::open(&options).await.unwrap()
    };
    let storage = open().await;
    // Statistics come only when this test asks for them.
    for (table, _) in BOUNDS {
        database.run(&format!(
            "ALTER TABLE {table} SET (autovacuum_enabled = off)"
        ));
    }
    let user = register(&storage, 1).await;
    let password = new_account(1).password_hash;
    let opened = storage.open_session(new_session(user, 1), password, 10);
    assert!(opened.await.unwrap());
    for number in 1..=3 {
        make_habit(&storage, user, number).await.unwrap();
    }
    let (probe, connection) = tokio_postgres::connect(&database.url(), NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    let mut requests = Requests { user, next: 0 };

    requests
        .measure(&storage, &probe, "an empty database")
        .await;
    database.run(GROW);
    requests
        .measure(&storage, &probe, "plans of an empty database")
        .await;
    let other = open().await;
    requests
        .measure(&other, &probe, "plans without statistics")
        .await;
    other.close().await.unwrap();
    database.run("ANALYZE");
    requests
        .measure(&storage, &probe, "plans with statistics")
        .await;
    storage.close().await.unwrap();
}

struct Requests {
    user: UserId,
    next: u8,
}

impl Requests {
    /// Runs some rounds and checks how many rows of each table they have read.
    async fn measure(&mut self, storage: &PostgresStorage, probe: &Client, state: &str) {
        // The plans are made here: the first ones read the catalog, which is not counted anyway.
        self.round(storage).await;
        let before = rows_read(storage, probe).await;
        for _ in 0..ROUNDS {
            self.round(storage).await;
        }
        let after = rows_read(storage, probe).await;
        for (table, bound) in BOUNDS {
            let read = (after[table] - before[table]) / i64::from(ROUNDS);
            assert!(
                read <= i64::from(bound),
                "{read} rows of {table} with {state}"
            );
        }
    }

    async fn round(&mut self, storage: &PostgresStorage) {
        let user = self.user;
        self.next += 1;
        let create = create_entry(entry(self.next.into()), done(habit(1), "2026-01-15"));
        let created = submit(storage, user, vec![operation(2 * self.next, create)]);
        created.await.unwrap();
        let edit = update_entry(entry(self.next.into()), Base::Any, noted("evening"));
        let edited = submit(storage, user, vec![operation(2 * self.next + 1, edit)]);
        let head = edited.await.unwrap().head;
        for before in [10, 0] {
            let since = Seq::new((head.seq.get() - before).max(0)).unwrap();
            let query = DeltaQuery {
                since: Since::Position(since),
                scope: Scope::Everything,
                limit: Some(1_000),
            };
            assert!(storage.delta(user, query).await.unwrap().is_some());
        }
        let open = storage.session_is_open(user, session_id(1), noon());
        assert!(open.await.unwrap());
    }
}

/// Returns the rows that were read of each table so far.
async fn rows_read(storage: &PostgresStorage, probe: &Client) -> BTreeMap<String, i64> {
    // A connection reports its figures after a statement, and at most once a second.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    storage.ping().await.unwrap();
    let sql = "SELECT relname::text, (seq_tup_read + coalesce(idx_tup_fetch, 0))::bigint
               FROM pg_stat_user_tables";
    let rows = probe.query(sql, &[]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}
