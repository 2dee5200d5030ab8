//! The schema of a storage, for its upgrade.

/// One step from an empty storage to the schema of this version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaStep {
    /// Number of the step. Steps are applied in this order.
    pub version: i64,
    /// Short description.
    pub name: String,
    /// State of the step.
    pub state: StepState,
}

/// The states of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepState {
    /// The step was applied before.
    Applied,
    /// The step was applied by the call that reports it.
    AppliedNow,
    /// The step is not applied yet.
    Pending,
}
