//! Security events in memory.

use std::cmp::Reverse;

use kanso_application::ports::storage::StorageError;
use kanso_domain::events::SecurityEvent;
use kanso_domain::{Timestamp, UserId};
use uuid::Uuid;

use super::MemoryStorage;

impl MemoryStorage {
    pub(super) fn keep_events(
        &self,
        events: Vec<SecurityEvent>,
        most: u32,
    ) -> Result<(), StorageError> {
        self.with(|state| {
            for event in events {
                let Some(data) = state.users.get_mut(&event.user_id) else {
                    continue;
                };
                if data.events.iter().any(|other| other.id == event.id) {
                    continue;
                }
                data.events.push(event);
                data.events
                    .sort_by_key(|event| Reverse((event.at, event.id)));
                // Attempts and other events are bounded separately.
                for is_attempt in [true, false] {
                    let mut kept = 0;
                    data.events.retain(|event| {
                        let counts = event.kind.is_attempt() == is_attempt;
                        kept += u32::from(counts);
                        !counts || kept <= most
                    });
                }
            }
        })
    }

    pub(super) fn list_events(
        &self,
        user: UserId,
        before: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<SecurityEvent>, StorageError> {
        let listed = self.with_user(user, |data| {
            let place = |id| data.events.iter().position(|event| event.id == id);
            let start = match before {
                None => 0,
                Some(id) => place(id).map_or(data.events.len(), |place| place + 1),
            };
            let limit = usize::try_from(limit).unwrap();
            let listed = data.events[start..].iter().take(limit);
            listed.copied().collect()
        })?;
        Ok(listed.unwrap_or_default())
    }

    pub(super) fn drop_events(&self, before: Timestamp, limit: u32) -> Result<u32, StorageError> {
        self.with(|state| {
            let users = state.users.iter();
            let events = users.flat_map(|(_, data)| data.events.iter().copied());
            let mut old: Vec<_> = events.filter(|event| event.at < before).collect();
            old.sort_by_key(|event| (event.at, event.user_id, event.id));
            old.truncate(limit.try_into().unwrap());
            for event in &old {
                let data = state.users.get_mut(&event.user_id).unwrap();
                data.events.retain(|other| other.id != event.id);
            }
            old.len().try_into().unwrap()
        })
    }
}
