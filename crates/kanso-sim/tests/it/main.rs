//! What the simulation stands on.

mod contract;
mod rival;
