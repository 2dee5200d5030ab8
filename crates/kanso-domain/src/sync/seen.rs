//! The edits of a device that the device itself knows.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use crate::record::Stamp;
use crate::{Seq, Version};

/// The edits that the sender of a push has seen, apart from the base versions of its operations.
///
/// A device id does not prove that its owner knows an edit: two copies of one replica, such as a
/// phone and the phone that its backup was restored to, share the id. So an edit by the same device
/// counts as seen only if this says so, or if its version is not above the base of the operation.
/// The operations of the push itself always count as seen.
///
/// A sender that names the versions that it knows is taken at its word ([`Seen::named`]). For one
/// that names none, its cursor is the best evidence ([`Seen::up_to`]): it is weaker, because an
/// operation may be older than the page that moved the cursor.
///
/// ```
/// use kanso_domain::sync::Seen;
/// use kanso_domain::{Seq, Version};
/// use uuid::Uuid;
///
/// let record = Uuid::from_u128(1);
/// let mut seen = Seen::named(Seq::ZERO);
/// seen.add(record, Version::FIRST);
/// assert!(seen.has(record, Version::FIRST));
/// assert!(!seen.has(record, Version::FIRST.next()));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Seen {
    /// Position up to which the sender has read the history.
    read: Seq,
    /// True if the edits up to `read` count as seen.
    by_cursor: bool,
    versions: BTreeMap<Uuid, BTreeSet<Version>>,
}

impl Seen {
    /// Returns the knowledge of a sender that has read the history up to `read` and names no
    /// versions.
    pub const fn up_to(read: Seq) -> Self {
        Self {
            read,
            by_cursor: true,
            versions: BTreeMap::new(),
        }
    }

    /// Returns the knowledge of a sender that has read the history up to `read`, and knows only
    /// those of its edits that are added with [`Seen::add`].
    pub const fn named(read: Seq) -> Self {
        Self {
            read,
            by_cursor: false,
            versions: BTreeMap::new(),
        }
    }

    /// Returns the knowledge of a sender whose own edits all count as seen.
    pub const fn everything() -> Self {
        Self::up_to(Seq::MAX)
    }

    /// Adds a version that an operation of the sender made of the record `id`.
    pub fn add(&mut self, id: Uuid, version: Version) {
        self.versions.entry(id).or_default().insert(version);
    }

    /// Returns true if an operation of the sender made this version of the record `id`.
    pub fn has(&self, id: Uuid, version: Version) -> bool {
        let versions = self.versions.get(&id);
        versions.is_some_and(|versions| versions.contains(&version))
    }

    /// Returns true if every operation of the sender was made with the newest change of a record with
    /// this stamp in view.
    pub(super) fn covers(&self, stamp: &Stamp) -> bool {
        self.by_cursor && self.has_read(stamp)
    }

    /// Returns true if the sender has read the newest change of a record with this stamp, even if
    /// some of its operations are older.
    pub(super) fn has_read(&self, stamp: &Stamp) -> bool {
        stamp.seq <= self.read
    }
}
