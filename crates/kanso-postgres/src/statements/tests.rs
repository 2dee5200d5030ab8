use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use kanso_application::ports::storage::Storage;
use kanso_domain::sync::Epoch;
use kanso_testkit::contract::{
    accounts, days, delta, erased_texts, fields, journal, lists, paging, purges, quotas, receipts,
    replicas, sessions, streaks,
};
use kanso_testkit::{Database, PostgresServer};
use tokio_postgres::types::Type;
use tokio_postgres::{Client, NoTls};

use crate::{PostgresOptions, PostgresStorage};

#[path = "../../tests/it/partitioned.rs"]
mod partitioned;

/// Statements that were prepared in this process.
static PREPARED: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());

pub(super) fn note(sql: &'static str) {
    let mut prepared = PREPARED.lock().unwrap_or_else(PoisonError::into_inner);
    prepared.insert(sql);
}

fn prepared() -> BTreeSet<&'static str> {
    PREPARED
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone()
}

/// First words of the statements that read the rows of all users. No single user is their subject.
const SWEEPS: [&str; 13] = [
    "SELECT 1 FROM server",
    "WITH due AS (",
    "WITH old AS (",
    "SELECT count(*) FILTER",
    "SELECT DISTINCT timezone",
    "SELECT user_id FROM users\n               WHERE timezone",
    "SELECT 1 FROM users\n               WHERE timezone",
    "SELECT user_id, id, seq FROM habits",
    "SELECT user_id, id, seq FROM entries",
    "SELECT user_id, id FROM habits\n    WHERE deleted_at",
    "SELECT user_id, id FROM entries\n    WHERE deleted_at",
    "SELECT user_id, head_seq FROM users",
    "SELECT user_id FROM users WHERE is_deleted",
];

/// First words of the statements on the directory of e-mail addresses and on the list of epochs, which
/// are not partitioned.
const DIRECTORY: [&str; 3] = [
    "INSERT INTO emails",
    "SELECT user_id FROM emails",
    "SELECT ordinal FROM epochs",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_about_one_user_touches_one_partition() {
    let database = partitioned_database().await;
    macro_rules! each {
        ($($case:path),+ $(,)?) => {$(
            let copy = database.copy();
            let storage = open(&copy).await;
            storage.ping().await.unwrap();
            $case(&storage).await;
        )+};
    }
    each![
        accounts::a_deleted_account_is_gone_everywhere,
        accounts::a_password_hash_is_replaced,
        accounts::sessions_end_with_their_password,
        accounts::settings_change_one_by_one,
        sessions::a_rotated_session_is_stored,
        sessions::an_ended_session_is_closed,
        fields::an_updated_habit_comes_back,
        fields::an_updated_entry_comes_back,
        receipts::a_resent_outbox_has_no_second_effect,
        lists::archived_habits_are_listed_on_request,
        lists::entries_are_listed_by_habit,
        delta::a_delta_begins_after_the_cursor,
        paging::a_page_of_one_is_the_oldest_change,
        paging::pages_are_the_delta_cut_into_pieces,
        journal::a_journal_can_be_of_some_habits,
        streaks::a_changed_streak_is_published,
        streaks::an_unchanged_streak_moves_nothing,
        streaks::a_job_is_parked_after_its_last_attempt,
        streaks::a_released_job_is_free_at_its_time,
        days::a_new_day_queues_the_streaks_it_may_change,
        days::day_borders_are_named_once,
        replicas::a_snapshot_holds_all_live_records,
        replicas::the_heads_of_many_are_those_of_each,
        replicas::histories_share_what_was_written_before_they_parted,
        replicas::a_revived_habit_brings_its_entries_back,
        replicas::a_comparison_names_differing_buckets,
        quotas::usage_follows_each_write,
        quotas::own_quota_is_that_of_one_account,
        erased_texts::old_tombstones_lose_their_texts_in_steps,
        purges::old_receipts_are_removed_in_steps,
        purges::an_old_tombstone_is_purged_for_good,
        purges::devices_are_known_by_their_last_sighting,
        purges::a_forgotten_device_stays_forgotten,
    ];
    let prepared = prepared();
    assert!(prepared.len() >= 55, "only {} were reached", prepared.len());
    for sweep in SWEEPS.iter().chain(&DIRECTORY) {
        let is_there = prepared.iter().any(|sql| sql.starts_with(sweep));
        assert!(is_there, "no statement begins with {sweep}");
    }
    let client = connect(&database).await;
    // Checks the check: a plan that touches all partitions is recognized.
    let of_all_users = partitions_of(&client, "SELECT count(*) FROM users").await;
    assert_eq!(of_all_users.len(), partitioned::PARTITIONS as usize);
    let mut touched = BTreeSet::new();
    for sql in prepared {
        if SWEEPS
            .iter()
            .chain(&DIRECTORY)
            .any(|sweep| sql.starts_with(sweep))
        {
            continue;
        }
        assert!(
            sql.contains("user_id = $1") || sql.contains("(user_id,"),
            "{sql}"
        );
        let partitions = partitions_of(&client, sql).await;
        assert!(partitions.len() <= 1, "{partitions:?} in {sql}");
        touched.extend(partitions);
    }
    assert_eq!(touched.len(), 1, "every statement is about the same user");
}

/// Returns the numbers of the partitions in the plan of a statement. All ids in its parameters are
/// the same.
async fn partitions_of(client: &Client, sql: &'static str) -> BTreeSet<String> {
    let statement = client.prepare(sql).await.unwrap();
    let values: Vec<_> = statement.params().iter().map(literal).collect();
    client
        .batch_execute(&format!("PREPARE probe AS {sql}"))
        .await
        .unwrap();
    let values = if values.is_empty() {
        String::new()
    } else {
        format!("({})", values.join(", "))
    };
    let explain = format!("EXPLAIN (COSTS OFF) EXECUTE probe{values}");
    let plan = client.simple_query(&explain).await.unwrap();
    client.batch_execute("DEALLOCATE probe").await.unwrap();
    let lines = plan.iter().filter_map(|line| match line {
        tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    });
    let words = lines.flat_map(|line| line.split([' ', '(', ')', '.']));
    words
        .filter_map(|word| {
            let (_, number) = word.rsplit_once("_p")?;
            // A second alias of the same table has a further number.
            let (number, _) = number.split_once('_').unwrap_or((number, ""));
            number.parse::<u32>().ok().map(|_| number.to_owned())
        })
        .collect()
}

fn literal(kind: &Type) -> String {
    const ID: &str = "'0190a1b2-0000-7000-8000-000000000001'";
    let value = match *kind {
        Type::UUID => ID.to_owned(),
        Type::UUID_ARRAY => format!("ARRAY[{ID}]"),
        Type::INT8 => "1".to_owned(),
        Type::INT8_ARRAY => "ARRAY[1]".to_owned(),
        Type::BOOL => "true".to_owned(),
        Type::JSONB => "'[]'".to_owned(),
        Type::BOOL_ARRAY | Type::BYTEA_ARRAY | Type::TEXT_ARRAY => "'{}'".to_owned(),
        Type::BYTEA => "''".to_owned(),
        _ => "'a'".to_owned(),
    };
    format!("{value}::{kind}")
}

/// Creates an empty database with partitioned tables.
async fn partitioned_database() -> Database {
    let database = PostgresServer::shared().database();
    open(&database).await.close().await.unwrap();
    database.run(&partitioned::schema());
    // Opening it again inserts the row of `server`, which the new table lacks.
    open(&database).await.close().await.unwrap();
    database
}

async fn open(database: &Database) -> PostgresStorage {
    let fresh_epoch = Arc::new(|| Epoch::new(1));
    let options = PostgresOptions {
        connections: NonZeroUsize::MIN.saturating_add(3),
        ..PostgresOptions::new(database.url().parse().unwrap(), fresh_epoch)
    };
    PostgresStorage::open(&options).await.unwrap()
}

async fn connect(database: &Database) -> Client {
    let connected = tokio_postgres::connect(&database.url(), NoTls).await;
    let (client, connection) = connected.unwrap();
    tokio::spawn(connection);
    // A generic plan prunes partitions only when it runs, which EXPLAIN does not show.
    let setting = "SET plan_cache_mode = force_custom_plan";
    client.batch_execute(setting).await.unwrap();
    client
}
