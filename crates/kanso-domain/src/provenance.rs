//! Who edited a record last, and who edited each of its fields, at which version.

use crate::{DeviceId, Version};

/// A set of the fields of a record, which are numbered from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct FieldSet(u16);

impl FieldSet {
    /// No field.
    pub const EMPTY: Self = Self(0);

    /// Those of `count` fields whose numbers `is_meant` says yes to.
    pub fn of(count: usize, is_meant: impl Fn(usize) -> bool) -> Self {
        let fields = (0..count).filter(|&field| is_meant(field));
        fields.fold(Self::EMPTY, Self::with)
    }

    /// This set and `field`.
    #[must_use]
    pub const fn with(self, field: usize) -> Self {
        Self(self.0 | 1 << field)
    }

    /// Whether `field` is among them.
    pub const fn contains(self, field: usize) -> bool {
        self.0 & (1 << field) != 0
    }

    /// The fields of both sets.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// The newest edit of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldEdit {
    /// The version of the record that it made.
    pub version: Version,
    /// The device that made it, where that is known.
    pub device: Option<DeviceId>,
}

/// Who edited a record of `N` fields last, and who edited each field, at which version. Kept by
/// the server, so that two people's edits of different fields can both stand: an edit that builds
/// on a version clashes only with fields that somebody else edited after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provenance<const N: usize> {
    device: Option<DeviceId>,
    fields: Fields<N>,
}

/// The newest edits of the fields, by their numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Fields<const N: usize> {
    /// The newest edit of the record was one of all of them: so it is of most records, for ever.
    Alike(Version),
    /// They were edited one by one.
    Apart(Box<[FieldEdit; N]>),
}

impl<const N: usize> Provenance<N> {
    /// Of a record all fields of which `device` edited at `version`, its newest.
    pub const fn at(version: Version, device: Option<DeviceId>) -> Self {
        let fields = Fields::Alike(version);
        Self { device, fields }
    }

    /// Of a record whose newest edit was by `device` and whose fields were edited one by one.
    pub fn apart(device: Option<DeviceId>, fields: [FieldEdit; N]) -> Self {
        let fields = Fields::Apart(Box::new(fields));
        Self { device, fields }
    }

    /// The device of the newest edit, where that is known.
    pub const fn device(&self) -> Option<DeviceId> {
        self.device
    }

    /// The newest edit of each field, by their numbers; none when the newest of the record was one
    /// of all fields.
    pub fn fields_apart(&self) -> Option<&[FieldEdit; N]> {
        match &self.fields {
            Fields::Alike(_) => None,
            Fields::Apart(fields) => Some(fields),
        }
    }

    /// After `device` made `version` by editing `fields`.
    #[must_use]
    pub fn edited(self, fields: FieldSet, version: Version, device: Option<DeviceId>) -> Self {
        let newest = FieldEdit { version, device };
        let edit = |field| {
            if fields.contains(field) {
                newest
            } else {
                self.edit(field)
            }
        };
        Self::apart(device, std::array::from_fn(edit))
    }

    /// After `device` made `version` by adding to `fields`, whatever was in them. That does not make
    /// them its own: what somebody else had written there, it need not have seen.
    #[must_use]
    pub fn added_to(self, fields: FieldSet, version: Version, device: Option<DeviceId>) -> Self {
        let edit = |field| {
            let before = self.edit(field);
            if fields.contains(field) {
                let device = device.filter(|_| before.device == device);
                FieldEdit { version, device }
            } else {
                before
            }
        };
        Self::apart(device, std::array::from_fn(edit))
    }

    /// The fields that somebody else than `device` edited after `version`. Who is not known is
    /// somebody else.
    pub fn edited_by_others(&self, version: Version, device: Option<DeviceId>) -> FieldSet {
        FieldSet::of(N, |field| {
            let edit = self.edit(field);
            edit.version > version && (device.is_none() || edit.device != device)
        })
    }

    /// The fields that were not edited after `version`.
    pub fn unedited_since(&self, version: Version) -> FieldSet {
        FieldSet::of(N, |field| self.edit(field).version <= version)
    }

    /// The newest edit of a field.
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
    fn what_was_added_to_stays_whose_it_was() {
        let value = FieldSet::EMPTY.with(0);
        let (phone, tablet) = (Some(device(1)), Some(device(2)));
        let mine = Provenance::<1>::at(version(1), phone).added_to(value, version(2), phone);
        assert!(mine.edited_by_others(version(1), phone).is_empty());
        let theirs = Provenance::<1>::at(version(1), tablet).added_to(value, version(2), phone);
        assert_eq!(theirs.device(), phone);
        assert_eq!(theirs.edited_by_others(version(1), phone), value);
        assert_eq!(theirs.edited_by_others(version(1), tablet), value);
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
            provenance.edited_by_others(version(2), Some(device(1))),
            both
        );
        assert_eq!(provenance.edited_by_others(version(2), None), both);
        let none = FieldSet::EMPTY;
        assert_eq!(
            provenance.edited_by_others(version(2), Some(device(2))),
            none
        );
        assert_eq!(
            provenance.edited_by_others(version(3), Some(device(1))),
            none
        );
        assert_eq!(provenance.unedited_since(version(2)), none.with(1));
    }
}
