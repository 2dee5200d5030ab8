//! Snapshots: all live records, for a device without data.

mod lines;
mod position;
mod send;

pub(super) use send::*;
