//! Answers that were computed before.

use async_trait::async_trait;
use kanso_domain::UserId;

/// Keeps answers for whoever asks the same again, on any server, and forgets them after some time.
///
/// A help and never a condition: what is not found is computed, what cannot be kept is not. Nothing
/// is ever taken back. A question names everything that its answer depends on, where the history
/// stands and which day it is included, so after a change it is another question.
#[async_trait]
pub trait AnswerCache: Send + Sync {
    /// The answer that was kept for this question of `user`, if it can be had at once.
    async fn find(&self, user: UserId, question: &str) -> Option<Vec<u8>>;

    /// Keeps an answer, now or a little later or, when it is too long, not at all. Does not wait.
    fn keep(&self, user: UserId, question: &str, answer: &[u8]);
}
