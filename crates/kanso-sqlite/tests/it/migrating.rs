//! Migration of databases of earlier versions.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use kanso_application::ports::admission::AdmissionStore as _;
use kanso_application::ports::housekeeping::PurgeStore as _;
use kanso_application::ports::schema::{SchemaStep, StepState};
use kanso_application::ports::storage::{
    AccountStore as _, DeltaQuery, HabitQuery, RecordStore as _, Scope, Storage as _,
    StreakQueue as _,
};
use kanso_domain::habits::{ArchivedSpan, Habit, StoredStreak, Weekdays};
use kanso_domain::record::Provenance;
use kanso_domain::sync::{Base, Digest, Since};
use kanso_domain::{Date, HabitId, Record};
use kanso_sqlite::SqliteStorage;
use kanso_testkit::build::{
    create_entry, done, entry, habit, noon, on, once, titled, update_habit, user,
};
use refinery::Target;
use rusqlite::Connection;

use crate::store::{file, open, options, register, submit};

mod embedded {
    refinery::embed_migrations!("migrations");
}

/// Makes a database of the first version: one user, and habits of every kind.
fn written_by_the_first_version(folder: &Path) {
    let mut connection = Connection::open(file(folder)).unwrap();
    connection
        .pragma_update(None, "application_id", 0x4B4E_534F)
        .unwrap();
    let runner = embedded::migrations::runner().set_target(Target::Version(1));
    runner.run(&mut connection).unwrap();
    connection
        .execute_batch(include_str!("first_version.sql"))
        .unwrap();
    connection.close().unwrap();
}

async fn habits_after_the_migration(folder: &Path) -> Vec<Habit> {
    let storage = open(folder);
    let mut habits = storage
        .habits(user(1), HabitQuery::all(true))
        .await
        .unwrap();
    storage.close().await.unwrap();
    habits.sort_by_key(|habit| habit.id);
    habits
}

fn date(text: &str) -> Date {
    text.parse().unwrap()
}

/// States of the migrations by their versions.
type States = Vec<(i64, StepState)>;

/// Returns the migrations and the files of the folder.
fn inspect(folder: &Path) -> (States, BTreeMap<PathBuf, Vec<u8>>) {
    let steps = kanso_sqlite::schema(&file(folder)).unwrap();
    let files = fs::read_dir(folder).unwrap().map(|entry| {
        let path = entry.unwrap().path();
        let content = fs::read(&path).unwrap();
        (path, content)
    });
    (states(&steps), files.collect())
}

fn states(steps: &[SchemaStep]) -> States {
    steps
        .iter()
        .map(|step| (step.version, step.state))
        .collect()
}

#[test]
fn pending_migrations_are_listed_and_then_applied() {
    use StepState::{Applied, AppliedNow, Pending};
    let folder = tempfile::tempdir().unwrap();
    written_by_the_first_version(folder.path());
    let content = fs::read(file(folder.path())).unwrap();
    let (steps, files) = inspect(folder.path());
    assert_eq!(steps[0], (1, Applied));
    assert!(steps[1..].iter().all(|(_, state)| *state == Pending));
    let untouched = BTreeMap::from([(file(folder.path()), content)]);
    assert!(files == untouched, "{:?}", files.keys());

    let taken = kanso_sqlite::migrate(&options(folder.path())).unwrap();
    let taken = states(&taken);
    assert_eq!(taken[0], (1, Applied));
    assert!(taken[1..].iter().all(|(_, state)| *state == AppliedNow));
    let (steps, files) = inspect(folder.path());
    assert!(steps.iter().all(|(_, state)| *state == Applied));
    assert_eq!(inspect(folder.path()).1, files, "listing changes nothing");
}

#[tokio::test]
async fn an_open_database_stays_open_and_is_up_to_date() {
    let folder = tempfile::tempdir().unwrap();
    let storage = open(folder.path());
    let steps = kanso_sqlite::migrate(&options(folder.path())).unwrap();
    assert!(steps.iter().all(|step| step.state == StepState::Applied));
    storage.ping().await.unwrap();
    storage.close().await.unwrap();
}

/// Clients of a server that was open must not be kept out by the migration.
#[tokio::test]
async fn registration_was_open_in_a_database_of_the_first_version() {
    let [old, new] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    written_by_the_first_version(old.path());
    for (folder, was_open) in [(&old, true), (&new, false)] {
        // Twice: it is a fact of the database and not of its migration.
        for _ in 0..2 {
            let storage = open(folder.path());
            let state = storage.admission_state().await.unwrap();
            assert_eq!(state.was_open, was_open);
            if !state.has_accounts {
                register(&storage, 1).await;
            }
            storage.close().await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_database_of_the_first_version_is_not_opened_beside_a_server() {
    let folder = tempfile::tempdir().unwrap();
    written_by_the_first_version(folder.path());
    let opened = SqliteStorage::open_beside(&options(folder.path()));
    let error = opened.unwrap_err().to_string();
    assert!(error.contains("kanso-server migrate"), "{error}");
}

#[tokio::test]
async fn a_database_of_the_first_version_gets_its_digests() {
    let folder = tempfile::tempdir().unwrap();
    written_by_the_first_version(folder.path());
    let storage = open(folder.path());
    let query = DeltaQuery {
        since: Since::Beginning,
        scope: Scope::Everything,
        limit: None,
    };
    let page = storage.delta(user(1), query).await.unwrap().unwrap();
    assert!(!page.records.is_empty());
    let expected: Digest = page.records.iter().map(Digest::of_record).sum();
    assert_eq!(page.head.digest, expected);
    for record in page.records {
        let version = record.stamp().version;
        if let Record::Habit(habit) = record {
            assert_eq!(
                habit.provenance,
                Provenance::at(version, None),
                "assumed, because the first version did not store it"
            );
        }
    }
}

#[tokio::test]
async fn a_habit_of_the_first_version_has_one_schedule() {
    let folder = tempfile::tempdir().unwrap();
    written_by_the_first_version(folder.path());
    let habits = habits_after_the_migration(folder.path()).await;
    let asked: Vec<_> = habits
        .iter()
        .map(|habit| {
            let versions: Vec<_> = habit.details.history.versions().collect();
            let [version] = versions[..] else {
                panic!("expected one version, got {versions:?}");
            };
            let (schedule, target) = (version.schedule, version.target);
            let days = schedule.weekdays().map(Weekdays::days);
            let kind = schedule.frequency_type().as_str();
            let amount = target.value().to_string();
            format!(
                "{} {kind} {days:?} {:?} {:?} {} {amount} {}",
                version.effective_from,
                schedule.interval(),
                schedule.times_per_week(),
                target.kind().as_str(),
                target.direction().as_str()
            )
        })
        .collect();
    let expected = [
        "2026-01-14 daily None None None boolean 1 at_least",
        "2026-01-15 specific_days Some([1, 3, 5]) None None numeric 2.5 at_least",
        "1969-12-31 interval None Some(3) None timer 30 at_least",
        "1970-01-01 weekly None None Some(4) numeric 0 at_most",
    ];
    assert_eq!(asked, expected);
}

#[tokio::test]
async fn an_archived_habit_of_the_first_version_stays_archived() {
    let folder = tempfile::tempdir().unwrap();
    written_by_the_first_version(folder.path());
    let habits = habits_after_the_migration(folder.path()).await;
    let spans = |id: HabitId| {
        let habit = habits.iter().find(|habit| habit.id == id);
        &habit.unwrap().details.archived_spans[..]
    };
    assert_eq!(spans(habit(1)), []);
    let archived = ArchivedSpan {
        from: date("2026-01-15"),
        until: None,
    };
    assert_eq!(spans(habit(2)), [archived]);
}

#[tokio::test]
async fn streaks_of_the_first_version_are_computed_once() {
    let folder = tempfile::tempdir().unwrap();
    written_by_the_first_version(folder.path());
    for round in 1..=2 {
        for habit in habits_after_the_migration(folder.path()).await {
            assert_eq!(habit.streak, StoredStreak::default());
        }
        let storage = open(folder.path());
        assert_eq!(storage.streak_backlog().await.unwrap().waiting, 4);
        let now = noon().plus_seconds(3_600 * round);
        let claims = storage.claim_streaks(now, 10).await.unwrap();
        assert_eq!(claims.len(), 1);
        assert_eq!(claims[0].user, user(1));
        let mut claimed: Vec<_> = claims[0].jobs.iter().map(|job| job.habit).collect();
        claimed.sort_unstable();
        assert_eq!(claimed, [1, 2, 3, 4].map(habit));
        storage.close().await.unwrap();
    }
}

#[tokio::test]
async fn records_of_the_first_version_can_be_changed() {
    let folder = tempfile::tempdir().unwrap();
    written_by_the_first_version(folder.path());
    let storage = open(folder.path());
    let commands = [
        update_habit(habit(1), on(3), titled("Read more")),
        update_habit(habit(2), Base::Any, titled("Run more")),
        create_entry(entry(1), done(habit(1), "2026-01-15")),
    ];
    let changeset = submit(&storage, user(1), commands.map(once).into()).await;
    assert_eq!(changeset.unwrap().head.seq.get(), 8);
    let journal = storage.journal(user(1), Some(&[habit(1)])).await.unwrap();
    assert_eq!(journal.unwrap().entries[&habit(1)].len(), 1);
    let borders = storage.day_borders().await.unwrap();
    let today = date("2026-01-16");
    let begun = storage.begin_day(&borders[0], today, 10, noon());
    assert!(!begun.await.unwrap(), "no user is left");
    assert!(storage.delete_account(user(1)).await.unwrap());
    while storage.erase_accounts(20).await.unwrap() > 0 {}
    assert_eq!(
        storage
            .habits(user(1), HabitQuery::all(true))
            .await
            .unwrap(),
        []
    );
    storage.close().await.unwrap();
}

/// Release 0.1.0 stored an address as it was typed, in lower case.
#[tokio::test]
async fn an_older_spelling_of_an_address_becomes_the_present_one() {
    let folder = tempfile::tempdir().unwrap();
    let storage = open(folder.path());
    for number in 1..=4 {
        register(&storage, number).await;
    }
    storage.close().await.unwrap();
    let stored = [
        "ju\u{308}rgen@example.org",
        "k@xn--mnchen-3ya.example",
        "o\u{308}@example.org",
        "\u{f6}@example.org",
    ];
    let connection = Connection::open(file(folder.path())).unwrap();
    for (place, email) in stored.into_iter().enumerate() {
        let id = user(place as u128 + 1).uuid();
        for sql in [
            "UPDATE emails SET email = ?2 WHERE user_id = ?1",
            "UPDATE users SET email = ?2 WHERE user_id = ?1",
        ] {
            connection.execute(sql, (id, email)).unwrap();
        }
    }
    connection.close().unwrap();
    for _ in 0..2 {
        let storage = open(folder.path());
        for (typed, number) in [
            ("ju\u{308}rgen@example.org", 1),
            ("J\u{fc}rgen@example.org", 1),
            ("k@m\u{fc}nchen.example", 2),
            ("k@xn--mnchen-3ya.example", 2),
            // Two accounts of one address: the typed text decides.
            ("o\u{308}@example.org", 3),
            ("\u{f6}@example.org", 4),
        ] {
            let found = storage.credentials(&typed.parse().unwrap()).await.unwrap();
            let found = found.map(|found| found.user_id);
            assert_eq!(found, Some(user(number)), "{typed:?}");
        }
        let account = storage.account(user(1)).await.unwrap().unwrap();
        assert_eq!(account.email.as_str(), "j\u{fc}rgen@example.org");
        storage.close().await.unwrap();
    }
}
