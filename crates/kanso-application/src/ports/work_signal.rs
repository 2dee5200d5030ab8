//! The signal for background workers.

/// Signals that there is work. It is a hint: the work is in the storage, and a worker that misses
/// the hint finds it at its next poll.
pub trait WorkSignal: Send + Sync {
    /// Signals that streaks must be recomputed.
    fn streaks(&self);
}
