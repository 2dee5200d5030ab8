//! Statistics that any of the servers computed, for all of them.

use std::time::Duration;

use async_trait::async_trait;
use kanso_application::ports::answers::AnswerCache;
use kanso_domain::UserId;
use redis::AsyncCommands as _;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::{Redis, measure};

/// How long an answer is kept. It is bounded by its question, which changes with every change and at
/// midnight; this bounds how long Redis holds what somebody has deleted.
const LIFE: Duration = Duration::from_mins(5);

/// Longer answers are computed each time: to carry them takes as long.
pub const LONGEST_ANSWER: usize = 64 * 1024;

/// Answers that wait to be kept, at most 4 MiB of them. More are not kept.
const WAITING: usize = 64;

/// Keeps answers in Redis, where each ends by itself.
pub struct RedisAnswers {
    redis: Redis,
    outgoing: mpsc::Sender<(String, Vec<u8>)>,
    keeping: JoinHandle<()>,
}

impl RedisAnswers {
    /// Begins to keep, on the runtime of the caller, until it is dropped.
    pub fn start(redis: Redis) -> Self {
        let (outgoing, waiting) = mpsc::channel(WAITING);
        let keeping = tokio::spawn(keep(redis.clone(), waiting));
        Self {
            redis,
            outgoing,
            keeping,
        }
    }
}

impl Drop for RedisAnswers {
    fn drop(&mut self) {
        self.keeping.abort();
    }
}

impl std::fmt::Debug for RedisAnswers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisAnswers").finish_non_exhaustive()
    }
}

#[async_trait]
impl AnswerCache for RedisAnswers {
    async fn find(&self, user: UserId, question: &str) -> Option<Vec<u8>> {
        let key = key(user, question);
        let found = self
            .redis
            .ask(async |mut connection| connection.get::<_, Option<Vec<u8>>>(key).await);
        let Ok(found) = found.await else {
            measure::went_without("statistics");
            return None;
        };
        measure::looked_up(found.is_some());
        found
    }

    fn keep(&self, user: UserId, question: &str, answer: &[u8]) {
        if answer.len() <= LONGEST_ANSWER {
            // When too many wait, it is computed once more.
            let _ = self
                .outgoing
                .try_send((key(user, question), answer.to_vec()));
        }
    }
}

fn key(user: UserId, question: &str) -> String {
    format!("kanso:stats:{user}:{question}")
}

async fn keep(redis: Redis, mut waiting: mpsc::Receiver<(String, Vec<u8>)>) {
    while let Some((key, answer)) = waiting.recv().await {
        let keep = async |mut connection: redis::aio::ConnectionManager| {
            let life = LIFE.as_secs();
            connection.set_ex::<_, _, ()>(key, answer, life).await
        };
        if redis.ask(keep).await.is_err() {
            measure::went_without("statistics");
        }
    }
}
