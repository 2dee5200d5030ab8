//! Schedule histories, archived spans and streaks are stored exactly.

use kanso_application::ports::storage::{HabitQuery, Storage, WriteOutcome};
use kanso_domain::Quantity;
use kanso_domain::calendar::{days_after, days_before};
use kanso_domain::habits::{
    ArchivedSpan, FrequencyType, Habit, HabitFields, HabitType, ScheduleFields, ScheduleHistory,
    ScheduleVersion, StoredStreak, TargetDirection, TargetFields,
};
use kanso_domain::record::FieldSet;
use kanso_domain::sync::{Base, LoadSet, Loaded, RecordWrite, Since};
use kanso_domain::{Date, Record};

use super::test_user::{TestUser, claimed, unchanged};
use crate::build::{create_habit, habit, noon, streak, titled, update_habit};

/// A schedule history is stored exactly, with each kind of schedule and target.
pub async fn a_habits_history_comes_back(storage: &dyn Storage) {
    let person = TestUser::register(storage, 1).await;
    person.apply(create_habit(habit(1), titled("Read"))).await;
    for (schedule, target, from) in editions() {
        let fields = HabitFields {
            schedule,
            target,
            effective_from: Some(from.parse().unwrap()),
            ..HabitFields::default()
        };
        let update = update_habit(habit(1), Base::Any, fields);
        let updated = person.apply_to_habit(update).await;
        check(&person, &updated).await;
    }
    let stored = storage.habit(person.id, habit(1)).await.unwrap().unwrap();
    assert_eq!(stored.details.history.versions().count(), 6);
}

/// A schedule history and archived spans are stored exactly at the ends of the calendar.
pub async fn a_history_may_be_of_any_days(storage: &dyn Storage) {
    let person = TestUser::register(storage, 1).await;
    let created = person.apply_to_habit(create_habit(habit(1), titled("Read")));
    let created = created.await;
    let (first, last) = (Date::MIN, Date::MAX);
    let version = |effective_from| ScheduleVersion {
        effective_from,
        // Only the day differs, so that the days alone decide.
        ..*created.details.history.newest()
    };
    let versions = vec![version(first), version(days_after(first, 1)), version(last)];
    let mut changed = created.clone();
    changed.details.history = ScheduleHistory::restored(versions).unwrap();
    changed.details.archived_spans = vec![
        ArchivedSpan {
            from: first,
            until: Some(days_before(last, 1)),
        },
        ArchivedSpan {
            from: last,
            until: None,
        },
    ];
    save(&person, changed).await;
}

/// Archived spans are stored exactly: open, closed, and open again.
pub async fn a_habits_archived_spans_come_back(storage: &dyn Storage) {
    let person = TestUser::register(storage, 1).await;
    person.apply(create_habit(habit(1), titled("Read"))).await;
    let moments = [
        Some("2025-12-01T00:00:00Z"),
        None,
        Some("2026-01-15T10:00:00Z"),
    ];
    // Unarchiving closes the span, so archiving again opens a second one.
    for (moment, spans) in moments.into_iter().zip([1, 1, 2]) {
        let fields = HabitFields {
            archived_at: Some(moment.map(|moment| moment.parse().unwrap())),
            ..HabitFields::default()
        };
        let update = update_habit(habit(1), Base::Any, fields);
        let updated = person.apply_to_habit(update).await;
        assert_eq!(updated.details.archived_spans.len(), spans);
        check(&person, &updated).await;
    }
}

/// A streak is stored with its habit, at its bounds; a change of the habit clears its day.
pub async fn a_habits_streak_comes_back(storage: &dyn Storage) {
    let person = TestUser::register(storage, 1).await;
    person.apply(create_habit(habit(1), titled("Read"))).await;
    for computed in [
        streak(u32::MAX, u32::MAX, "9999-12-30"),
        // Near the first day of the calendar: a day before year 0 needs a sign in text and in some date
        // types.
        streak(0, 1, "-009999-01-02"),
        streak(3, 4, "2026-01-15"),
    ] {
        for (_, job) in claimed(storage, noon(), 1).await {
            person.finish(job, computed, noon()).await;
        }
        let stored = storage.habit(person.id, habit(1)).await.unwrap().unwrap();
        assert_eq!(stored.streak, computed);
        check(&person, &stored).await;
        let title = format!("Read {}", computed.current);
        let update = update_habit(habit(1), Base::Any, titled(&title));
        person.apply(update).await;
        let stored = storage.habit(person.id, habit(1)).await.unwrap().unwrap();
        let expected = StoredStreak {
            day: None,
            ..computed
        };
        assert_eq!(stored.streak, expected);
    }
}

fn editions() -> [(ScheduleFields, TargetFields, &'static str); 7] {
    let kind = |kind| ScheduleFields {
        frequency_type: Some(kind),
        ..ScheduleFields::default()
    };
    let target = |kind, thousandths, direction| TargetFields {
        kind: Some(kind),
        value: Some(Quantity::from_thousandths(thousandths).unwrap()),
        direction: Some(direction),
    };
    let weekdays = ScheduleFields {
        weekdays: Some(vec![0, 3, 6]),
        ..kind(FrequencyType::SpecificDays)
    };
    let interval = ScheduleFields {
        interval: Some(3_660),
        ..kind(FrequencyType::Interval)
    };
    let times = ScheduleFields {
        times_per_week: Some(7),
        ..kind(FrequencyType::Weekly)
    };
    let most = Quantity::MAX.thousandths();
    let tick = target(HabitType::Boolean, 1_000, TargetDirection::AtLeast);
    let limit = target(HabitType::Numeric, 0, TargetDirection::AtMost);
    let least = target(HabitType::Timer, 1, TargetDirection::AtLeast);
    let highest = target(HabitType::Numeric, most, TargetDirection::AtMost);
    [
        (weekdays.clone(), tick.clone(), "start"),
        (interval, limit, "2026-01-16"),
        (times, least, "2026-02-01"),
        (kind(FrequencyType::Daily), highest, "2026-02-02"),
        (kind(FrequencyType::Daily), tick.clone(), "2026-03-01"),
        (weekdays.clone(), tick, "2026-04-01"),
        (weekdays, TargetFields::default(), "2026-03-15"),
    ]
}

/// Stores `record` as the next version of a habit.
async fn save(person: &TestUser<'_>, mut record: Habit) {
    let keys = LoadSet {
        habits: [record.id].into(),
        ..LoadSet::default()
    };
    // Written without the domain's rules: they would not accept such days, but a storage must keep
    // what an older version of them accepted.
    let head = person.head().await.advanced(noon());
    let replaces = Some(record.stamp.version);
    record.stamp = record.stamp.edited(head.seq, head.changed_at);
    let version = record.stamp.version;
    record.provenance = record.provenance.edited(FieldSet::EMPTY, version, None);
    let saved = record.clone();
    let work = move |loaded: Loaded| {
        let mut changeset = unchanged(&loaded);
        changeset.head = head;
        let record = saved.clone();
        changeset.habits.push(RecordWrite { record, replaces });
        changeset
    };
    let written = person.write(keys, work).await.unwrap();
    assert!(matches!(written, WriteOutcome::Committed(_)));
    check(person, &record).await;
}

/// Checks that a habit is the same by id, in the list, in the delta and in the next write.
async fn check(person: &TestUser<'_>, expected: &Habit) {
    let (storage, id) = (person.storage, expected.id);
    let stored = storage.habit(person.id, id).await.unwrap();
    assert_eq!(stored.as_ref(), Some(expected));
    let listed = storage
        .habits(person.id, HabitQuery::all(true))
        .await
        .unwrap();
    assert_eq!(listed, std::slice::from_ref(expected));
    let changes = person.changes(Since::Beginning).await;
    assert_eq!(changes, [Record::Habit(expected.clone())]);
    let keys = LoadSet {
        habits: [id].into(),
        ..LoadSet::default()
    };
    assert_eq!(person.sees(keys).await.habits.get(&id), Some(expected));
}
