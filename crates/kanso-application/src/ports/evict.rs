//! What a process remembers for a while.

/// Something that is remembered of people or addresses until it makes no difference any more.
pub trait Evict: Send + Sync {
    /// Forgets what makes no difference any more. Called every now and then, so that nothing of
    /// anybody stays because nobody came after them.
    fn evict_expired(&self);

    /// How much is remembered, with what makes no difference any more and was not forgotten yet.
    fn kept(&self) -> usize;
}
