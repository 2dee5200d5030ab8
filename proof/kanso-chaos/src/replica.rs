//! What a device holds: the fold of everything that was delivered to it.

use std::collections::BTreeMap;

use kanso_domain::habits::Habit;
use kanso_domain::progress::{DayLog, HabitProgress};
use kanso_domain::sync::Digest;
use kanso_domain::{Date, Record};
use kanso_protocol::sync::{Change, ChangeContent};
use uuid::Uuid;

use crate::checks::Final;

/// Records by their ids, tombstones too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replica {
    records: BTreeMap<Uuid, Record>,
}

impl Replica {
    /// Takes what was delivered. Says what must not be: a record that went back.
    ///
    /// # Errors
    /// What no server of this version writes.
    pub fn take(&mut self, changes: &[Change]) -> anyhow::Result<Vec<String>> {
        let mut went_back = Vec::new();
        for change in changes {
            let ChangeContent::Record(record) = change.read()? else {
                continue;
            };
            let before = self.records.get(&record.id()).map(Record::stamp);
            if let Some(before) = before
                && (record.stamp().version < before.version || record.stamp().seq < before.seq)
            {
                went_back.push(format!(
                    "record {} went back from version {} at {} to {} at {}",
                    record.id(),
                    before.version.get(),
                    before.seq.get(),
                    record.stamp().version.get(),
                    record.stamp().seq.get()
                ));
            }
            self.records.insert(record.id(), *record);
        }
        Ok(went_back)
    }

    /// The version of a record, if it is here.
    pub fn version(&self, id: Uuid) -> Option<i64> {
        Some(self.records.get(&id)?.stamp().version.get())
    }

    /// What it adds up to.
    pub fn digest(&self) -> Digest {
        self.live().map(Digest::of_record).sum()
    }

    /// The version of each live record.
    pub fn live_versions(&self) -> BTreeMap<Uuid, i64> {
        self.live()
            .map(|record| (record.id(), record.stamp().version.get()))
            .collect()
    }

    /// What is checked of each record.
    pub fn finals(&self) -> BTreeMap<Uuid, Final> {
        self.records
            .iter()
            .map(|(id, record)| (*id, Final::of(record)))
            .collect()
    }

    /// The habits whose streak is another one than what the entries here make of it.
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
        // Nobody here changes their settings.
        let settings = kanso_domain::accounts::Settings::default();
        let streak = HabitProgress::new(habit, DayLog::of(entries), &settings, today).streak();
        let told = (habit.streak.current, habit.streak.longest);
        (told != (streak.current, streak.longest)).then(|| {
            format!(
                "habit {} has the streaks {told:?}, its entries make {:?}",
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
