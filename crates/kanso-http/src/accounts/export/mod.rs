//! Export of all data of an account.

mod lines;
mod send;

pub(super) use send::*;
