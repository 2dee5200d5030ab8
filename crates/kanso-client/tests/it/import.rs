//! A real export of Loop Habit Tracker.

use std::io::Cursor;

use kanso_client::Client;
use kanso_client::domain::Quantity;
use kanso_client::domain::entries::EntryKind;
use kanso_client::domain::habits::{Habit, HabitType, Schedule, TargetDirection};
use kanso_client::loop_import::{ImportMode, ImportOutcome, ImportReport};

use crate::support::{FakeServer, all_entries, device, live, signed_in, titled};

const EXPORT: &[u8] = include_bytes!("../fixtures/loop_habits_csv_v2.3.1.zip");

fn import(client: &Client, mode: ImportMode) -> ImportReport {
    client
        .import_loop(Cursor::new(EXPORT), mode)
        .expect("imports")
}

fn habit(client: &Client, title: &str) -> Habit {
    let habits = client.habits().expect("reads");
    let found = habits
        .into_iter()
        .find(|shown| shown.record.details.title.as_str() == title);
    found.expect(title).record
}

fn days(client: &Client, title: &str) -> Vec<(String, i64, String)> {
    let id = habit(client, title).id;
    all_entries(client)
        .into_iter()
        .filter(|entry| entry.details.habit_id == id)
        .map(|entry| {
            assert_eq!(entry.details.kind, EntryKind::Value);
            let value = entry.details.value.thousandths();
            (
                entry.details.local_date.to_string(),
                value,
                entry.details.notes.to_string(),
            )
        })
        .collect()
}

#[test]
fn the_three_habits_and_their_history_arrive() {
    let device = device(1);
    let report = import(&device, ImportMode::Write);
    assert_eq!(
        (
            report.habits(ImportOutcome::New),
            report.entries(ImportOutcome::New)
        ),
        (3, 7)
    );

    let someone = habit(&device, "someone").details;
    assert_eq!(someone.schedule(), Schedule::Weekly { times_per_week: 3 });
    assert_eq!(someone.description.as_str(), "77");
    let archived = someone.archived_at.expect("is archived").to_string();
    assert_eq!(archived, "2026-07-05T00:00:00.000000Z");
    assert!(days(&device, "someone").is_empty());

    let value = habit(&device, "value habit").details;
    assert_eq!(value.schedule(), Schedule::Interval { interval: 30 });
    assert_eq!(value.target().kind(), HabitType::Numeric);
    assert_eq!(value.target().direction(), TargetDirection::AtMost);
    assert_eq!(
        value.target().value(),
        Quantity::from_thousandths(12_000).expect("small")
    );
    assert_eq!(
        (value.unit.as_str(), value.description.as_str()),
        ("unit", "quest\nmemo")
    );
    assert_eq!(value.archived_at, None);
    let row = |date: &str, value, notes: &str| (date.to_owned(), value, notes.to_owned());
    assert_eq!(
        days(&device, "value habit"),
        [
            row("2026-07-02", 30_000, "hi"),
            row("2026-07-03", 3_000, ""),
            row("2026-07-04", 12_000, ""),
        ]
    );

    let boolean = habit(&device, "bool habit").details;
    assert_eq!(boolean.schedule(), Schedule::Weekly { times_per_week: 2 });
    assert_eq!(boolean.color.as_str(), "#FF8F00");
    assert_eq!(
        days(&device, "bool habit"),
        [
            row("2026-07-01", 0, "no"),
            row("2026-07-02", 1_000, "yes"),
            row("2026-07-03", 0, ""),
            row("2026-07-04", 1_000, ""),
        ]
    );
    let remark = report
        .rows
        .iter()
        .find(|row| row.habit == "bool habit")
        .expect("is there");
    assert_eq!(
        remark.remarks,
        ["3 times in 14 days becomes the nearest schedule: 2 times a week"]
    );
}

#[test]
fn a_dry_run_reports_the_same_and_writes_nothing() {
    let device = device(1);
    let planned = import(&device, ImportMode::DryRun);
    assert!(device.habits().expect("reads").is_empty());
    assert_eq!(device.status().expect("reads").waiting, 0);
    assert_eq!(import(&device, ImportMode::Write), planned);
}

#[test]
fn importing_twice_changes_nothing() {
    let device = device(1);
    import(&device, ImportMode::Write);
    let waiting = device.status().expect("reads").waiting;
    let again = import(&device, ImportMode::Write);
    assert_eq!(
        (
            again.habits(ImportOutcome::Unchanged),
            again.entries(ImportOutcome::Unchanged)
        ),
        (3, 7)
    );
    assert_eq!(device.status().expect("reads").waiting, waiting);
}

#[test]
fn import_keeps_changed_and_deleted_records() {
    let device = device(1);
    import(&device, ImportMode::Write);
    device
        .update_habit(habit(&device, "someone").id, titled("nobody"))
        .expect("updates");
    device
        .delete_habit(habit(&device, "bool habit").id)
        .expect("deletes");
    let again = import(&device, ImportMode::Write);
    assert_eq!(again.habits(ImportOutcome::Kept), 1);
    assert_eq!(
        (
            again.habits(ImportOutcome::Deleted),
            again.entries(ImportOutcome::Deleted)
        ),
        (1, 4)
    );
    assert_eq!(
        (
            again.habits(ImportOutcome::New),
            again.entries(ImportOutcome::New)
        ),
        (0, 0)
    );
    habit(&device, "nobody");
}

#[tokio::test]
async fn two_imports_of_one_file_create_no_duplicates() {
    let server = FakeServer::new();
    let (a, b) = (signed_in(1, &server).await, signed_in(2, &server).await);
    for device in [&a, &b] {
        import(device, ImportMode::Write);
        let report = device.sync(&server).await.expect("syncs");
        assert_eq!((report.pushed, report.failures.len()), (10, 0));
    }
    assert_eq!(server.state().changes_applied, 10);
    a.sync(&server).await.expect("syncs");
    let replica = live(a.server_records().expect("reads"));
    assert_eq!(replica.len(), 10);
    assert_eq!(replica, live(b.server_records().expect("reads")));
    let again = import(&a, ImportMode::Write);
    assert_eq!(
        (
            again.habits(ImportOutcome::Unchanged),
            again.entries(ImportOutcome::Unchanged)
        ),
        (3, 7)
    );
}
