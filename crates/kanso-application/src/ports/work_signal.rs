//! Wakes whoever waits for work.

/// Says that there is work. A hint: the work itself is in the storage, and whoever misses the hint
/// finds it a moment later.
pub trait WorkSignal: Send + Sync {
    /// Streaks are to be computed anew.
    fn streaks(&self);
}
