//! Purges in memory.

use std::collections::BTreeSet;

use async_trait::async_trait;
use kanso_application::ports::housekeeping::{PurgeStore, TextsToErase};
use kanso_application::ports::storage::StorageError;
use kanso_domain::record::Stamp;
use kanso_domain::sync::Floor;
use kanso_domain::{Entity, Record, Timestamp, UserId};

use super::{MemoryStorage, State, UserData};

#[async_trait]
impl PurgeStore for MemoryStorage {
    /// Deleting an account removes everything of it at once here.
    async fn erase_accounts(&self, _: u32) -> Result<u32, StorageError> {
        Ok(0)
    }

    async fn purge_receipts(&self, before: Timestamp, limit: u32) -> Result<u32, StorageError> {
        self.with(|state| {
            let users = state.users.iter();
            let receipts = users.flat_map(|(user, data)| {
                let receipts = data.receipts.iter();
                receipts.map(|(op_id, (made_at, _))| (*made_at, *user, *op_id))
            });
            let mut old: Vec<_> = receipts.filter(|(made_at, ..)| *made_at < before).collect();
            old.sort();
            old.truncate(limit.try_into().unwrap());
            for (_, user, op_id) in &old {
                let data = state.users.get_mut(user).unwrap();
                data.receipts.remove(op_id);
            }
            old.len().try_into().unwrap()
        })
    }

    async fn purge_events(&self, before: Timestamp, limit: u32) -> Result<u32, StorageError> {
        self.drop_events(before, limit)
    }

    async fn texts_to_erase(
        &self,
        before: Timestamp,
        limit: u32,
    ) -> Result<Vec<TextsToErase>, StorageError> {
        self.with(|state| {
            let mut left: usize = limit.try_into().unwrap();
            let users = state.users.iter();
            let found = users.map(|(user, data)| data.texts_to_erase(*user, before, &mut left));
            let found = found.filter(|it| !it.habits.is_empty() || !it.entries.is_empty());
            found.collect()
        })
    }

    async fn purge_tombstones(&self, before: Timestamp, limit: u32) -> Result<u32, StorageError> {
        self.with(|state| {
            let limit: usize = limit.try_into().unwrap();
            let mut purged = 0;
            // Habits first: purging one removes its entries, which then need no step of their own.
            for entity in [Entity::Habit, Entity::Entry] {
                let mut old = tombstones(state, entity, before);
                old.truncate(limit - purged);
                purged += old.len();
                for (user, record) in old {
                    state.users.get_mut(&user).unwrap().purge(&record);
                }
            }
            purged.try_into().unwrap()
        })
    }
}

/// Returns the purgeable tombstones of a kind, oldest first.
fn tombstones(state: &State, entity: Entity, before: Timestamp) -> Vec<(UserId, Record)> {
    let users = state.users.iter();
    let mut old: Vec<_> = users
        .flat_map(|(user, data)| {
            let habits = data.habits.values().cloned().map(Record::Habit);
            let entries = data.entries.values().cloned().map(Record::Entry);
            let records = habits
                .chain(entries)
                .filter(move |it| it.entity() == entity);
            let records = records.filter(|record| data.may_purge(record, before));
            records.map(|record| (*user, record)).collect::<Vec<_>>()
        })
        .collect();
    old.sort_by_key(|(_, record)| record.stamp().deleted_at);
    old
}

impl UserData {
    // A device that was not seen since `before` does not count: it would keep tombstones for ever,
    // and its cursor expires when it returns.
    fn may_purge(&self, record: &Record, before: Timestamp) -> bool {
        let stamp = record.stamp();
        let mut devices = self.devices.values();
        stamp.deleted_at.is_some_and(|at| at < before)
            && !devices.any(|device| device.last_seen_at >= before && device.position < stamp.seq)
    }

    fn texts_to_erase(&self, user: UserId, before: Timestamp, left: &mut usize) -> TextsToErase {
        let is_old = |stamp: &Stamp| stamp.deleted_at.is_some_and(|at| at < before);
        let with_notes = self.entries.values().filter(|it| it.details.has_texts());
        let old = with_notes.filter(|entry| {
            let habit = self.habits.get(&entry.details.habit_id);
            is_old(&entry.stamp) || habit.is_some_and(|habit| is_old(&habit.stamp))
        });
        let entries: BTreeSet<_> = old.map(|entry| entry.id).take(*left).collect();
        *left -= entries.len();
        // Habits last, and only if there is room: then no entry is left out.
        let habits = self.habits.values();
        let habits = habits.filter(|it| it.details.has_texts() && is_old(&it.stamp));
        let habits: BTreeSet<_> = habits.map(|habit| habit.id).take(*left).collect();
        *left -= habits.len();
        TextsToErase {
            user,
            habits,
            entries,
        }
    }

    fn purge(&mut self, tombstone: &Record) {
        // Entries of a purged habit are removed with it, live ones included: they are invisible
        // without it.
        match tombstone {
            Record::Habit(habit) => {
                self.entries
                    .retain(|_, entry| entry.details.habit_id != habit.id);
                self.habits.remove(&habit.id);
                self.purged_habits.insert(habit.id);
            }
            Record::Entry(entry) => {
                self.entries.remove(&entry.id);
                self.purged_entries.insert(entry.id);
            }
        }
        let stamp = tombstone.stamp();
        // Tombstones are purged by age, not by position, so the floor takes the maximum.
        if self.head.floor.seq < stamp.seq {
            self.head.floor = Floor {
                seq: stamp.seq,
                at: stamp.updated_at,
            };
        }
    }
}
