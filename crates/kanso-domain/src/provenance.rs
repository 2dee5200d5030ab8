//! Provenance: the device and the version of the last edit of each field of a record.

use crate::{DeviceId, Version};

/// A set of fields of a record. Fields are numbered from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct FieldSet(u16);

impl FieldSet {
    /// The empty set.
    pub const EMPTY: Self = Self(0);

    /// Returns the fields below `count` for which `contains` is true.
    pub fn of(count: usize, contains: impl Fn(usize) -> bool) -> Self {
        let fields = (0..count).filter(|&field| contains(field));
        fields.fold(Self::EMPTY, Self::with)
    }

    /// Returns this set with `field` added.
    #[must_use]
    pub const fn with(self, field: usize) -> Self {
        Self(self.0 | 1 << field)
    }

    /// Returns true if the set has `field`.
    pub const fn contains(self, field: usize) -> bool {
        self.0 & (1 << field) != 0
    }

    /// Returns the fields that are in both sets.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Returns true if the set has no field.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// The newest edit of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldEdit {
    /// Version of the record after the edit.
    pub version: Version,
    /// Device that made the edit, if it is known.
    pub device: Option<DeviceId>,
}

/// The newest edit of a record of `N` fields, and the newest edit of each field.
///
/// The server keeps this so that edits of different fields by two devices can both be applied. An
/// edit that builds on an older version clashes only with the fields that another device edited
/// after that version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provenance<const N: usize> {
    device: Option<DeviceId>,
    fields: Fields<N>,
}

/// The newest edits of the fields, by field number.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Fields<const N: usize> {
    /// The last edit touched every field. This is true for most records, because they are never
    /// edited after their creation. They need one version instead of a table of `N` edits.
    Alike(Version),
    /// The fields were edited separately.
    Apart(Box<[FieldEdit; N]>),
}

impl<const N: usize> Provenance<N> {
    /// Returns the provenance of a record in which `device` edited every field at `version`, its
    /// newest version.
    pub const fn at(version: Version, device: Option<DeviceId>) -> Self {
        let fields = Fields::Alike(version);
        Self { device, fields }
    }

    /// Returns the provenance of a record with separate edits of its fields.
    ///
    /// `device` made the newest edit of the record.
    pub fn apart(device: Option<DeviceId>, fields: [FieldEdit; N]) -> Self {
        let fields = Fields::Apart(Box::new(fields));
        Self { device, fields }
    }

    /// Returns the device of the newest edit, if it is known.
    pub const fn device(&self) -> Option<DeviceId> {
        self.device
    }

    /// Returns the newest edit of each field by number, or `None` if the last edit touched every
    /// field.
    pub fn fields_apart(&self) -> Option<&[FieldEdit; N]> {
        match &self.fields {
            Fields::Alike(_) => None,
            Fields::Apart(fields) => Some(fields),
        }
    }

    /// Returns the provenance after `device` edited `fields` and so made `version`.
    #[must_use]
    pub fn edited(self, fields: FieldSet, version: Version, device: Option<DeviceId>) -> Self {
        let newest = FieldEdit { version, device };
        // A new table even if only one field changes: fields that were alike until now get
        // different versions.
        let edit = |field| {
            if fields.contains(field) {
                newest
            } else {
                self.edit(field)
            }
        };
        Self::apart(device, std::array::from_fn(edit))
    }

    /// Returns the provenance after `device` added to the values of `fields` and so made `version`.
    ///
    /// An increment applies to every value, so the device need not have seen the value before it.
    /// If another device wrote that value, the field must not become this device's own: a later
    /// edit that this device bases on an older version still clashes. The same holds for a value that
    /// a copy of this device wrote: `has_seen` is true for the versions whose edit `device` knows if it
    /// made the edit. The device of such a field becomes unknown.
    #[must_use]
    pub fn added_to(
        self,
        fields: FieldSet,
        version: Version,
        device: Option<DeviceId>,
        has_seen: impl Fn(Version) -> bool,
    ) -> Self {
        let edit = |field| {
            let before = self.edit(field);
            if fields.contains(field) {
                // The field keeps its device only if the incrementing device also made the edit
                // before, and knows it.
                let device = device.filter(|_| before.device == device && has_seen(before.version));
                FieldEdit { version, device }
            } else {
                before
            }
        };
        Self::apart(device, std::array::from_fn(edit))
    }

    /// Returns the fields that were edited after `version` and whose edit `device` does not know.
    ///
    /// A device knows an edit if it made the edit and `has_seen` is true for the edit's version. The
    /// id alone is not enough, since copies of one replica share it. An unknown device counts as
    /// another device, on both sides: without a `device_id` a client cannot prove that an edit is
    /// its own.
    pub fn edited_by_others(
        &self,
        version: Version,
        device: Option<DeviceId>,
        has_seen: impl Fn(Version) -> bool,
    ) -> FieldSet {
        FieldSet::of(N, |field| {
            let edit = self.edit(field);
            let is_own = device.is_some() && edit.device == device && has_seen(edit.version);
            edit.version > version && !is_own
        })
    }

    /// Returns the fields without an edit after `version`.
    pub fn unedited_since(&self, version: Version) -> FieldSet {
        FieldSet::of(N, |field| self.edit(field).version <= version)
    }

    /// Returns the newest edit of `field`.
    fn edit(&self, field: usize) -> FieldEdit {
        match &self.fields {
            Fields::Alike(version) => FieldEdit {
                version: *version,
                device: self.device,
            },
            Fields::Apart(fields) => fields[field],
        }
    }
}

impl<const N: usize> Default for Provenance<N> {
    fn default() -> Self {
        Self::at(Version::FIRST, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn version(number: i64) -> Version {
        Version::new(number).expect("positive")
    }

    fn device(number: u128) -> DeviceId {
        DeviceId::new(Uuid::from_u128(number))
    }

    #[test]
    fn an_increment_does_not_take_over_a_field() {
        let value = FieldSet::EMPTY.with(0);
        let (phone, tablet) = (Some(device(1)), Some(device(2)));
        let seen = |_| true;
        let mine = Provenance::<1>::at(version(1), phone).added_to(value, version(2), phone, seen);
        assert!(
            mine.edited_by_others(version(1), phone, |_| true)
                .is_empty()
        );
        let theirs = Provenance::<1>::at(version(1), tablet);
        let copy = Provenance::<1>::at(version(1), phone);
        for unknown in [
            theirs.added_to(value, version(2), phone, seen),
            copy.added_to(value, version(2), phone, |_| false),
        ] {
            assert_eq!(unknown.device(), phone);
            assert_eq!(unknown.edited_by_others(version(1), phone, seen), value);
            assert_eq!(unknown.edited_by_others(version(1), tablet, seen), value);
        }
    }

    #[test]
    fn a_field_remembers_its_newest_edit() {
        let title = FieldSet::EMPTY.with(0);
        let both = title.with(2);
        let provenance = Provenance::<3>::default()
            .edited(title, version(2), Some(device(1)))
            .edited(both, version(3), Some(device(2)))
            .edited(FieldSet::EMPTY, version(4), Some(device(1)));
        let edits = provenance.fields_apart().expect("edited one by one");
        let versions = edits.map(|edit| edit.version);
        assert_eq!(versions, [3, 1, 3].map(version));
        assert_eq!(provenance.device(), Some(device(1)));
        assert_eq!(
            provenance.edited_by_others(version(2), Some(device(1)), |_| true),
            both
        );
        assert_eq!(
            provenance.edited_by_others(version(2), None, |_| true),
            both
        );
        let none = FieldSet::EMPTY;
        assert_eq!(
            provenance.edited_by_others(version(2), Some(device(2)), |_| true),
            none
        );
        assert_eq!(
            provenance.edited_by_others(version(3), Some(device(1)), |_| true),
            none
        );
        assert_eq!(provenance.unedited_since(version(2)), none.with(1));
    }
}
