//! Ring 1: the rules of Kanso, as data and pure functions.
//!
//! The crate holds habits, entries, accounts and the calendar; the operations that devices send and
//! the function that decides on them ([`sync::decide`]); the cursor by which changes are delivered;
//! and the streaks and statistics that follow from the entries.
//!
//! **Invariant:** nothing here does I/O, is asynchronous, reads a clock or the machine's own time
//! zone, or draws randomness. Time and ids are parameters. The same input gives the same output.

pub mod accounts;
pub mod calendar;
pub mod entries;
pub mod events;
pub mod habits;
pub mod ids;
mod member;
pub mod progress;
mod provenance;
pub mod quantity;
pub mod record;
pub mod sessions;
mod stamp;
pub mod sync;
pub mod text;
pub mod time;
mod unicode;
pub mod validation;

/// A civil date, without a zone.
pub use jiff::civil::Date;

pub use ids::{DeviceId, EntryId, HabitId, OpId, SessionId, UserId};
pub use quantity::{Quantity, QuantityChange};
pub use record::{Entity, Record, Seq, Stamp, Version};
pub use time::{DayStart, TimeOfDay, Timestamp, WeekStart, Zone};
pub use validation::{FieldError, Invalid};
