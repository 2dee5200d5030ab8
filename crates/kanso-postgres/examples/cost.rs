//! Measures the statements of the store alone: processor time, pages and log bytes of PostgreSQL for a push,
//! an empty poll, a pull of ten and a first pull.
//!
//! `cargo run -p kanso-testkit --bin with-postgres -- cargo run -p kanso-postgres --example cost [SECONDS]`.
//! Only the processes of PostgreSQL are counted, so a debug build measures the same.

#![expect(
    clippy::cast_precision_loss,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program that prints what it measured, or stops"
)]

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::future::join_all;
use kanso_application::ports::storage::{
    AccountStore as _, DeltaQuery, RecordStore as _, Scope, Storage as _,
};
use kanso_domain::sync::{
    Action, Epoch, Fingerprint, LoadSet, Operation, ReceiptKey, Since, decide,
};
use kanso_domain::{EntryId, OpId, Seq, UserId};
use kanso_postgres::{PostgresOptions, PostgresStorage};
use kanso_testkit::PostgresServer;
use kanso_testkit::build::{
    create_entry, create_habit, done, habit, new_account, new_session, noon, session_id, titled,
    user,
};
use tokio::time::Instant;
use tokio_postgres::{Client, NoTls};
use uuid::Uuid;

const USERS: u128 = 16;

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

#[tokio::main]
async fn main() {
    let seconds = std::env::args()
        .nth(1)
        .map_or(4, |text| text.parse().unwrap());
    let length = Duration::from_secs(seconds);
    let database = PostgresServer::shared().database();
    let options = PostgresOptions {
        connections: NonZeroUsize::MIN.saturating_add(15),
        ..PostgresOptions::new(database.url().parse().unwrap(), Arc::new(|| Epoch::new(1)))
    };
    let storage = Arc::new(PostgresStorage::open(&options).await.unwrap());
    let (probe, connection) = tokio_postgres::connect(&database.url(), NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    for number in 1..=USERS {
        let new = new_account(number);
        let password = new.password_hash.clone();
        assert!(storage.create_account(new).await.unwrap());
        let session = new_session(user(number), 1);
        assert!(storage.open_session(session, password, 100).await.unwrap());
        push(
            &storage,
            user(number),
            create_habit(habit(1), titled("Read")),
        )
        .await;
    }
    for round in ["an empty database", "without statistics", "with statistics"] {
        if round == "with statistics" {
            probe.batch_execute("VACUUM ANALYZE").await.unwrap();
        }
        let tick = async |number: u128| {
            tick(&storage, user(1 + number % USERS)).await;
        };
        let name = format!("push of one, {USERS} people, {round}");
        measure(&probe, &name, USERS, length, &tick).await;
    }
    let of_one = async |_| tick(&storage, user(1)).await;
    measure(
        &probe,
        "push of one, eight writers of one person",
        8,
        length,
        &of_one,
    )
    .await;
    let many = async |number: u128| {
        let operations = (0..100).map(|_| operation(new_entry())).collect();
        submit(&storage, user(1 + number % USERS), operations).await;
    };
    measure(&probe, "push of a hundred", 8, length, &many).await;
    let check = async |number: u128| {
        let asked = storage.session_is_open(user(1 + number % USERS), session_id(1), noon());
        assert!(asked.await.unwrap());
    };
    measure(&probe, "session check", USERS, length, &check).await;
    let heads = join_all((1..=USERS).map(|number| storage.head(user(number)))).await;
    let heads: Vec<_> = heads
        .into_iter()
        .map(|head| head.unwrap().unwrap().seq)
        .collect();
    let page = async |number: u128, before: i64, limit| {
        let index = usize::try_from(number % USERS).unwrap();
        let since = heads.get(index).map_or(0, |head| head.get()) - before;
        let query = DeltaQuery {
            since: Since::Position(Seq::new(since.max(0)).unwrap()),
            scope: Scope::Everything,
            limit: Some(limit),
        };
        let page = storage
            .delta(user(1 + number % USERS), query)
            .await
            .unwrap();
        page.unwrap().records.len()
    };
    let empty = async |number| assert_eq!(page(number, 0, 1_000).await, 0);
    measure(&probe, "empty poll", USERS, length, &empty).await;
    let ten = async |number| assert!(page(number, 10, 1_000).await > 0);
    measure(&probe, "pull of ten", USERS, length, &ten).await;
    let first = async |number| assert!(page(number, 1_000_000, 1_000).await > 0);
    measure(&probe, "page of a thousand", 2, length, &first).await;
    storage.close().await.unwrap();
}

async fn measure<F: AsyncFn(u128)>(
    probe: &Client,
    name: &str,
    callers: u128,
    length: Duration,
    work: &F,
) {
    // Lets the connections prepare their statements.
    join_all((0..callers).map(async |number| {
        for _ in 0..8 {
            work(number).await;
        }
    }))
    .await;
    let before = Cost::of(probe).await;
    let begun = Instant::now();
    let done = join_all((0..callers).map(async |number| {
        let mut done = 0_u64;
        while begun.elapsed() < length {
            work(number).await;
            done += 1;
        }
        done
    }))
    .await;
    let elapsed = begun.elapsed().as_secs_f64();
    let done: u64 = done.into_iter().sum();
    let after = Cost::of(probe).await;
    let each = |before: u64, after: u64| after.saturating_sub(before) as f64 / done as f64;
    println!(
        "{name}: {:.0}/s, {:.0} us of PostgreSQL, {:.1} pages, {:.0} bytes of log, {:.2} transactions",
        done as f64 / elapsed,
        each(before.micros, after.micros),
        each(before.pages, after.pages),
        each(before.log_bytes, after.log_bytes),
        each(before.transactions, after.transactions),
    );
}

/// Use that was made of PostgreSQL so far.
struct Cost {
    micros: u64,
    pages: u64,
    log_bytes: u64,
    transactions: u64,
}

impl Cost {
    async fn of(probe: &Client) -> Self {
        // Backends report their pages at most once a second.
        tokio::time::sleep(Duration::from_millis(1_200)).await;
        let sql = "SELECT array_agg(pid), (SELECT blks_hit + blks_read FROM pg_stat_database
                       WHERE datname = current_database()),
                       (pg_current_wal_lsn() - '0/0')::BIGINT,
                       (SELECT xact_commit FROM pg_stat_database WHERE datname = current_database())
                   FROM pg_stat_activity WHERE datname = current_database()
                       OR backend_type IN ('walwriter', 'checkpointer', 'background writer')";
        let row = probe.query_one(sql, &[]).await.unwrap();
        let pids: Vec<i32> = row.get(0);
        let number = |index| u64::try_from(row.get::<_, i64>(index)).unwrap();
        Self {
            micros: pids.into_iter().map(processor_micros).sum(),
            pages: number(1),
            log_bytes: number(2),
            transactions: number(3),
        }
    }
}

/// Processor time of a process, in microseconds.
fn processor_micros(pid: i32) -> u64 {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/schedstat")) else {
        return 0;
    };
    let nanos = stat
        .split(' ')
        .next()
        .and_then(|text| text.parse::<u64>().ok());
    nanos.unwrap_or_default() / 1_000
}

async fn tick(storage: &PostgresStorage, user: UserId) {
    push(storage, user, new_entry()).await;
}

/// Makes ids in the order of time, as devices generate them (UUID version 7).
fn new_id() -> u128 {
    let number = NEXT_ID.fetch_add(1, Ordering::Relaxed);
    (u128::from(number) << 64) | u128::from(number.wrapping_mul(0x9E37_79B9_7F4A_7C15))
}

fn new_entry() -> Action {
    create_entry(
        EntryId::new(Uuid::from_u128(new_id())),
        done(habit(1), "2026-01-15"),
    )
}

fn operation(action: Action) -> Operation {
    Operation {
        key: Some(ReceiptKey {
            op_id: OpId::new(Uuid::from_u128(new_id())),
            fingerprint: Fingerprint::of_hash([7; 32]),
        }),
        ..Operation::once(action)
    }
}

async fn push(storage: &PostgresStorage, user: UserId, action: Action) {
    submit(storage, user, vec![operation(action)]).await;
}

async fn submit(storage: &PostgresStorage, user: UserId, operations: Vec<Operation>) {
    let keys = LoadSet::of(&operations);
    let decide = Arc::new(move |current| Ok(decide(current, &operations, noon())));
    storage.write(user, keys, decide).await.unwrap();
}
