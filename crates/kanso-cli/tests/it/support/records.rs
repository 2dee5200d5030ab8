//! What a device has, for comparing it with another.

use kanso_client::Client;
use kanso_client::domain::habits::{Habit, StoredStreak};
use kanso_client::domain::{Record, Seq, Stamp};

use super::Device;

/// What the device has of the server's live records, as people wrote them. A streak is published
/// by a worker some time after the entry, so it may have reached one device and not yet another.
pub(crate) fn replica(device: &Device) -> Vec<Record> {
    let client = Client::open(device.home()).expect("opens");
    let records = client.server_records().expect("reads").into_iter();
    records
        .filter(|record| !record.stamp().is_deleted())
        .map(as_written)
        .collect()
}

fn as_written(record: Record) -> Record {
    match record {
        Record::Habit(habit) => {
            let stamp = Stamp {
                seq: Seq::ZERO,
                updated_at: habit.stamp.created_at,
                ..habit.stamp
            };
            Record::Habit(Habit {
                stamp,
                streak: StoredStreak::default(),
                ..habit
            })
        }
        entry @ Record::Entry(_) => entry,
    }
}
