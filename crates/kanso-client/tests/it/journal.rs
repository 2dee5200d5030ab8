//! Streaks and days from the replica alone.

use kanso_client::domain::progress::{TodayState, TodayStatus};
use kanso_client::domain::{HabitId, WeekStart, Zone};
use kanso_client::protocol::Patch;
use kanso_client::protocol::entries::{EntryKind, EntryMembers};

use crate::support::{Device, FakeServer, device, on, signed_in, titled};

fn today_status(device: &Device, habit: HabitId, zone: Option<&Zone>) -> TodayStatus {
    let journal = device.journal(zone, Some(habit)).expect("reads");
    let judged = journal.all_progress().next().expect("it is there");
    let status = judged.today_status();
    // Twice: the first call may compute it, and the second one reads it.
    for _ in 0..2 {
        let list = device.today_list(zone).expect("reads");
        let mut habits = list.habits.into_iter();
        let listed = habits.find(|one| one.habit.record.id == habit);
        assert_eq!(listed.expect("it is listed").status, status);
        assert_eq!(list.today, journal.today);
    }
    status
}

#[test]
fn the_list_of_today_follows_the_day_and_the_settings() {
    let device = device(1);
    let habit = device.create_habit(titled("Read")).expect("creates");
    for day in ["2026-11-21", "2026-11-22"] {
        device.create_entry(on(&habit, day)).expect("creates");
    }
    let status = |device: &Device| today_status(device, habit.id, None);
    assert_eq!(status(&device).state, TodayState::Done);
    device.clock.advance(86_400);
    let next_day = status(&device);
    assert_eq!(next_day.state, TodayState::Pending);
    assert_eq!((next_day.streak.current, next_day.is_at_risk), (2, true));
    device.clock.advance(86_400);
    assert_eq!(status(&device).streak.current, 0);
}

#[test]
fn waiting_entries_count_in_statistics() {
    let device = device(1);
    let habit = device.create_habit(titled("Read")).expect("creates");
    for day in ["2026-11-19", "2026-11-20", "2026-11-21"] {
        device.create_entry(on(&habit, day)).expect("creates");
    }
    let before = today_status(&device, habit.id, None);
    assert_eq!(
        (before.state, before.is_at_risk),
        (TodayState::Pending, true)
    );
    let off = device.create_entry(EntryMembers {
        kind: Patch::Value(EntryKind::Skip),
        ..on(&habit, "2026-11-22")
    });
    assert_eq!(
        today_status(&device, habit.id, None).state,
        TodayState::Skip
    );
    let off = off.expect("creates").id;
    let half = EntryMembers {
        kind: Patch::Value(EntryKind::Value),
        value: Patch::Value(1.5),
        ..EntryMembers::default()
    };
    device.update_entry(off, half).expect("updates");
    let after = today_status(&device, habit.id, None);
    assert_eq!((after.state, after.value), (TodayState::Done, 1500));
    assert_eq!(after.streak.current, 4);
    device.delete_entry(off).expect("deletes");
    assert_eq!(today_status(&device, habit.id, None), before);
}

#[test]
fn another_zone_has_another_today() {
    let device = device(1);
    let habit = device.create_habit(titled("Read")).expect("creates");
    device
        .create_entry(on(&habit, "2026-11-22"))
        .expect("creates");
    assert_eq!(
        today_status(&device, habit.id, None).state,
        TodayState::Done
    );
    // Noon in UTC is the next day there.
    let kiritimati: Zone = "Pacific/Kiritimati".parse().expect("a zone");
    let journal = device.journal(Some(&kiritimati), None).expect("reads");
    assert_eq!(journal.today.to_string(), "2026-11-23");
    let state = today_status(&device, habit.id, Some(&kiritimati)).state;
    assert_eq!(state, TodayState::Pending);
}

#[test]
fn journal_has_empty_and_archived_habits() {
    let device = device(1);
    let one = device.create_habit(titled("Read")).expect("creates");
    let away = device.create_habit(titled("Write")).expect("creates");
    device.archive_habit(away.id, true).expect("archives");
    let journal = device.journal(None, None).expect("reads");
    let today = |habit| journal.progress(habit).today_status().state;
    assert_eq!(today(&one), TodayState::Pending);
    let away = &journal
        .habits
        .iter()
        .find(|shown| shown.record.id == away.id);
    let away = &away.expect("it is there").record;
    assert_eq!(today(away), TodayState::NotDue);
    device.delete_habit(one.id).expect("deletes");
    let gone = device.journal(None, Some(one.id)).expect("reads");
    assert!(gone.habits.is_empty());
}

#[tokio::test]
async fn weeks_begin_on_the_accounts_first_day() {
    let server = FakeServer::new();
    server.state().settings.week_start = WeekStart::Saturday;
    let device = signed_in(1, &server).await;
    let journal = device.journal(None, None).expect("reads");
    assert_eq!(journal.settings.week_start, WeekStart::Saturday);
}
