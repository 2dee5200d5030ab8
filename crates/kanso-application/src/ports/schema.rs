//! The schema of a storage, for whoever upgrades one.

/// One step from an empty storage to the schema of this version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaStep {
    /// Its number; steps are taken in this order.
    pub version: i64,
    /// What it does, in a few words.
    pub name: String,
    /// Whether it was taken.
    pub state: StepState,
}

/// Whether a step was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepState {
    /// Before.
    Applied,
    /// By the call that tells of it.
    AppliedNow,
    /// Not yet.
    Pending,
}
