//! Properties that hold for any steps of two devices and any failures of the network.

use std::collections::BTreeSet;

use kanso_client::domain::HabitId;
use kanso_client::protocol::Patch;
use kanso_client::protocol::habits::HabitMembers;
use kanso_client::protocol::sync::OperationRequest;
use proptest::prelude::*;

use crate::support::{
    Device, FakeServer, NetworkFault, all_entries, live, on, signed_in, titled, titles,
};

#[derive(Clone, Copy, Debug)]
enum Step {
    Create,
    Rename(usize),
    Recolor(usize),
    Record(usize),
    Delete(usize),
    Undo(usize),
    Sync,
    /// A sync in which this request or answer is lost.
    Cut(usize, bool),
    RestoreServer,
    /// Restores the server to its state some steps ago, with a new epoch or without.
    PutBack(bool),
    SignOut,
}

fn step() -> impl Strategy<Value = Step> {
    let which = 0..6_usize;
    prop_oneof![
        3 => Just(Step::Create),
        3 => which.clone().prop_map(Step::Rename),
        2 => which.clone().prop_map(Step::Recolor),
        4 => which.clone().prop_map(Step::Record),
        1 => which.clone().prop_map(Step::Delete),
        1 => which.prop_map(Step::Undo),
        3 => Just(Step::Sync),
        4 => (0..4_usize, any::<bool>()).prop_map(|(at, answer)| Step::Cut(at, answer)),
        1 => Just(Step::RestoreServer),
        2 => any::<bool>().prop_map(Step::PutBack),
        1 => Just(Step::SignOut),
    ]
}

async fn take(device: &Device, server: &FakeServer, step: Step, number: usize) {
    let habits = device.habits().expect("reads");
    let habit = |which: usize| {
        let place = which.checked_rem(habits.len())?;
        Some(habits[place].record.clone())
    };
    match step {
        Step::Create => {
            device
                .create_habit(titled(&format!("habit {number}")))
                .expect("creates");
        }
        Step::Rename(which) => {
            if let Some(habit) = habit(which) {
                let renamed = titled(&format!("renamed {number}"));
                device.update_habit(habit.id, renamed).expect("updates");
            }
        }
        Step::Recolor(which) => {
            if let Some(habit) = habit(which) {
                let colored = HabitMembers {
                    color: Patch::Value(format!("#{number:06x}")),
                    ..HabitMembers::default()
                };
                device.update_habit(habit.id, colored).expect("updates");
            }
        }
        Step::Record(which) => {
            if let Some(habit) = habit(which) {
                device
                    .create_entry(on(&habit, "2026-11-22"))
                    .expect("creates");
            }
        }
        Step::Delete(which) => {
            if let Some(habit) = habit(which) {
                device.delete_habit(habit.id).expect("deletes");
            }
        }
        Step::Undo(which) => {
            let entries = all_entries(device);
            if let Some(place) = which.checked_rem(entries.len()) {
                device.delete_entry(entries[place].id).expect("deletes");
            }
        }
        Step::Sync => drop(device.sync(server).await),
        Step::Cut(at, answer) => {
            server.fail(vec![NetworkFault::None; at]);
            server.fail([if answer {
                NetworkFault::LoseResponse
            } else {
                NetworkFault::LoseRequest
            }]);
            drop(device.sync(server).await);
            server.state().faults.clear();
        }
        Step::RestoreServer => server.change_epoch(),
        Step::PutBack(with_new_epoch) => {
            let mut state = server.state();
            let copy = state.backup();
            if let Some(older) = state.copy.replace(copy) {
                state.restore(older);
                if with_new_epoch {
                    state.renew_epoch();
                } else {
                    state.is_forked = true;
                }
            }
        }
        Step::SignOut => server.state().expire_access(),
    }
    kept_statuses_are_right(device);
}

/// The statuses that the replica keeps are those that the whole journal gives.
fn kept_statuses_are_right(device: &Device) {
    let list = device.today_list(None).expect("reads");
    let journal = device.journal(None, None).expect("reads");
    let computed = journal.habits.iter().map(|habit| {
        let status = journal.progress(&habit.record).today_status();
        (habit.clone(), status)
    });
    let kept = list.habits.into_iter().map(|one| (one.habit, one.status));
    assert_eq!(kept.collect::<Vec<_>>(), computed.collect::<Vec<_>>());
}

/// Number of the last sent operations on entries whose habit the server does not know. They wait for
/// it: the device had read the entry but not the habit when the server was restored, and another
/// device may still give the habit back.
fn homeless(device: &Device, server: &FakeServer) -> u64 {
    let id = device.status().expect("reads").device_id;
    let state = server.state();
    let mut pushes = state.pushes.iter().rev();
    let last = pushes.find(|push| push.device_id == Some(id));
    let sent = || last.iter().flat_map(|push| &push.operations);
    let is_homeless = |operation: &&OperationRequest| {
        let fields = operation.fields.as_ref();
        let habit = fields.and_then(|fields| fields.get("habit_id")?.as_str());
        let habit = habit.map(|id| HabitId::new(id.parse().expect("an id")));
        habit.is_some_and(|id| !state.habits.contains_key(&id))
    };
    let entries: BTreeSet<_> = sent().filter(is_homeless).map(|it| it.id).collect();
    sent().filter(|it| entries.contains(&it.id)).count() as u64
}

/// The view equals the server's records once no acceptable operation waits.
fn must_agree(device: &Device, server: &FakeServer) {
    let status = device.status().expect("reads");
    let was_put_back = server.state().copy.is_some();
    let may_wait = if was_put_back {
        homeless(device, server)
    } else {
        0
    };
    assert_eq!(status.waiting, may_wait);
    let stored = live(server.records());
    let is_shown = |record: &kanso_client::domain::Record| match record {
        kanso_client::domain::Record::Habit(_) => true,
        kanso_client::domain::Record::Entry(entry) => {
            let habits = device.habits().expect("reads");
            habits
                .iter()
                .any(|shown| shown.record.id == entry.details.habit_id)
        }
    };
    let mut stored: Vec<_> = stored.into_iter().filter(is_shown).collect();
    let mut kept = live(device.server_records().expect("reads"));
    let order = |record: &kanso_client::domain::Record| record.stamp().seq;
    stored.sort_by_key(order);
    kept.sort_by_key(order);
    let names = |records: &[kanso_client::domain::Record]| {
        let name = |record: &kanso_client::domain::Record| (record.id(), record.stamp().version);
        records.iter().map(name).collect::<BTreeSet<_>>()
    };
    assert_eq!(names(&kept), names(&stored));
    // A database restored without a new epoch assigns the same positions again.
    if !server.state().is_forked {
        assert_eq!(kept, stored);
    }
    let habits = device.habits().expect("reads");
    assert!(habits.iter().all(|shown| !shown.is_pending));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn two_devices_agree_whatever_is_lost(
        steps in prop::collection::vec((any::<bool>(), step()), 1..50),
        page in 1..6_usize,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let server = FakeServer::new();
            server.state().page = page;
            let (a, b) = (signed_in(1, &server).await, signed_in(2, &server).await);
            for (number, (is_a, step)) in steps.into_iter().enumerate() {
                take(if is_a { &a } else { &b }, &server, step, number).await;
            }
            for device in [&a, &b, &a] {
                device.sync(&server).await.expect("syncs");
            }
            must_agree(&a, &server);
            must_agree(&b, &server);
            if !server.state().is_forked {
                assert_eq!(titles(&a), titles(&b));
            }
            assert_eq!(all_entries(&a).len(), all_entries(&b).len());
        });
    }
}
