//! Everything that is kept of a person.

mod lines;
mod send;

pub(super) use send::*;
