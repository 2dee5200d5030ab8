//! The feed of all servers: a commit on one server notifies the streams of the others.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt as _;
use kanso_application::ports::feed::{Feed, Subscription};
use kanso_domain::{Seq, UserId};
use redis::{Client, RedisError};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::{Redis, measure};

const CHANNEL: &str = "kanso:heads";

/// Capacity of the queue of heads to publish. Further heads are dropped: each is only a hint, and the
/// sweep of the storage finds missed ones.
const QUEUE_CAPACITY: usize = 4_096;
/// Maximum number of heads in one round trip.
const BATCH: usize = 256;

// Pauses between two attempts to subscribe while Redis is unavailable. They double up to the longest, so
// that a restarted Redis is not flooded by all servers at once.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Publishes heads to other servers through Redis, and within this one through `local`, which
/// works alone while Redis is unavailable.
pub struct RedisFeed {
    local: Arc<dyn Feed>,
    outgoing: mpsc::Sender<(UserId, Seq)>,
    tasks: [JoinHandle<()>; 2],
}

impl RedisFeed {
    /// Starts publishing and listening on the caller's runtime. Both end when the feed is dropped.
    pub fn start(redis: &Redis, local: Arc<dyn Feed>) -> Self {
        let (outgoing, waiting) = mpsc::channel(QUEUE_CAPACITY);
        let publishing = tokio::spawn(publish(redis.clone(), waiting));
        let listening = tokio::spawn(listen(redis.client().clone(), Arc::clone(&local)));
        Self {
            local,
            outgoing,
            tasks: [publishing, listening],
        }
    }
}

impl Drop for RedisFeed {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl std::fmt::Debug for RedisFeed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisFeed").finish_non_exhaustive()
    }
}

#[async_trait]
impl Feed for RedisFeed {
    fn publish(&self, user: UserId, head: Seq) {
        self.local.publish(user, head);
        // If the queue is full, the other servers find the head in the storage. Waiting here would
        // delay the answer to the push.
        let _ = self.outgoing.try_send((user, head));
    }

    fn has_subscribers(&self, _user: UserId) -> bool {
        // Unknown: another server may have subscribers.
        true
    }

    fn followed(&self) -> Vec<UserId> {
        self.local.followed()
    }

    fn catch_up(&self, user: UserId, head: Seq) -> bool {
        self.local.catch_up(user, head)
    }

    fn subscribe(&self, user: UserId) -> Box<dyn Subscription> {
        self.local.subscribe(user)
    }
}

async fn publish(redis: Redis, mut waiting: mpsc::Receiver<(UserId, Seq)>) {
    let mut heads = Vec::with_capacity(BATCH);
    while waiting.recv_many(&mut heads, BATCH).await > 0 {
        let mut pipeline = redis::pipe();
        for (user, head) in heads.drain(..) {
            let message = format!("{user} {head}");
            pipeline.publish(CHANNEL, message).ignore();
        }
        let published = redis
            .ask(async |mut connection| pipeline.query_async::<()>(&mut connection).await)
            .await;
        if published.is_err() {
            measure::fell_back("feed");
        }
    }
}

async fn listen(client: Client, local: Arc<dyn Feed>) {
    let mut pause = SHORTEST_PAUSE;
    loop {
        match forward(&client, &*local).await {
            // The subscription worked until Redis restarted or closed the connection, so the next
            // attempt need not wait long.
            Ok(()) => pause = SHORTEST_PAUSE,
            Err(error) => {
                tracing::debug!(%error, "cannot subscribe to the heads of other servers");
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
        sleep(pause).await;
    }
}

/// Forwards the heads of other servers to `local` until the connection breaks.
//
// This server receives its own messages too. That is harmless: a head that is not newer is ignored.
async fn forward(client: &Client, local: &dyn Feed) -> Result<(), RedisError> {
    let mut connection = client.get_async_pubsub().await?;
    connection.subscribe(CHANNEL).await?;
    let mut messages = connection.on_message();
    while let Some(message) = messages.next().await {
        let text: String = message.get_payload()?;
        if let Some((user, head)) = read(&text) {
            local.publish(user, head);
        }
    }
    Ok(())
}

/// Position that no history reaches, and that JSON numbers of every client can hold.
const BEYOND_EVERY_HEAD: i64 = 1 << 53;

/// Parses a message of [`publish`]. Others, such as those of a newer version, are ignored.
fn read(text: &str) -> Option<(UserId, Seq)> {
    let (user, head) = text.split_once(' ')?;
    let user = UserId::new(user.parse().ok()?);
    let head = head.parse().ok().filter(|head| *head < BEYOND_EVERY_HEAD)?;
    Some((user, Seq::new(head)?))
}
