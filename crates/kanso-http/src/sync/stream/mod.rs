//! Event streams: a device gets a notice of every new head at once.

mod events;
pub(super) mod open;
mod slots;
pub(super) mod ticket;

pub(crate) use slots::StreamSlots;
