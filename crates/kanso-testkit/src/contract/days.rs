//! New days, and days that are read differently.

use kanso_application::ports::storage::{DayBorder, Storage, StreakOutcome};
use kanso_domain::accounts::{Settings, SettingsChange};
use kanso_domain::habits::{HabitFields, HabitType, TargetDirection, TargetFields};
use kanso_domain::sync::Base;
use kanso_domain::{Date, HabitId, Quantity, Timestamp, UserId, WeekStart};

use super::person::Person;
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

/// Takes every job off the queue; the streak of a habit is as many days as `current` says.
async fn settle(storage: &dyn Storage, current: impl Fn(HabitId) -> u32) {
    let no_lease_holds = morning().plus_seconds(3_600);
    for job in storage.claim_streaks(no_lease_holds, 100).await.unwrap() {
        let computed = streak(current(job.habit), 9, "2026-01-15");
        let finish = storage.finish_streak(job, computed, noon());
        finish.await.unwrap();
    }
}

/// The day after [`noon`] begins in UTC, for one person.
async fn begin_morning(storage: &dyn Storage) {
    let border = border("UTC");
    let begun = storage.begin_day(&border, day("2026-01-16"), 10, morning());
    assert_eq!(begun.await.unwrap(), 1);
}

async fn queued(storage: &dyn Storage) -> Vec<(UserId, HabitId)> {
    let jobs = storage.claim_streaks(morning(), 100).await.unwrap();
    let mut queued: Vec<_> = jobs.iter().map(|job| (job.user, job.habit)).collect();
    queued.sort_unstable();
    queued
}

async fn set(person: &Person<'_>, change: SettingsChange) -> Settings {
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

/// A streak that runs, a limit, and what was recorded ahead; not what is at rest or deleted.
pub async fn a_new_day_queues_what_it_may_change(storage: &dyn Storage) {
    let person = Person::register(storage, 1).await;
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
    let running = [habit(1), habit(5)];
    settle(storage, |habit| u32::from(running.contains(&habit))).await;
    person.apply(delete_habit(habit(5), Base::Any)).await;
    begin_morning(storage).await;
    let expected = [1, 2, 3].map(|number| (person.id, habit(number)));
    assert_eq!(queued(storage).await, expected);
}

/// A day begins for each person once, some at a time, and only where it does.
pub async fn a_day_begins_once_for_each_person(storage: &dyn Storage) {
    let mut people = Vec::new();
    for number in 1..=5 {
        let person = Person::register(storage, number).await;
        person.apply(create_habit(habit(1), titled("Read"))).await;
        people.push(person);
    }
    set(&people[4], zone("Asia/Tokyo")).await;
    settle(storage, |_| 1).await;
    let begin = |zone: &'static str, today: &'static str| async move {
        let border = border(zone);
        let begun = storage.begin_day(&border, day(today), 3, morning());
        begun.await.unwrap()
    };
    assert_eq!(begin("UTC", "2026-01-16").await, 3);
    assert_eq!(begin("UTC", "2026-01-16").await, 1);
    let jobs = queued(storage).await;
    assert_eq!(jobs, [0, 1, 2, 3].map(|nth| (people[nth].id, habit(1))));
    assert_eq!(begin("UTC", "2026-01-16").await, 0);
    // Clocks are set back, too.
    assert_eq!(begin("UTC", "2026-01-15").await, 0);
    assert_eq!(begin("Asia/Tokyo", "2026-01-16").await, 1);
    assert_eq!(queued(storage).await, [(people[4].id, habit(1))]);
    assert_eq!(begin("UTC", "2026-01-17").await, 3);
    assert_eq!(begin("UTC", "2026-01-17").await, 1);
}

/// Whoever held a job while the day began computed it for the day before.
pub async fn a_new_day_supersedes_a_claim(storage: &dyn Storage) {
    let person = Person::register(storage, 1).await;
    person.apply(create_habit(habit(1), titled("Read"))).await;
    let job = storage.claim_streaks(noon(), 1).await.unwrap()[0];
    begin_morning(storage).await;
    let outcome = storage.finish_streak(job, streak(1, 1, "2026-01-15"), morning());
    assert_eq!(outcome.await.unwrap(), StreakOutcome::Superseded);
    assert_eq!(queued(storage).await, [(person.id, habit(1))]);
}

/// Other days or other weeks may be other streaks, of all live habits; the day begins anew.
pub async fn changed_settings_queue_every_streak(storage: &dyn Storage) {
    let person = Person::register(storage, 1).await;
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
        let begin = async || {
            let begun = storage.begin_day(&border, day("2026-01-15"), 10, noon());
            begun.await.unwrap()
        };
        assert_eq!(begin().await, 1);
        // The same settings again are no change.
        set(&person, change).await;
        assert_eq!(queued(storage).await, []);
        assert_eq!(begin().await, 0);
    }
}

/// Each way in which days begin is named once.
pub async fn day_borders_are_named_once(storage: &dyn Storage) {
    assert_eq!(storage.day_borders().await.unwrap(), []);
    let homes = ["UTC", "Europe/Rome", "Asia/Tokyo", "UTC", "Europe/Rome"];
    for (number, home) in (1..).zip(homes) {
        let person = Person::register(storage, number).await;
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
