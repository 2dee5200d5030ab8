//! The newest history that this process has seen.
//!
//! After a failover the old primary may come back and accept writes: nothing tells it that a standby
//! was promoted. Its timeline is lower than that of the new primary, so a process that has seen the
//! new one never uses the old one again.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use kanso_domain::sync::Epoch;

use crate::witness::Witness;

/// The newest history that this process has seen. All connections of a process share it.
#[derive(Debug, Default)]
pub(crate) struct NewestHistory(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    is_known: bool,
    /// Highest timeline of each cluster.
    timelines: HashMap<String, u32>,
    /// Epoch of the connection that was admitted last.
    epoch: Option<Epoch>,
    /// Old primaries that the log already named.
    reported: HashSet<(String, u32)>,
}

impl NewestHistory {
    /// Returns true until the first history was noted.
    pub(crate) fn is_unknown(&self) -> bool {
        !self.seen().is_known
    }

    /// Notes the history of a connection.
    pub(crate) fn note(&self, witness: &Witness) {
        self.seen().note(witness);
    }

    /// Returns the timeline that makes this one an old primary; none if it is the newest.
    pub(crate) fn replaces(&self, witness: &Witness) -> Option<u32> {
        let timeline = witness.timeline?;
        let newest = *self.seen().timelines.get(witness.cluster.as_ref()?)?;
        (newest > timeline).then_some(newest)
    }

    /// Returns true the first time that it is called for a history. An outage opens many connections,
    /// and one line in the log is enough for all of them.
    pub(crate) fn is_first_report(&self, witness: &Witness) -> bool {
        let (Some(cluster), Some(timeline)) = (&witness.cluster, witness.timeline) else {
            return false;
        };
        self.seen().reported.insert((cluster.clone(), timeline))
    }

    /// Makes the history of a new connection the one that is used. Returns false if it was replaced by
    /// now; then the connection must not be used.
    pub(crate) fn admit(&self, witness: &Witness, epoch: Epoch) -> bool {
        let mut seen = self.seen();
        let is_newest = seen.note(witness);
        if is_newest {
            seen.epoch = Some(epoch);
        }
        is_newest
    }

    /// Returns true while connections with this epoch may be used.
    pub(crate) fn is(&self, epoch: Epoch) -> bool {
        self.seen().epoch == Some(epoch)
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    /// Returns false if the cluster has a higher timeline.
    fn note(&mut self, witness: &Witness) -> bool {
        self.is_known = true;
        let (Some(cluster), Some(timeline)) = (&witness.cluster, witness.timeline) else {
            return true;
        };
        let newest = self.timelines.entry(cluster.clone()).or_insert(timeline);
        *newest = timeline.max(*newest);
        *newest == timeline
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn witness(cluster: &str, timeline: u32) -> Witness {
        Witness {
            cluster: Some(cluster.to_owned()),
            timeline: Some(timeline),
            ..Witness::default()
        }
    }

    #[test]
    fn a_lower_timeline_of_the_same_cluster_is_an_old_primary() {
        let newest = NewestHistory::default();
        assert!(newest.is_unknown());
        assert!(newest.admit(&witness("a", 1), Epoch::new(1)));
        assert!(newest.admit(&witness("a", 2), Epoch::new(2)));
        assert_eq!(newest.replaces(&witness("a", 1)), Some(2));
        assert!(newest.is_first_report(&witness("a", 1)));
        assert!(!newest.is_first_report(&witness("a", 1)));
        assert!(!newest.admit(&witness("a", 1), Epoch::new(1)));
        assert!(newest.is(Epoch::new(2)) && !newest.is(Epoch::new(1)));
    }

    #[test]
    fn another_cluster_is_not_compared() {
        let newest = NewestHistory::default();
        assert!(newest.admit(&witness("a", 2), Epoch::new(1)));
        assert!(newest.admit(&witness("b", 1), Epoch::new(2)));
        assert_eq!(newest.replaces(&witness("a", 1)), Some(2));
        assert!(newest.is(Epoch::new(2)));
    }

    #[test]
    fn an_unreadable_timeline_is_admitted() {
        let newest = NewestHistory::default();
        assert!(newest.admit(&witness("a", 2), Epoch::new(1)));
        assert!(newest.admit(&Witness::default(), Epoch::new(2)));
        assert!(newest.is(Epoch::new(2)));
    }
}
