//! That the database which behaves as PostgreSQL does is as hard to live with.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use kanso_application::ports::storage::{
    AccountStore as _, Decide, RecordStore as _, Storage as _, StorageError, StreakQueue as _,
    WriteOutcome,
};
use kanso_domain::sync::{LoadSet, decide};
use kanso_sim::chance::Chance;
use kanso_sim::history::Recorder;
use kanso_sim::store::rival::{Conduct, Database, Node};
use kanso_sim::time::Time;
use kanso_testkit::build::{create_habit, habit, new_account, noon, once, titled, user};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

const CALM: Conduct = Conduct {
    connections: 8,
    longest_step: 40,
    failures: 0,
    uncertain: 0,
    outages: 0,
};

/// A database with person 1 in it.
async fn database(conduct: Conduct, seed: u64) -> Arc<Database> {
    let database = Database::new(conduct, None, Chance::stream(seed, "database"));
    let memory = database.memory();
    assert!(memory.create_account(new_account(1)).await.unwrap());
    Arc::new(database)
}

fn node(database: &Arc<Database>, seed: u64, name: &str) -> Node {
    mortal(database, seed, name, &CancellationToken::new())
}

fn mortal(database: &Arc<Database>, seed: u64, name: &str, died: &CancellationToken) -> Node {
    let chance = Chance::stream(seed, name);
    Node::new(Arc::clone(database), died.clone(), chance)
}

/// Makes the habit with this number; `decided` is called with each decision.
async fn create(
    node: &Node,
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

async fn stored(database: &Database) -> usize {
    let memory = database.memory();
    memory.habits(user(1), true).await.unwrap().len()
}

#[tokio::test(start_paused = true)]
async fn each_writer_of_a_person_sees_what_the_one_before_stored() {
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
            panic!("nothing refuses it");
        };
        positions.insert(changeset.habits[0].record.stamp.seq.get());
    }
    assert_eq!(positions, (1..=12).collect());
}

#[tokio::test(start_paused = true)]
async fn what_may_pass_is_decided_again_and_stored_once() {
    let conduct = Conduct {
        failures: 60,
        ..CALM
    };
    let database = database(conduct, 1).await;
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
    assert!(refused > 0, "five attempts are enough sometimes only");
    assert!(decisions.load(Ordering::SeqCst) as usize > committed);
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_is_uncertain_is_not_repeated() {
    let conduct = Conduct {
        uncertain: 100,
        ..CALM
    };
    let database = database(conduct, 1).await;
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
async fn a_process_that_dies_in_a_transaction_rolls_it_back_and_lets_go() {
    let mut lost = 0;
    for seed in 0..20 {
        let database = database(CALM, seed).await;
        let died = CancellationToken::new();
        let first = mortal(&database, seed, "first", &died);
        // It may come to the commit yet, if nothing makes it wait.
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
async fn who_gets_no_connection_is_told_after_ten_seconds() {
    let conduct = Conduct {
        connections: 1,
        longest_step: 60_000,
        ..CALM
    };
    let mut refused = 0;
    for seed in 0..20 {
        let database = database(conduct, seed).await;
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
async fn a_claim_skips_what_another_holds() {
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
async fn a_database_that_goes_away_keeps_what_was_answered() {
    let conduct = Conduct { outages: 4, ..CALM };
    let mut refused = 0;
    let mut epochs = BTreeSet::new();
    for seed in 0..10 {
        let database = database(conduct, seed).await;
        let one = node(&database, seed, "one");
        let recorder = Recorder::new(Time::begin());
        let is_over = Cell::new(false);
        let away = async {
            database.come_and_go(&recorder).await;
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
        let stored = memory.habits(user(1), true).await.unwrap();
        let stored: BTreeSet<_> = stored.into_iter().map(|habit| habit.id).collect();
        assert!(answered.is_subset(&stored), "seed {seed}");
        epochs.insert(memory.epoch().get());
    }
    assert!(refused > 0 && epochs.len() > 5, "{refused} {epochs:?}");
}
