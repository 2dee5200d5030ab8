//! What the simulation stands on.

mod contract;
