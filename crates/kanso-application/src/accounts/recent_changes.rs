//! The recent changes of passwords, to recognise a retry.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use kanso_domain::accounts::PasswordHash;
use kanso_domain::{SessionId, Timestamp};

/// Most changes that are remembered, about 200 bytes each. Beyond it the oldest is forgotten.
const CAPACITY: usize = 1_000;

/// Seconds for which a change may be retried. A client that lost an answer retries within seconds.
const RETRY_SECONDS: i64 = 600;

/// The last changes of passwords on this server.
///
/// They are not stored: a retry that comes after a restart, or to another server, is refused like a
/// wrong password, and the change has its effect all the same.
#[derive(Debug, Default)]
pub(super) struct RecentChanges(Mutex<VecDeque<RecentChange>>);

#[derive(Debug)]
struct RecentChange {
    session: SessionId,
    replaced: PasswordHash,
    at: Timestamp,
}

impl RecentChanges {
    /// Records that `session` replaced a hash.
    pub(super) fn record(&self, session: SessionId, replaced: PasswordHash, at: Timestamp) {
        let mut changes = self.changes();
        changes.retain(|change| change.session != session);
        while changes.len() >= CAPACITY {
            changes.pop_front();
        }
        changes.push_back(RecentChange {
            session,
            replaced,
            at,
        });
    }

    /// Returns the hash that `session` replaced last, if that was not long before `now`.
    pub(super) fn replaced_by(&self, session: SessionId, now: Timestamp) -> Option<PasswordHash> {
        let mut changes = self.changes();
        changes.retain(|change| now < change.at.plus_seconds(RETRY_SECONDS));
        let change = changes.iter().find(|change| change.session == session);
        change.map(|change| change.replaced.clone())
    }

    fn changes(&self) -> MutexGuard<'_, VecDeque<RecentChange>> {
        // Every change is a single step, so a poisoned lock guards a consistent list.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn the_last_changes_are_remembered_for_a_while() {
        let changes = RecentChanges::default();
        let session = |number: usize| SessionId::new(Uuid::from_u128(number as u128));
        let at = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000).expect("in range");
        let hash = |number: usize| PasswordHash::new(number.to_string());
        for number in 0..=CAPACITY {
            changes.record(session(number), hash(number), at(0));
        }
        changes.record(session(1), hash(7), at(100));
        for (number, now, expected) in [
            (0, 0, None),
            (1, 0, Some(hash(7))),
            (2, 599, Some(hash(2))),
            (2, 600, None),
            (1, 600, Some(hash(7))),
        ] {
            assert_eq!(changes.replaced_by(session(number), at(now)), expected);
        }
    }
}
