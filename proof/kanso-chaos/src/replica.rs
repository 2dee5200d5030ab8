//! Records that were delivered to a device.

use std::collections::BTreeMap;

use kanso_domain::habits::Habit;
use kanso_domain::progress::{DayLog, HabitProgress};
use kanso_domain::sync::Digest;
use kanso_domain::{Date, Record};
use kanso_protocol::sync::{Change, ChangeContent};
use uuid::Uuid;

use crate::checks::FinalRecord;

/// Records by id, tombstones included.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replica {
    records: BTreeMap<Uuid, Record>,
}

impl Replica {
    /// Applies delivered changes, and returns a description of each record that was delivered with
    /// an older version or position than before.
    ///
    /// # Errors
    /// A change cannot be read.
    pub fn apply(&mut self, changes: &[Change]) -> anyhow::Result<Vec<String>> {
        let mut regressions = Vec::new();
        for change in changes {
            let ChangeContent::Record(record) = change.read()? else {
                continue;
            };
            // Versions and positions of a record only grow. An older one means that a server answered from an
            // old state.
            let before = self.records.get(&record.id()).map(Record::stamp);
            if let Some(before) = before
                && (record.stamp().version < before.version || record.stamp().seq < before.seq)
            {
                regressions.push(format!(
                    "record {} went back from version {} at {} to {} at {}",
                    record.id(),
                    before.version.get(),
                    before.seq.get(),
                    record.stamp().version.get(),
                    record.stamp().seq.get()
                ));
            }
            // The older version is stored all the same, as a real device would do.
            self.records.insert(record.id(), *record);
        }
        Ok(regressions)
    }

    /// Returns the version of a record, if it was delivered.
    pub fn version(&self, id: Uuid) -> Option<i64> {
        Some(self.records.get(&id)?.stamp().version.get())
    }

    /// Returns the digest of the live records.
    pub fn digest(&self) -> Digest {
        self.live().map(Digest::of_record).sum()
    }

    /// Returns the version of each live record.
    pub fn live_versions(&self) -> BTreeMap<Uuid, i64> {
        self.live()
            .map(|record| (record.id(), record.stamp().version.get()))
            .collect()
    }

    /// Returns the checked fields of each record.
    pub fn finals(&self) -> BTreeMap<Uuid, FinalRecord> {
        self.records
            .iter()
            .map(|(id, record)| (*id, FinalRecord::of(record)))
            .collect()
    }

    /// Returns a description of each habit whose streak differs from the one that its entries give.
    pub fn wrong_streaks(&self, today: Date) -> Vec<String> {
        self.live()
            .filter_map(|record| match record {
                Record::Habit(habit) => self.wrong_streak(habit, today),
                Record::Entry(_) => None,
            })
            .collect()
    }

    fn wrong_streak(&self, habit: &Habit, today: Date) -> Option<String> {
        let entries = self.live().filter_map(|record| match record {
            Record::Entry(entry) if entry.details.habit_id == habit.id => Some(entry),
            _ => None,
        });
        // No device of a round changes the settings of its account.
        let settings = kanso_domain::accounts::Settings::default();
        let streak = HabitProgress::new(habit, DayLog::of(entries), &settings, today).streak();
        let reported = (habit.streak.current, habit.streak.longest);
        (reported != (streak.current, streak.longest)).then(|| {
            format!(
                "habit {} has the streaks {reported:?}, its entries give {:?}",
                habit.id.uuid(),
                (streak.current, streak.longest)
            )
        })
    }

    fn live(&self) -> impl Iterator<Item = &Record> {
        self.records
            .values()
            .filter(|record| !record.stamp().is_deleted())
    }
}
