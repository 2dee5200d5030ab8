//! The event stream: a device learns at once that there is something new.

mod events;
pub(super) mod open;
mod slots;
pub(super) mod ticket;

pub(crate) use slots::StreamSlots;
