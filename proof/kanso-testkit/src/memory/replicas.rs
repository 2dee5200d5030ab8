//! Snapshots and comparisons in memory.

use std::collections::BTreeMap;

use kanso_application::ports::storage::{Comparison, SnapshotPart, SnapshotPiece, SnapshotQuery};
use kanso_domain::sync::Buckets;
use kanso_domain::{Entity, Record};

use super::UserData;

impl UserData {
    pub(super) fn snapshot(&self, query: SnapshotQuery) -> SnapshotPiece {
        let mut records = match query.part {
            SnapshotPart::Habits => self.live(Entity::Habit),
            SnapshotPart::EntriesSince(_) | SnapshotPart::EntriesBefore(_) => {
                self.live(Entity::Entry)
            }
        };
        records.retain(|record| match (record, query.part) {
            (Record::Entry(entry), SnapshotPart::EntriesSince(day)) => {
                entry.details.local_date >= day
            }
            (Record::Entry(entry), SnapshotPart::EntriesBefore(day)) => {
                entry.details.local_date < day
            }
            _ => true,
        });
        // Pages by id: records that change during a snapshot keep their place.
        records.retain(|record| query.after.is_none_or(|after| record.id() > after));
        records.truncate(query.limit.try_into().unwrap());
        SnapshotPiece {
            head: self.head,
            records,
        }
    }

    pub(super) fn compare(&self, replica: &Buckets, limit: u32) -> Comparison {
        let mut ours = Buckets::empty();
        let mut held: BTreeMap<u8, Vec<Record>> = BTreeMap::new();
        let live = [Entity::Habit, Entity::Entry].map(|entity| self.live(entity));
        for record in live.into_iter().flatten() {
            let id = record.id().as_u128();
            ours.add(record.entity(), id, record.stamp().version);
            held.entry(Buckets::place(id)).or_default().push(record);
        }
        // Buckets are sums of hashes, so equal buckets hold the same records with the same
        // versions.
        let differing = ours.differing(replica);
        let mut stored = BTreeMap::new();
        let mut left = usize::try_from(limit).unwrap();
        // At least one bucket is returned, even above the limit, or a large bucket would never be
        // repaired.
        for &place in &differing {
            let records = held.remove(&place).unwrap_or_default();
            if !stored.is_empty() && records.len() > left {
                break;
            }
            left = left.saturating_sub(records.len());
            stored.insert(place, records);
        }
        Comparison {
            head: self.head,
            differing,
            stored,
        }
    }

    /// Returns the live records of a kind, by id.
    fn live(&self, entity: Entity) -> Vec<Record> {
        match entity {
            Entity::Habit => {
                let habits = self.habits.values();
                let live = habits.filter(|habit| !habit.stamp.is_deleted());
                live.cloned().map(Record::Habit).collect()
            }
            Entity::Entry => {
                let shown = self.entries.values().filter(|entry| self.shows(entry));
                shown.cloned().map(Record::Entry).collect()
            }
        }
    }
}
