//! Records of a device, to compare them with another device's.

use kanso_client::Client;
use kanso_client::domain::habits::{Habit, StoredStreak};
use kanso_client::domain::{Record, Seq, Stamp};

use super::Device;

/// Live records of the device without computed members. A worker publishes a streak some time after
/// the entry, so it may have reached one device and not yet another.
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
