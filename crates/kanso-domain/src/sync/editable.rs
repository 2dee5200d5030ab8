//! The effect of an edit on a record of either kind.

use jiff::civil::Date;

use super::{Rejection, Usage};
use crate::calendar::Today;
use crate::entries::{Entry, EntryField, EntryFields};
use crate::habits::{Habit, HabitField, HabitFields};
use crate::record::{FieldSet, Member, Provenance, Stamp};
use crate::{DeviceId, Record, Version};

/// The circumstances that decide on the effect of an edit.
#[derive(Clone, Copy)]
pub(super) struct EditContext<'a> {
    pub(super) today: Today<'a>,
    /// Day of the first live entry of a habit, if the edit can depend on it.
    pub(super) first_entry: Option<Date>,
}

/// A kind of record that operations create, update and delete.
pub(super) trait Editable: Clone {
    type Fields;

    fn with_details_of(
        &self,
        fields: &Self::Fields,
        context: EditContext<'_>,
    ) -> Result<Self, Rejection>;
    /// Returns this record with the details of `other`.
    fn with_details(&self, other: &Self) -> Self;
    /// Returns the fields in which the two records differ.
    fn differing(&self, other: &Self) -> FieldSet;
    /// Returns the fields that were edited after `version` and whose edit `device` does not know
    /// ([`Provenance::edited_by_others`]).
    ///
    /// Edits of the current write are left out. `loaded` is the version of the record before the
    /// write.
    fn edited_by_others(
        &self,
        version: Version,
        device: Option<DeviceId>,
        loaded: Version,
        has_seen: impl Fn(Version) -> bool,
    ) -> FieldSet;
    /// Returns the members of a request that differ from this record, with the numbers of their
    /// fields.
    fn differing_members(&self, fields: &Self::Fields) -> Vec<(usize, Member)>;
    fn has_texts(&self) -> bool;
    fn without_texts(self) -> Self;
    fn stamp(&self) -> &Stamp;
    fn usage(&self) -> Usage;
    fn stamped(self, stamp: Stamp) -> Self;
    /// Returns this record with `device` as its creator.
    fn created_by(self, device: Option<DeviceId>) -> Self;
    /// Returns this record after `device` edited `fields`. Its stamp is already that of the edit.
    fn edited_by(self, device: Option<DeviceId>, fields: FieldSet) -> Self;
    /// Returns this record after `device` added to the values of `fields`. `has_seen` is true for the
    /// versions whose edit `device` knows if it made the edit.
    fn added_to_by(
        self,
        device: Option<DeviceId>,
        fields: FieldSet,
        has_seen: impl Fn(Version) -> bool,
    ) -> Self;
    fn record(self) -> Record;
}

macro_rules! editable {
    ($record:ident, $fields:ident, $field:ident, $usage:path,
     |$details:ident, $given:ident, $context:ident| $updated:expr) => {
        impl Editable for $record {
            type Fields = $fields;

            fn with_details_of(
                &self,
                $given: &$fields,
                $context: EditContext<'_>,
            ) -> Result<Self, Rejection> {
                let $details = &self.details;
                Ok(Self {
                    details: $updated?,
                    ..self.clone()
                })
            }

            fn with_details(&self, other: &Self) -> Self {
                Self {
                    details: other.details.clone(),
                    ..self.clone()
                }
            }

            fn differing(&self, other: &Self) -> FieldSet {
                self.details.differing(&other.details)
            }

            fn edited_by_others(
                &self,
                version: Version,
                device: Option<DeviceId>,
                loaded: Version,
                has_seen: impl Fn(Version) -> bool,
            ) -> FieldSet {
                let others = self.provenance.edited_by_others(version, device, has_seen);
                others.and(self.provenance.unedited_since(loaded))
            }

            fn differing_members(&self, fields: &$fields) -> Vec<(usize, Member)> {
                let named = fields.differing(&self.details).into_iter();
                named
                    .map(|(field, member)| (field as usize, member))
                    .collect()
            }

            fn has_texts(&self) -> bool {
                self.details.has_texts()
            }

            fn without_texts(self) -> Self {
                Self {
                    details: self.details.without_texts(),
                    ..self
                }
            }

            fn stamp(&self) -> &Stamp {
                &self.stamp
            }

            fn usage(&self) -> Usage {
                $usage(self)
            }

            fn stamped(self, stamp: Stamp) -> Self {
                Self { stamp, ..self }
            }

            fn created_by(self, device: Option<DeviceId>) -> Self {
                Self {
                    provenance: Provenance::<{ $field::COUNT }>::at(self.stamp.version, device),
                    ..self
                }
            }

            fn edited_by(self, device: Option<DeviceId>, fields: FieldSet) -> Self {
                let version = self.stamp.version;
                Self {
                    provenance: self.provenance.edited(fields, version, device),
                    ..self
                }
                .without_derived()
            }

            fn added_to_by(
                self,
                device: Option<DeviceId>,
                fields: FieldSet,
                has_seen: impl Fn(Version) -> bool,
            ) -> Self {
                let version = self.stamp.version;
                let provenance = self.provenance.added_to(fields, version, device, has_seen);
                Self { provenance, ..self }.without_derived()
            }

            fn record(self) -> Record {
                Record::$record(self)
            }
        }
    };
}

editable!(
    Habit,
    HabitFields,
    HabitField,
    Usage::of_habit,
    |details, fields, context| { details.updated(fields, context.today, context.first_entry) }
);
editable!(
    Entry,
    EntryFields,
    EntryField,
    Usage::of_entry,
    |details, fields, context| { details.updated(fields, context.today.settings) }
);

/// Values that are derived from a record. An edit makes them stale.
trait Derived {
    fn without_derived(self) -> Self;
}

impl Derived for Habit {
    // Only the day is cleared: the last values are shown until the new ones are computed.
    fn without_derived(mut self) -> Self {
        self.streak.day = None;
        self
    }
}

impl Derived for Entry {
    fn without_derived(self) -> Self {
        self
    }
}
