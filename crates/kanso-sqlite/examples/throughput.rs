//! Measures the store alone: acknowledged writes per second, pages of a pull, session checks.
//!
//! `cargo run --release -p kanso-sqlite --example throughput [FOLDER]`, where the folder should be
//! on the disk to measure: the time of a flush depends on it.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program that prints what it measured, or stops"
)]

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use kanso_application::ports::storage::{
    AccountStore as _, DeltaQuery, NewAccount, RecordStore as _, Scope, Storage as _,
};
use kanso_domain::sync::{
    Action, Epoch, Fingerprint, LoadSet, Operation, ReceiptKey, Since, decide,
};
use kanso_domain::{EntryId, OpId, UserId};
use kanso_sqlite::{SqliteOptions, SqliteStorage};
use kanso_testkit::build::{
    create_entry, create_habit, done, habit, new_account, new_session, noon, session_id, titled,
};
use tokio::time::Instant;
use uuid::Uuid;

const WRITERS: u32 = 64;
const WRITES_EACH: u32 = 2_000;
const RUNS: u32 = 5;

#[tokio::main]
async fn main() {
    let folder = std::env::args_os().nth(1);
    let folder = folder.map_or_else(std::env::temp_dir, Into::into);
    let folder = tempfile::tempdir_in(folder).unwrap();
    let options = SqliteOptions::new(folder.path().join("kanso.db"), Epoch::new(1));
    let storage = Arc::new(SqliteStorage::open(&options).unwrap());
    for number in 0..WRITERS {
        register(&storage, number).await;
    }
    for run in 0..RUNS {
        let writer = |number| tokio::spawn(write(Arc::clone(&storage), number, run));
        let (elapsed, _) = timed(join_all((0..WRITERS).map(writer))).await;
        let rate = f64::from(WRITERS * WRITES_EACH) / elapsed.as_secs_f64();
        println!("{WRITERS} writers: {rate:.0} acknowledged entries a second");
    }
    measure_reads(&storage).await;
    let (elapsed, closed) = timed(storage.close()).await;
    closed.unwrap();
    println!("close: {elapsed:?}");
}

async fn measure_reads(storage: &SqliteStorage) {
    let user = user(0);
    let page = async |since, limit| {
        let query = DeltaQuery {
            since,
            scope: Scope::Everything,
            limit,
        };
        let page = storage.delta(user, query).await.unwrap().unwrap();
        page.records.len()
    };
    for limit in [Some(1), Some(1_000), None] {
        let (elapsed, records) = repeated(100, async || page(Since::Beginning, limit).await).await;
        println!("a page of {records} records: {elapsed:?}");
    }
    let (elapsed, head) = repeated(1_000, async || storage.head(user).await.unwrap()).await;
    println!("head: {elapsed:?}");
    let since = Since::Position(head.unwrap().seq);
    let (elapsed, _) = repeated(1_000, async || page(since, Some(1_000)).await).await;
    println!("an empty page: {elapsed:?}");
    let is_open = async || storage.session_is_open(user, session_id(1), noon()).await;
    let (elapsed, ()) = repeated(10_000, async || assert!(is_open().await.unwrap())).await;
    println!("session check: {elapsed:?}");
}

async fn register(storage: &SqliteStorage, number: u32) {
    let NewAccount {
        mut account,
        password_hash,
    } = new_account(number.into());
    account.id = user(number);
    let password = password_hash.clone();
    let new = NewAccount {
        account,
        password_hash,
    };
    assert!(storage.create_account(new).await.unwrap());
    let session = new_session(user(number), 1);
    assert!(storage.open_session(session, password, 100).await.unwrap());
    submit(storage, number, 0, create_habit(habit(1), titled("Read"))).await;
}

async fn write(storage: Arc<SqliteStorage>, number: u32, run: u32) {
    for nth in 1..=WRITES_EACH {
        // Ids in the order of time, as devices generate them (UUID version 7).
        let id = (u128::from(run * WRITES_EACH + nth) << 64) | u128::from(number);
        let fields = done(habit(1), "2026-01-15");
        let create = create_entry(EntryId::new(Uuid::from_u128(id)), fields);
        submit(&storage, number, id, create).await;
    }
}

async fn submit(storage: &SqliteStorage, number: u32, op: u128, action: Action) {
    let operations = vec![Operation {
        key: Some(ReceiptKey {
            op_id: OpId::new(Uuid::from_u128(op)),
            fingerprint: Fingerprint::of_hash([7; 32]),
        }),
        ..Operation::once(action)
    }];
    let keys = LoadSet::of(&operations);
    let decide = Arc::new(move |current| Ok(decide(current, &operations, noon())));
    storage.write(user(number), keys, decide).await.unwrap();
}

/// Makes ids that lie far apart, like random ones.
fn user(number: u32) -> UserId {
    const GOLDEN: u128 = 0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C834;
    UserId::new(Uuid::from_u128(u128::from(number).wrapping_mul(GOLDEN)))
}

async fn timed<T>(work: impl Future<Output = T>) -> (Duration, T) {
    let started = Instant::now();
    let value = work.await;
    (started.elapsed(), value)
}

async fn repeated<T>(times: u32, mut work: impl AsyncFnMut() -> T) -> (Duration, T) {
    let mut value = work().await;
    let started = Instant::now();
    for _ in 0..times {
        value = work().await;
    }
    (started.elapsed() / times, value)
}
