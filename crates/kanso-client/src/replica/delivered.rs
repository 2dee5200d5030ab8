//! The states in which a record of the mirror was delivered.
//!
//! After a restore, the server's history is the same as before up to `history_start`, and another one
//! after it. The newest state up to there is the one that both histories have: what this device read
//! later was lost. The list says which version that state had, and which members changed since. So an
//! offer to the server has only these members and builds on that version, and the server finds those
//! that another device has edited in the new history.

use std::collections::BTreeSet;

use kanso_domain::{Seq, Version};
use rusqlite::{Connection, params};
use serde_json::{Map, Value};

use super::{RecordKey, ReplicaError};

/// Largest number of earlier states that are kept for a record.
//
// The list is stored with every record, so it has to be short. A state is missing only if a record
// was edited more often than this since the backup; then an offer may become a conflict.
const MAX_EARLIER: usize = 16;

/// An earlier state of a record: its position, its version, and the members that the state after it
/// changed.
type EarlierState = (i64, i64, BTreeSet<String>);

/// The states in which a record was delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DeliveredStates {
    /// Position and version of the present state.
    newest: (i64, i64),
    /// Earlier states, newest first.
    earlier: Vec<EarlierState>,
}

/// The newest state of a record that two histories share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SharedState {
    pub(super) version: Version,
    /// Members that changed after it in the history that this device has read.
    pub(super) changed_since: BTreeSet<String>,
}

impl DeliveredStates {
    /// Returns the state `newest`, and the earlier ones of a stored list.
    pub(super) fn of(newest: (i64, i64), earlier: Option<&str>) -> Self {
        // An unreadable list counts as empty. Then the shared state is unknown, and an offer builds
        // on the first version. That can only make more conflicts.
        let earlier = earlier.and_then(|text| serde_json::from_str(text).ok());
        Self {
            newest,
            earlier: earlier.unwrap_or_default(),
        }
    }

    /// Reads the states of a record of the mirror; `newest` is its position and version.
    pub(super) fn read(
        connection: &Connection,
        key: RecordKey,
        newest: (i64, i64),
    ) -> Result<Self, ReplicaError> {
        let sql = "SELECT earlier FROM base WHERE entity = ?1 AND id = ?2";
        let earlier: Option<String> = connection
            .prepare_cached(sql)?
            .query_row(params![key.entity.as_str(), key.id], |row| row.get(0))?;
        Ok(Self::of(newest, earlier.as_deref()))
    }

    /// Returns the newest state up to `at`; `None` if none was delivered.
    ///
    /// A state between two deliveries is not known. The older delivery counts for it, so the result
    /// may be older than the truth, never newer.
    pub(super) fn shared_up_to(&self, at: Seq) -> Option<SharedState> {
        let mut changed_since = BTreeSet::new();
        let (mut seq, mut version) = self.newest;
        let mut earlier = self.earlier.iter();
        while seq > at.get() {
            let (older, its_version, changed) = earlier.next()?;
            changed_since.extend(changed.iter().cloned());
            (seq, version) = (*older, *its_version);
        }
        Some(SharedState {
            version: Version::new(version)?,
            changed_since,
        })
    }

    /// Returns the list to store with the state with the members `new`, which follows on `old`.
    fn followed_by(
        mut self,
        old: &Map<String, Value>,
        new: Map<String, Value>,
    ) -> Vec<EarlierState> {
        let changed = new
            .into_iter()
            .filter(|(name, value)| old.get(name) != Some(value));
        let changed: BTreeSet<_> = changed.map(|(name, _)| name).collect();
        let (seq, version) = self.newest;
        match self.earlier.first_mut() {
            // A new streak moves a habit to another position without a new version. The older
            // position says where the version began.
            Some((_, same, later)) if *same == version => later.extend(changed),
            _ => self.earlier.insert(0, (seq, version, changed)),
        }
        self.earlier.truncate(MAX_EARLIER);
        self.earlier
    }

    /// Stores the states before the one with the members `new`, which has just replaced `old`.
    pub(super) fn store(
        self,
        connection: &Connection,
        key: RecordKey,
        old: &Map<String, Value>,
        new: Map<String, Value>,
    ) -> Result<(), ReplicaError> {
        let earlier = self.followed_by(old, new);
        let earlier = serde_json::to_string(&earlier).map_err(ReplicaError::damaged)?;
        connection
            .prepare_cached("UPDATE base SET earlier = ?3 WHERE entity = ?1 AND id = ?2")?
            .execute(params![key.entity.as_str(), key.id, earlier])?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seq: i64) -> Seq {
        Seq::new(seq).expect("not negative")
    }

    #[test]
    fn shared_state_is_the_newest_one_up_to_the_position() {
        let stored = r#"[[7,3,["title"]],[2,1,["color","title"]]]"#;
        let states = DeliveredStates::of((9, 4), Some(stored));
        for (seq, expected) in [
            (1, None),
            (2, Some((1, vec!["color", "title"]))),
            (6, Some((1, vec!["color", "title"]))),
            (7, Some((3, vec!["title"]))),
            (9, Some((4, vec![]))),
        ] {
            let shared = states.shared_up_to(at(seq));
            let shared = shared.map(|it| (it.version.get(), Vec::from_iter(it.changed_since)));
            let expected = expected
                .map(|(version, names)| (version, names.into_iter().map(str::to_owned).collect()));
            assert_eq!(shared, expected, "up to {seq}");
        }
    }

    #[test]
    fn unreadable_list_counts_as_empty() {
        let states = DeliveredStates::of((9, 4), Some("damaged"));
        assert_eq!(states, DeliveredStates::of((9, 4), None));
        assert_eq!(states.shared_up_to(at(8)), None);
    }
}
