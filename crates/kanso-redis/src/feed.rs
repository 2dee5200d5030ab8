//! The feed of all servers: what is committed on one pokes the streams of the others.

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

/// Heads that wait to be told to the others. More are left out: each is a hint.
const WAITING: usize = 4_096;
/// Heads that are told in one exchange.
const AT_A_TIME: usize = 256;

/// From one attempt to listen to the next while Redis is away.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Carries heads between servers by publish and subscribe, and within this one by `local`, which
/// goes on alone while Redis is away.
pub struct RedisFeed {
    local: Arc<dyn Feed>,
    outgoing: mpsc::Sender<(UserId, Seq)>,
    tasks: [JoinHandle<()>; 2],
}

impl RedisFeed {
    /// Begins to listen and to tell, on the runtime of the caller, until it is dropped.
    pub fn start(redis: &Redis, local: Arc<dyn Feed>) -> Self {
        let (outgoing, waiting) = mpsc::channel(WAITING);
        let telling = tokio::spawn(tell(redis.clone(), waiting));
        let listening = tokio::spawn(listen(redis.client().clone(), Arc::clone(&local)));
        Self {
            local,
            outgoing,
            tasks: [telling, listening],
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
        // When too many wait, the others find out by themselves.
        let _ = self.outgoing.try_send((user, head));
    }

    fn has_subscribers(&self, _user: UserId) -> bool {
        // Whether another server has some is not known here.
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

async fn tell(redis: Redis, mut waiting: mpsc::Receiver<(UserId, Seq)>) {
    let mut heads = Vec::with_capacity(AT_A_TIME);
    while waiting.recv_many(&mut heads, AT_A_TIME).await > 0 {
        let mut pipeline = redis::pipe();
        for (user, head) in heads.drain(..) {
            let message = format!("{user} {head}");
            pipeline.publish(CHANNEL, message).ignore();
        }
        // A hint that is lost is found in the storage.
        let told = redis
            .ask(async |mut connection| pipeline.query_async::<()>(&mut connection).await)
            .await;
        if told.is_err() {
            measure::went_without("feed");
        }
    }
}

async fn listen(client: Client, local: Arc<dyn Feed>) {
    let mut pause = SHORTEST_PAUSE;
    loop {
        match hear(&client, &*local).await {
            Ok(()) => pause = SHORTEST_PAUSE,
            Err(error) => {
                tracing::debug!(%error, "the other servers cannot be heard");
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
        sleep(pause).await;
    }
}

/// Passes on what the others tell, until the connection breaks.
async fn hear(client: &Client, local: &dyn Feed) -> Result<(), RedisError> {
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

/// What [`tell`] wrote; nothing else is listened to.
fn read(text: &str) -> Option<(UserId, Seq)> {
    let (user, head) = text.split_once(' ')?;
    let user = UserId::new(user.parse().ok()?);
    Some((user, Seq::new(head.parse().ok()?)?))
}
