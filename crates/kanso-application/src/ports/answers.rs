//! The cache of computed answers.

use async_trait::async_trait;
use kanso_domain::UserId;

/// A cache of answers, shared by all servers. Answers expire after some time.
///
/// It is optional: an answer that is not found is computed, and one that cannot be stored is not.
/// Nothing is ever invalidated. A question contains everything that its answer depends on,
/// including the head of the history and the day, so after a change it is another question.
#[async_trait]
pub trait AnswerCache: Send + Sync {
    /// Returns the stored answer to this question of `user`, if it is available at once.
    async fn find(&self, user: UserId, question: &str) -> Option<Vec<u8>>;

    /// Stores an answer. It returns at once and may store it later, or not at all if it is too
    /// long.
    fn keep(&self, user: UserId, question: &str, answer: &[u8]);
}
