//! Measures the store by itself: acknowledged writes a second, a page of a pull, a session check.
//!
//! `cargo run --release -p kanso-sqlite --example throughput [FOLDER]`, where the folder should be
//! on the disk in question; a flush costs what that disk makes it cost.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program that prints what it measured, or stops"
)]

use std::sync::Arc;
use std::time::Duration;

use kanso_application::ports::storage::{
    AccountStore as _, DeltaQuery, NewAccount, RecordStore as _, Scope, Storage as _,
};
use kanso_domain::accounts::{Account, PasswordHash, Settings};
use kanso_domain::entries::EntryFields;
use kanso_domain::habits::HabitFields;
use kanso_domain::sessions::{Session, TokenHash};
use kanso_domain::sync::{
    Action, Command, Epoch, Fingerprint, Keys, ReceiptKey, Since, Submission, decide,
};
use kanso_domain::text::Title;
use kanso_domain::{EntryId, HabitId, OpId, SessionId, Timestamp, UserId};
use kanso_sqlite::{SqliteOptions, SqliteStorage};
use tokio::time::Instant;
use uuid::Uuid;

const WRITERS: u64 = 64;
const WRITES_EACH: u64 = 2_000;
const NOW: Timestamp = Timestamp::MIN;

#[tokio::main]
async fn main() {
    let folder = std::env::args_os()
        .nth(1)
        .map_or_else(std::env::temp_dir, Into::into);
    let folder = tempfile::tempdir_in(folder).unwrap();
    let options = SqliteOptions::new(folder.path().join("kanso.db"), Epoch::new(1));
    let storage = Arc::new(SqliteStorage::open(&options).unwrap());
    for user in 0..WRITERS {
        register(&storage, user).await;
    }
    for run in 0..3 {
        let writers = (0..WRITERS).map(|user| tokio::spawn(write(Arc::clone(&storage), user, run)));
        let (elapsed, _) = timed(join(writers.collect())).await;
        let writes = WRITERS * WRITES_EACH;
        println!(
            "{writes} entries of {WRITERS} writers: {:.0} acknowledged a second",
            f64::from(u32::try_from(writes).unwrap()) / elapsed.as_secs_f64()
        );
    }
    measure_reads(&storage).await;
    let (elapsed, closed) = timed(storage.close()).await;
    closed.unwrap();
    println!("close: {elapsed:?}");
}

async fn measure_reads(storage: &SqliteStorage) {
    let user = user(0);
    for limit in [Some(1), Some(1_000), None] {
        let query = DeltaQuery {
            since: Since::Beginning,
            scope: Scope::Everything,
            limit,
        };
        let (elapsed, records) = repeated(50, async || {
            let page = storage.delta(user, query).await.unwrap().unwrap();
            page.records.len()
        })
        .await;
        println!("a page of {records} records: {elapsed:?}");
    }
    let (elapsed, head) = repeated(1_000, async || storage.head(user).await.unwrap()).await;
    let since = Since::Position(head.unwrap().seq);
    println!("head: {elapsed:?}");
    let query = DeltaQuery {
        since,
        scope: Scope::Everything,
        limit: Some(1_000),
    };
    let (elapsed, _) = repeated(1_000, async || storage.delta(user, query).await.unwrap()).await;
    println!("an empty page: {elapsed:?}");
    let session = SessionId::new(Uuid::from_u128(1));
    let (elapsed, is_open) = repeated(10_000, async || {
        storage.session_is_open(user, session, NOW).await.unwrap()
    })
    .await;
    println!("session is open ({is_open}): {elapsed:?}");
}

async fn register(storage: &SqliteStorage, number: u64) {
    let account = Account {
        id: user(number),
        email: format!("p{number}@example.org").parse().unwrap(),
        settings: Settings::default(),
        created_at: NOW,
    };
    let password_hash = PasswordHash::new("$argon2id$".repeat(9));
    let new = NewAccount {
        account,
        password_hash,
    };
    assert!(storage.create_account(new).await.unwrap());
    let session = Session {
        id: SessionId::new(Uuid::from_u128(1)),
        user_id: user(number),
        current: TokenHash::new([1; 32]),
        previous: None,
        created_at: NOW,
        expires_at: Timestamp::MAX,
    };
    assert!(storage.open_session(session).await.unwrap());
    let fields = HabitFields {
        title: Title::new("Read").ok(),
        ..HabitFields::default()
    };
    submit(
        storage,
        number,
        Command::Habit(habit(), Action::Create(fields)),
        0,
    )
    .await;
}

async fn write(storage: Arc<SqliteStorage>, number: u64, run: u64) {
    for nth in 1..=WRITES_EACH {
        // Ids come in the order of time, as a device makes them (UUID version 7).
        let nth = (u128::from(run * WRITES_EACH + nth) << 64) | u128::from(number);
        let fields = EntryFields {
            habit_id: Some(habit()),
            completion: "2026-06-02".parse().ok(),
            ..EntryFields::default()
        };
        let id = EntryId::new(Uuid::from_u128(nth));
        submit(
            &storage,
            number,
            Command::Entry(id, Action::Create(fields)),
            nth,
        )
        .await;
    }
}

async fn submit(storage: &SqliteStorage, number: u64, command: Command, nth: u128) {
    let submission = Submission {
        key: Some(ReceiptKey {
            op_id: OpId::new(Uuid::from_u128(nth)),
            fingerprint: Fingerprint::new([7; 32]),
        }),
        device: None,
        command,
    };
    let submissions = vec![submission];
    let keys = Keys::of(&submissions);
    let decide = Arc::new(move |current| Ok(decide(current, &submissions, NOW)));
    storage.write(user(number), keys, decide).await.unwrap();
}

fn user(number: u64) -> UserId {
    UserId::new(Uuid::from_u128(
        u128::from(number).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C834),
    ))
}

fn habit() -> HabitId {
    HabitId::new(Uuid::from_u128(1))
}

async fn join(tasks: Vec<tokio::task::JoinHandle<()>>) {
    for task in tasks {
        task.await.unwrap();
    }
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
