//! Bugs of writes: what is decided on, and what of the decision is stored.

use std::sync::{Arc, Mutex, PoisonError};

use kanso_application::ports::storage::{Decide, StorageError, WriteOutcome};
use kanso_domain::record::Provenance;
use kanso_domain::sync::{Changeset, CursorRefusal, Floor, LoadSet, Loaded, OperationOutcome};
use kanso_domain::{UserId, Version};

use super::{Bug, Planted};

impl Planted {
    pub(super) async fn spoilt_write(
        &self,
        user: UserId,
        keys: LoadSet,
        decide: Decide,
    ) -> Result<WriteOutcome, StorageError> {
        if self.strikes(Bug::AckBeforeCommit, 4) {
            return self.forgotten_write(user, keys, decide).await;
        }
        let (bug, fate) = (self.bug, self.chance.between(0, 99));
        let first_epoch = self.first_epoch(user).await?;
        let spoilt: Decide = Arc::new(move |mut current: Loaded| {
            if let Some(epoch) = first_epoch {
                current.head.epoch = epoch;
            }
            spoil_current(bug, &mut current);
            let before = current.clone();
            let mut changeset = decide(current)?;
            spoil_changeset(bug, fate, &before, &mut changeset);
            Ok(changeset)
        });
        let written = self.inner.write(user, keys, spoilt).await?;
        if let WriteOutcome::Committed(changeset) = &written {
            self.note(user, changeset);
        }
        Ok(written)
    }

    /// Answers with what would have been stored.
    async fn forgotten_write(
        &self,
        user: UserId,
        keys: LoadSet,
        decide: Decide,
    ) -> Result<WriteOutcome, StorageError> {
        let kept: Arc<Mutex<Option<Changeset>>> = Arc::default();
        let keep = Arc::clone(&kept);
        let capture: Decide = Arc::new(move |current: Loaded| {
            let changeset = decide(current)?;
            *keep.lock().unwrap_or_else(PoisonError::into_inner) = Some(changeset);
            // Refused, so that nothing is stored.
            Err(CursorRefusal::Ahead)
        });
        let written = self.inner.write(user, keys, capture).await?;
        let kept = kept.lock().unwrap_or_else(PoisonError::into_inner).take();
        Ok(kept.map_or(written, WriteOutcome::Committed))
    }

    fn note(&self, user: UserId, changeset: &Changeset) {
        if self.strikes(Bug::CursorWithoutLock, 30) {
            let until = tokio::time::Instant::now() + std::time::Duration::from_millis(1_500);
            let saved = changeset.habits.iter().map(|save| save.record.stamp.seq);
            let saved = saved.chain(changeset.entries.iter().map(|save| save.record.stamp.seq));
            let mut memory = self.memory();
            memory.hidden.extend(saved.map(|seq| ((user, seq), until)));
        }
        if self.bug == Bug::ReviveWithoutEntries {
            let revived = changeset
                .habits
                .iter()
                .any(|save| save.replaces.is_some() && !save.record.stamp.is_deleted());
            if revived && changeset.entries.len() > 1 {
                let saved = changeset.entries.iter().map(|save| save.record.stamp.seq);
                self.memory().unsent.extend(saved.map(|seq| (user, seq)));
            }
        }
    }
}

fn spoil_current(bug: Bug, current: &mut Loaded) {
    match bug {
        Bug::RetryAppliedTwice => current.receipts.clear(),
        Bug::PurgeWithoutFloor => current.head.floor = Floor::NONE,
        Bug::Resurrected => {
            for habit in current.habits.values_mut() {
                habit.stamp.deleted_at = None;
            }
            for entry in current.entries.values_mut() {
                entry.stamp.deleted_at = None;
            }
        }
        Bug::ClashOverlooked => {
            for habit in current.habits.values_mut() {
                habit.provenance = Provenance::at(Version::FIRST, None);
            }
            for entry in current.entries.values_mut() {
                entry.provenance = Provenance::at(Version::FIRST, None);
            }
        }
        _ => {}
    }
}

fn spoil_changeset(bug: Bug, fate: u64, before: &Loaded, changeset: &mut Changeset) {
    match bug {
        // Those that are stored already keep their rows.
        Bug::RetryAppliedTwice | Bug::ReceiptApart
            if bug == Bug::RetryAppliedTwice || fate < 15 =>
        {
            changeset.receipts.clear();
        }
        Bug::StreakJobDropped if fate < 50 => changeset.stale_streaks.clear(),
        Bug::HalfAGroup if changeset.outcomes.len() > 1 && changeset.entries.len() > 1 => {
            changeset.entries.pop();
        }
        Bug::EntryNotStored if fate < 15 => {
            let created = changeset
                .entries
                .iter()
                .position(|save| save.replaces.is_none());
            if let Some(place) = created {
                changeset.entries.remove(place);
            }
        }
        Bug::IncrementOverwrites => {
            for save in &mut changeset.entries {
                let stored = before.entries.get(&save.record.id);
                let is_same = |stored: &kanso_domain::entries::Entry| {
                    stored.details.notes == save.record.details.notes
                        && stored.details.value != save.record.details.value
                };
                if let Some(stored) = stored.filter(|stored| fate < 50 && is_same(stored)) {
                    save.record.details.value = stored.details.value;
                }
            }
        }
        Bug::DeleteDropped if fate < 30 => {
            for outcome in &changeset.outcomes {
                if let OperationOutcome::Applied(kanso_domain::Record::Entry(entry)) = outcome
                    && entry.stamp.is_deleted()
                {
                    changeset.entries.retain(|save| save.record.id != entry.id);
                }
            }
        }
        _ => {}
    }
}
