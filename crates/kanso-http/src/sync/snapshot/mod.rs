//! Everything at once, for a new device.

mod lines;
mod position;
mod send;

pub(super) use send::*;
