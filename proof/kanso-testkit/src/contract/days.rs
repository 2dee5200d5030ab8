//! The beginning of days, and settings that move it.

use kanso_application::ports::storage::{DayBorder, Storage, StreakOutcome};
use kanso_domain::accounts::{Settings, SettingsChange};
use kanso_domain::habits::{HabitFields, HabitType, TargetDirection, TargetFields};
use kanso_domain::sync::Base;
use kanso_domain::{Date, HabitId, Quantity, Timestamp, UserId, WeekStart};

use super::test_user::{TestUser, claimed};
use crate::build::{
    at, create_entry, create_habit, delete_habit, done, entry, habit, noon, once, streak, titled,
};

/// The morning after [`noon`].
fn morning() -> Timestamp {
    at("2026-01-16T00:00:01Z")
}

fn day(text: &str) -> Date {
    text.parse().unwrap()
}

fn border(zone: &str) -> DayBorder {
    DayBorder {
        timezone: zone.parse().unwrap(),
        day_start: "00:00".parse().unwrap(),
    }
}

fn limit() -> HabitFields {
    HabitFields {
        target: TargetFields {
            kind: Some(HabitType::Numeric),
            value: Some(Quantity::ONE),
            direction: Some(TargetDirection::AtMost),
        },
        ..titled("Smoke")
    }
}

/// Finishes all queued jobs with the streaks that `current` returns.
async fn settle(storage: &dyn Storage, current: impl Fn(HabitId) -> u32) {
    // An hour is longer than any lease that an earlier step granted.
    let no_lease_holds = morning().plus_seconds(3_600);
    for (id, job) in claimed(storage, no_lease_holds, 100).await {
        let computed = streak(current(job.habit), 9, "2026-01-15");
        TestUser { storage, id }.finish(job, computed, noon()).await;
    }
}

/// Begins the day after [`noon`] for all users in UTC.
async fn begin_morning(storage: &dyn Storage) {
    let border = border("UTC");
    let begun = storage.begin_day(&border, day("2026-01-16"), 10, morning());
    assert!(!begun.await.unwrap(), "no user is left");
}

async fn queued(storage: &dyn Storage) -> Vec<(UserId, HabitId)> {
    let jobs = claimed(storage, morning(), 100).await;
    let mut queued: Vec<_> = jobs.iter().map(|(user, job)| (*user, job.habit)).collect();
    queued.sort_unstable();
    queued
}

async fn set(person: &TestUser<'_>, change: SettingsChange) -> Settings {
    let account = person.storage.change_settings(person.id, change, noon());
    account.await.unwrap().unwrap().settings
}

fn zone(name: &str) -> SettingsChange {
    SettingsChange {
        timezone: Some(name.parse().unwrap()),
        ..SettingsChange::default()
    }
}

fn day_start(time: &str) -> SettingsChange {
    SettingsChange {
        day_start: Some(time.parse().unwrap()),
        ..SettingsChange::default()
    }
}

/// A new day queues running streaks, limits and habits with entries recorded ahead, and no others.
pub async fn a_new_day_queues_the_streaks_it_may_change(storage: &dyn Storage) {
    let person = TestUser::register(storage, 1).await;
    for command in [
        create_habit(habit(1), titled("Running streak")),
        create_habit(habit(2), limit()),
        create_habit(habit(3), titled("Recorded ahead")),
        create_habit(habit(4), titled("At rest")),
        create_habit(habit(5), titled("Deleted")),
        create_entry(entry(1), done(habit(3), "2026-01-16")),
        create_entry(entry(2), done(habit(4), "2026-01-10")),
    ] {
        person.apply(command).await;
    }
    // Habit 5 had a running streak too, so only its deletion can keep it out of the queue.
    let running = [habit(1), habit(5)];
    settle(storage, |habit| u32::from(running.contains(&habit))).await;
    person.apply(delete_habit(habit(5), Base::Any)).await;
    begin_morning(storage).await;
    let expected = [1, 2, 3].map(|number| (person.id, habit(number)));
    assert_eq!(queued(storage).await, expected);
}

/// A day begins once for each user with that border, in bounded steps.
pub async fn a_day_begins_once_for_each_user(storage: &dyn Storage) {
    let mut people = Vec::new();
    for number in 1..=5 {
        let person = TestUser::register(storage, number).await;
        person.apply(create_habit(habit(1), titled("Read"))).await;
        people.push(person);
    }
    // The fifth user is in another zone, whose day begins at another time.
    set(&people[4], zone("Asia/Tokyo")).await;
    settle(storage, |_| 1).await;
    let begin = |zone: &'static str, today: &'static str| async move {
        let border = border(zone);
        // One user and one habit count as two.
        let begun = storage.begin_day(&border, day(today), 6, morning());
        begun.await.unwrap()
    };
    assert!(begin("UTC", "2026-01-16").await, "one user is left");
    assert_eq!(backlog(storage).await, 3);
    assert!(!begin("UTC", "2026-01-16").await);
    let jobs = queued(storage).await;
    assert_eq!(jobs, [0, 1, 2, 3].map(|nth| (people[nth].id, habit(1))));
    // A clock that is set back must not begin an earlier day.
    for today in ["2026-01-16", "2026-01-15"] {
        assert!(!begin("UTC", today).await);
        assert_eq!(queued(storage).await, []);
    }
    assert!(!begin("Asia/Tokyo", "2026-01-16").await);
    assert_eq!(queued(storage).await, [(people[4].id, habit(1))]);
    // The next day begins for the same users again.
    assert!(begin("UTC", "2026-01-17").await);
    assert!(!begin("UTC", "2026-01-17").await);
}

async fn backlog(storage: &dyn Storage) -> u64 {
    storage.streak_backlog().await.unwrap().waiting
}

/// A step ends with the user that fills its limit, so a day of many users does not hold locks for
/// long. Users without habits count as well.
pub async fn a_step_of_a_day_is_bounded_by_what_it_touches(storage: &dyn Storage) {
    for number in 1..=6 {
        let person = TestUser::register(storage, number).await;
        let habits = if number <= 3 { 4 } else { 0 };
        let create = (1..=habits).map(|id| once(create_habit(habit(id), titled("Read"))));
        person.submit(create.collect()).await;
    }
    settle(storage, |_| 1).await;
    // Three users with four habits fill a step each; the three without habits need two steps.
    let (border, mut steps) = (border("UTC"), Vec::new());
    loop {
        let before = backlog(storage).await;
        let begun = storage.begin_day(&border, day("2026-01-16"), 2, morning());
        let has_more = begun.await.unwrap();
        steps.push(backlog(storage).await - before);
        if !has_more {
            break;
        }
    }
    assert_eq!(steps, [4, 4, 4, 0, 0]);
}

/// A job that was claimed before a day began cannot store its streak, because it was computed for
/// the day before.
pub async fn a_new_day_supersedes_a_claim(storage: &dyn Storage) {
    let person = TestUser::register(storage, 1).await;
    person.apply(create_habit(habit(1), titled("Read"))).await;
    let (_, job) = claimed(storage, noon(), 1).await[0];
    begin_morning(storage).await;
    let computed = streak(1, 1, "2026-01-15");
    let outcome = person.finish(job, computed, morning()).await;
    assert_eq!(outcome, StreakOutcome::Superseded);
    assert_eq!(queued(storage).await, [(person.id, habit(1))]);
}

/// Changed settings queue all live habits and make the day begin again.
pub async fn changed_settings_queue_every_streak(storage: &dyn Storage) {
    let person = TestUser::register(storage, 1).await;
    let commands = (1..=3).map(|number| once(create_habit(habit(number), titled("Read"))));
    person.submit(commands.collect()).await;
    person.apply(delete_habit(habit(2), Base::Any)).await;
    let weeks = SettingsChange {
        week_start: Some(WeekStart::Sunday),
        ..SettingsChange::default()
    };
    for change in [zone("Pacific/Apia"), weeks, day_start("03:30")] {
        settle(storage, |_| 0).await;
        let settings = set(&person, change.clone()).await;
        let expected = [1, 3].map(|number| (person.id, habit(number)));
        assert_eq!(queued(storage).await, expected);
        settle(storage, |_| 0).await;

        let border = DayBorder {
            timezone: settings.timezone,
            day_start: settings.day_start,
        };
        // One user fills a step with this limit.
        let begin = async || {
            let begun = storage.begin_day(&border, day("2026-01-15"), 1, noon());
            begun.await.unwrap()
        };
        assert!(begin().await, "the day of one user began");
        // The same settings again are no change.
        set(&person, change).await;
        assert_eq!(queued(storage).await, []);
        // `day_begun` is set again by the first call, so the second finds no user.
        assert!(!begin().await, "no day began");
    }
}

/// Each pair of time zone and day start is returned once.
pub async fn day_borders_are_named_once(storage: &dyn Storage) {
    assert_eq!(storage.day_borders().await.unwrap(), []);
    let homes = ["UTC", "Europe/Rome", "Asia/Tokyo", "UTC", "Europe/Rome"];
    for (number, home) in (1..).zip(homes) {
        let person = TestUser::register(storage, number).await;
        set(&person, zone(home)).await;
        if number == 2 {
            set(&person, day_start("03:30")).await;
        }
    }
    let borders = storage.day_borders().await.unwrap();
    let mut borders: Vec<_> = borders
        .iter()
        .map(|border| format!("{} {}", border.timezone.name(), border.day_start))
        .collect();
    borders.sort_unstable();
    let expected = [
        "Asia/Tokyo 00:00",
        "Europe/Rome 00:00",
        "Europe/Rome 03:30",
        "UTC 00:00",
    ];
    assert_eq!(borders, expected);
}
