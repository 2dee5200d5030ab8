//! Cache of computed statistics, shared by all servers.

use std::time::Duration;

use async_trait::async_trait;
use kanso_application::ports::answers::AnswerCache;
use kanso_domain::UserId;
use redis::{AsyncCommands as _, Script};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::{Redis, measure};

/// Time after which an answer expires. It never becomes wrong, because its key changes with every change
/// and at midnight; this limits how long Redis holds data that a user has deleted.
const TIME_TO_LIVE: Duration = Duration::from_mins(5);

/// Maximum size of a cached answer in bytes. Transferring a longer one takes as long as computing it.
pub const LONGEST_ANSWER: usize = 64 * 1024;

/// Most answers of one user that Redis holds, so that no user displaces those of others.
pub const ANSWERS_OF_USER: usize = 32;

/// Most bytes of all answers in Redis. A Redis needs room for more than these, so that they never displace
/// rate limits and tickets.
pub const BYTES_OF_ANSWERS: usize = 64 << 20;

/// Capacity of the queue of answers to store, at most 4 MiB in all. Further answers are not cached.
const QUEUE_CAPACITY: usize = 64;

/// Caches answers in Redis, where each expires.
pub struct RedisAnswers {
    redis: Redis,
    outgoing: mpsc::Sender<Answer>,
    writer: JoinHandle<()>,
}

/// An answer to store.
struct Answer {
    user: UserId,
    key: String,
    form: Vec<u8>,
}

impl RedisAnswers {
    /// Starts a task on the caller's runtime that stores answers. It ends when the cache is dropped.
    //
    // A task, so that a request does not wait until its answer is stored.
    pub fn start(redis: Redis) -> Self {
        Self::with_room(redis, BYTES_OF_ANSWERS)
    }

    /// Starts the same with room for another number of bytes, for tests.
    pub fn with_room(redis: Redis, bytes: usize) -> Self {
        let (outgoing, waiting) = mpsc::channel(QUEUE_CAPACITY);
        let writer = tokio::spawn(keep(redis.clone(), waiting, bytes));
        Self {
            redis,
            outgoing,
            writer,
        }
    }
}

impl Drop for RedisAnswers {
    fn drop(&mut self) {
        self.writer.abort();
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
            // No more than an answer of this server has, whatever the key holds.
            .ask(async |mut connection| {
                let last = LONGEST_ANSWER.cast_signed();
                connection.getrange::<_, Vec<u8>>(key, 0, last).await
            });
        // An error counts as a miss: the caller computes the answer.
        let Ok(found) = found.await else {
            measure::fell_back("statistics");
            return None;
        };
        // Empty if there is no key.
        let found = Some(found).filter(|it| (1..=LONGEST_ANSWER).contains(&it.len()));
        measure::looked_up(found.is_some());
        found
    }

    fn keep(&self, user: UserId, question: &str, answer: &[u8]) {
        if answer.len() <= LONGEST_ANSWER {
            // If the queue is full, the answer is computed again next time.
            let _ = self.outgoing.try_send(Answer {
                user,
                key: key(user, question),
                form: answer.to_vec(),
            });
        }
    }
}

fn key(user: UserId, question: &str) -> String {
    format!("kanso:stats:{user}:{question}")
}

async fn keep(redis: Redis, mut waiting: mpsc::Receiver<Answer>, room: usize) {
    let script = Script::new(include_str!("answers.lua"));
    while let Some(Answer { user, key, form }) = waiting.recv().await {
        let mut call = script.prepare_invoke();
        call.key(key).key(format!("kanso:stats-of:{user}"));
        call.key("kanso:stats-all").key("kanso:stats-bytes");
        call.arg(form).arg(TIME_TO_LIVE.as_secs());
        call.arg(ANSWERS_OF_USER).arg(room);
        let keep = async |mut connection: redis::aio::ConnectionManager| {
            call.invoke_async::<()>(&mut connection).await
        };
        if redis.ask(keep).await.is_err() {
            measure::fell_back("statistics");
        }
    }
}
