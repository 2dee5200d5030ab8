//! Entries that a process keeps in memory for a while.

/// A map in memory of users or addresses whose entries expire.
pub trait Evict: Send + Sync {
    /// Removes the expired entries. It is called from time to time, because an entry without later
    /// traffic would otherwise stay for ever.
    fn evict_expired(&self);

    /// Returns the number of entries, including expired ones that are not removed yet.
    fn kept(&self) -> usize;
}
