//! The simulated PostgreSQL fails as a real one does.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use kanso_application::ports::storage::{
    AccountStore as _, Decide, HabitQuery, RecordStore as _, Storage as _, StorageError,
    StreakQueue as _, WriteOutcome,
};
use kanso_domain::sync::{LoadSet, decide};
use kanso_sim::chance::Chance;
use kanso_sim::history::Recorder;
use kanso_sim::store::postgres::{ConnectionPool, FaultProfile, SimPostgres};
use kanso_sim::time::Time;
use kanso_testkit::build::{create_habit, habit, new_account, noon, once, titled, user};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

const CALM: FaultProfile = FaultProfile {
    connections: 8,
    longest_step: 40,
    failures: 0,
    uncertain: 0,
    outages: 0,
};

/// Returns a database with user 1.
async fn database(faults: FaultProfile, seed: u64) -> Arc<SimPostgres> {
    let database = SimPostgres::new(faults, None, Chance::stream(seed, "database"));
    let memory = database.memory();
    assert!(memory.create_account(new_account(1)).await.unwrap());
    Arc::new(database)
}

fn node(database: &Arc<SimPostgres>, seed: u64, name: &str) -> ConnectionPool {
    mortal(database, seed, name, &CancellationToken::new())
}

fn mortal(
    database: &Arc<SimPostgres>,
    seed: u64,
    name: &str,
    died: &CancellationToken,
) -> ConnectionPool {
    let chance = Chance::stream(seed, name);
    ConnectionPool::new(Arc::clone(database), died.clone(), chance)
}

/// Creates the habit with this number; `decided` is called at each decision.
async fn create(
    node: &ConnectionPool,
    number: u128,
    decided: impl Fn() + Send + Sync + 'static,
) -> Result<WriteOutcome, StorageError> {
    let operations = vec![once(create_habit(habit(number), titled("Read")))];
    let keys = LoadSet::of(&operations);
    let decide: Decide = Arc::new(move |current| {
        decided();
        Ok(decide(current, &operations, noon()))
    });
    node.write(user(1), keys, decide).await
}

async fn stored(database: &SimPostgres) -> usize {
    let memory = database.memory();
    memory
        .habits(user(1), HabitQuery::all(true))
        .await
        .unwrap()
        .len()
}

#[tokio::test(start_paused = true)]
async fn each_writer_of_a_user_sees_the_previous_commit() {
    let database = database(CALM, 1).await;
    let nodes = [node(&database, 1, "one"), node(&database, 1, "two")];
    let mut writers = JoinSet::new();
    for number in 0..12 {
        let node = nodes[usize::try_from(number % 2).unwrap()].clone();
        writers.spawn(async move { create(&node, number, || ()).await });
    }
    let mut positions = BTreeSet::new();
    while let Some(written) = writers.join_next().await {
        let WriteOutcome::Committed(changeset) = written.unwrap().unwrap() else {
            panic!("expected a commit");
        };
        positions.insert(changeset.habits[0].record.stamp.seq.get());
    }
    assert_eq!(positions, (1..=12).collect());
}

#[tokio::test(start_paused = true)]
async fn a_transient_failure_is_decided_again_and_stored_once() {
    let faults = FaultProfile {
        failures: 60,
        ..CALM
    };
    let database = database(faults, 1).await;
    let node = node(&database, 1, "one");
    let decisions = Arc::new(AtomicU32::new(0));
    let (mut committed, mut refused) = (0, 0);
    for number in 0..60 {
        let decisions = Arc::clone(&decisions);
        let count = move || {
            decisions.fetch_add(1, Ordering::SeqCst);
        };
        match create(&node, number, count).await {
            Ok(_) => committed += 1,
            Err(StorageError::Unavailable(_)) => refused += 1,
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!(stored(&database).await, committed);
    assert!(refused > 0, "five attempts are not always enough");
    assert!(decisions.load(Ordering::SeqCst) as usize > committed);
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_is_uncertain_is_not_repeated() {
    let faults = FaultProfile {
        uncertain: 100,
        ..CALM
    };
    let database = database(faults, 1).await;
    let node = node(&database, 1, "one");
    for number in 0..40 {
        let decisions = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&decisions);
        let count = move || {
            counted.fetch_add(1, Ordering::SeqCst);
        };
        let outcome = create(&node, number, count).await;
        assert!(
            matches!(outcome, Err(StorageError::Unavailable(_))),
            "{outcome:?}"
        );
        assert_eq!(decisions.load(Ordering::SeqCst), 1);
    }
    let stored = stored(&database).await;
    assert!((5..35).contains(&stored), "{stored}");
}

#[tokio::test(start_paused = true)]
async fn a_process_that_dies_in_a_transaction_rolls_back_and_releases_its_locks() {
    let mut lost = 0;
    for seed in 0..20 {
        let database = database(CALM, seed).await;
        let died = CancellationToken::new();
        let first = mortal(&database, seed, "first", &died);
        // It may still reach the commit, if it does not have to wait.
        let outcome = create(&first, 1, move || died.cancel()).await;
        lost += usize::from(outcome.is_err());
        let was_stored = stored(&database).await;
        let began = Instant::now();
        create(&node(&database, seed, "second"), 2, || ())
            .await
            .unwrap();
        assert!(began.elapsed() < Duration::from_secs(1));
        assert_eq!(stored(&database).await, was_stored + 1);
    }
    assert!(lost > 10, "{lost}");
}

#[tokio::test(start_paused = true)]
async fn a_wait_for_a_connection_fails_after_ten_seconds() {
    let faults = FaultProfile {
        connections: 1,
        longest_step: 60_000,
        ..CALM
    };
    let mut refused = 0;
    for seed in 0..20 {
        let database = database(faults, seed).await;
        let one = node(&database, seed, "one");
        let other = one.clone();
        let write = tokio::spawn(async move { create(&other, 1, || ()).await });
        tokio::task::yield_now().await;
        let began = Instant::now();
        if one.ping().await.is_err() {
            refused += 1;
            assert_eq!(began.elapsed().as_secs(), 10);
        }
        write.await.unwrap().unwrap();
    }
    assert!(refused > 5, "{refused}");
}

#[tokio::test(start_paused = true)]
async fn a_claim_skips_locked_jobs() {
    for seed in 0..20 {
        let database = database(CALM, seed).await;
        let [one, other] = ["one", "other"].map(|name| node(&database, seed, name));
        create(&one, 1, || ()).await.unwrap();
        let now = noon().plus_seconds(60);
        let (first, second) = tokio::join!(one.claim_streaks(now, 9), other.claim_streaks(now, 9));
        let claimed = first.unwrap().len() + second.unwrap().len();
        assert_eq!(claimed, 1, "seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_loses_no_answered_commit() {
    let faults = FaultProfile { outages: 4, ..CALM };
    let mut refused = 0;
    let mut epochs = BTreeSet::new();
    for seed in 0..10 {
        let database = database(faults, seed).await;
        let one = node(&database, seed, "one");
        let recorder = Recorder::new(Time::begin());
        let is_over = Cell::new(false);
        let away = async {
            database.run_outages(&recorder).await;
            is_over.set(true);
        };
        let mut answered = BTreeSet::new();
        let write = async {
            for number in (0..).take_while(|_| !is_over.get()) {
                match create(&one, number, || ()).await {
                    Ok(_) => {
                        answered.insert(habit(number));
                    }
                    Err(_) => refused += 1,
                }
                sleep(Duration::from_secs(2)).await;
            }
        };
        tokio::join!(away, write);
        let memory = database.memory();
        let stored = memory.habits(user(1), HabitQuery::all(true)).await.unwrap();
        let stored: BTreeSet<_> = stored.into_iter().map(|habit| habit.id).collect();
        assert!(answered.is_subset(&stored), "seed {seed}");
        epochs.insert(memory.epoch().get());
    }
    assert!(refused > 0 && epochs.len() > 5, "{refused} {epochs:?}");
}
