//! A synced record of either kind, with its fields, members, stamp and provenance.

use uuid::Uuid;

use crate::DeviceId;
use crate::entries::Entry;
use crate::habits::Habit;

pub use crate::member::Member;
pub use crate::provenance::{FieldEdit, FieldSet, Provenance};
pub use crate::stamp::{Seq, Stamp, Version};

/// The kinds of record that are synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Entity {
    /// A habit.
    Habit,
    /// An entry.
    Entry,
}

impl Entity {
    /// Returns the stable name of the kind. Storages and the protocol use it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Habit => "habit",
            Self::Entry => "entry",
        }
    }
}

/// A record of any kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// A habit.
    Habit(Habit),
    /// An entry.
    Entry(Entry),
}

impl Record {
    /// Returns the kind of the record.
    pub const fn entity(&self) -> Entity {
        match self {
            Self::Habit(_) => Entity::Habit,
            Self::Entry(_) => Entity::Entry,
        }
    }

    /// Returns the server-owned part of the record.
    pub const fn stamp(&self) -> &Stamp {
        match self {
            Self::Habit(habit) => &habit.stamp,
            Self::Entry(entry) => &entry.stamp,
        }
    }

    /// Returns the id of the record.
    pub const fn id(&self) -> Uuid {
        match self {
            Self::Habit(habit) => habit.id.uuid(),
            Self::Entry(entry) => entry.id.uuid(),
        }
    }

    /// Returns the device of the newest edit, if it is known.
    pub const fn edited_by(&self) -> Option<DeviceId> {
        match self {
            Self::Habit(habit) => habit.provenance.device(),
            Self::Entry(entry) => entry.provenance.device(),
        }
    }

    /// Returns a rough size of the record in bytes, as the unit of a page's budget.
    ///
    /// A page has two bounds: a number of records and a number of bytes. The second one keeps a
    /// page of long texts from growing without bound, in memory and on a slow link. It needs no
    /// exact figure, so this adds a constant for the fixed part of a record to the lengths of its
    /// texts and lists, and knows nothing of an encoding.
    pub fn approximate_size(&self) -> usize {
        // Rough sizes of the fixed parts as JSON, rounded up.
        const HABIT: usize = 800;
        const SCHEDULE_VERSION: usize = 200;
        const ARCHIVED_SPAN: usize = 60;
        const ENTRY: usize = 400;
        match self {
            Self::Habit(habit) => {
                let details = &habit.details;
                let texts = details.title.as_str().len() + details.description.as_str().len();
                let spans = ARCHIVED_SPAN * details.archived_spans.len();
                HABIT + texts + spans + SCHEDULE_VERSION * details.history.versions().count()
            }
            Self::Entry(entry) => ENTRY + entry.details.notes.as_str().len(),
        }
    }
}
