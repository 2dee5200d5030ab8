//! Giving a record back to a server that runs on a backup.

use super::{FIELDS, ModelChange, Row, SyncBug};

/// A base that no record reaches: every field that differs is a conflict.
const UNREACHED: u8 = u8::MAX;

/// An earlier state in which a record was delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EarlierState {
    seq: u8,
    version: u8,
    fields: [u8; FIELDS],
}

impl EarlierState {
    /// Returns the state of a row.
    pub(super) const fn of(row: &Row) -> Self {
        Self {
            seq: row.seq,
            version: row.version,
            fields: row.fields,
        }
    }
}

/// A record of the replica that the server may have lost changes of.
pub(super) struct LostRecord<'a> {
    pub(super) held: Row,
    /// The record that the server has now.
    pub(super) stored: Option<Row>,
    /// Newest position that both histories have.
    pub(super) history_start: u8,
    pub(super) earlier: &'a [EarlierState],
}

/// The operation that gives a record back, with the texts that it sets.
type Offer = (ModelChange, [Option<u8>; FIELDS]);

/// The offer, and the base of the edits that wait; `None` to leave it.
pub(super) struct GiveBack {
    pub(super) offer: Option<Offer>,
    pub(super) base: Option<u8>,
}

impl GiveBack {
    const fn nothing(base: Option<u8>) -> Self {
        Self { offer: None, base }
    }
}

impl LostRecord<'_> {
    /// Decides what is given back.
    pub(super) fn give_back(&self, bug: Option<SyncBug>) -> GiveBack {
        let held = self.held;
        let Some(stored) = self.stored else {
            let fields = held.fields.map(Some);
            return GiveBack {
                offer: Some((ModelChange::Create, fields)),
                base: Some(1),
            };
        };
        if held.fields == stored.fields {
            return GiveBack::nothing(Some(stored.version));
        }
        if bug == Some(SyncBug::HistoriesCompared) {
            return self.by_versions(stored);
        }
        // Versions and times after the shared part are numbers of different histories.
        if held.seq <= self.history_start {
            return GiveBack::nothing(None);
        }
        if stored.created_by != held.created_by {
            // Another device gave it back in the state that it had read.
            return if held.version == 1 {
                GiveBack::nothing(Some(UNREACHED))
            } else {
                self.update(stored, UNREACHED, true, |_| true)
            };
        }
        if stored.seq <= self.history_start {
            return self.update(stored, stored.version, false, |_| true);
        }
        let shared = self
            .earlier
            .iter()
            .rposition(|it| it.seq <= self.history_start);
        let Some(shared) = shared else {
            return self.update(stored, 1, false, |_| true);
        };
        let states = &self.earlier[shared..];
        let after = states[1..].iter().map(|it| it.fields);
        let after: Vec<_> = after.chain([held.fields]).collect();
        // The other fields differ because another device edited them in the new history.
        let is_changed = |field: usize| {
            let before = states.iter().map(|it| it.fields);
            before
                .zip(&after)
                .any(|(old, new)| old[field] != new[field])
        };
        self.update(stored, states[0].version, false, is_changed)
    }

    /// Offers the fields that differ, of those for which `is_lost` is true.
    fn update(
        &self,
        stored: Row,
        base: u8,
        is_strict: bool,
        is_lost: impl Fn(usize) -> bool,
    ) -> GiveBack {
        let held = self.held.fields;
        let is_offered = |field: usize| held[field] != stored.fields[field] && is_lost(field);
        let fields: [_; FIELDS] =
            std::array::from_fn(|field| is_offered(field).then_some(held[field]));
        let is_offer = fields.iter().any(Option::is_some);
        GiveBack {
            offer: is_offer.then_some((ModelChange::Edit { base, is_strict }, fields)),
            base: Some(base),
        }
    }

    /// The rule of release 0.1.0, which compared the versions of two histories.
    fn by_versions(&self, stored: Row) -> GiveBack {
        if self.held.version <= stored.version {
            return GiveBack::nothing(Some(stored.version));
        }
        // A record that was written after the restore wins.
        let is_strict = stored.written_in > self.held.written_in;
        let base = if is_strict {
            self.held.version
        } else {
            stored.version
        };
        self.update(stored, base, is_strict, |_| true)
    }
}
