//! Feeds between servers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kanso_application::ports::feed::{Feed, Subscription};
use kanso_domain::{Seq, UserId};
use kanso_local::LocalFeed;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::chance::Chance;

/// Longest delay of a notice between servers, in milliseconds.
const LONGEST_WAY: u64 = 60;

/// The feeds of all servers and the links between them. A notice to another server may be lost; in
/// 30 % of the worlds all are. Then only the sweep finds a commit of another server.
#[derive(Clone)]
pub struct FeedNetwork(Arc<FeedLinks>);

struct FeedLinks {
    chance: Chance,
    lost: u32,
    state: Mutex<FeedState>,
}

/// All heads that were ever published, by user.
pub type PublishedHeads = BTreeMap<UserId, BTreeSet<i64>>;

#[derive(Default)]
struct FeedState {
    endpoints: Vec<Endpoint>,
    published: PublishedHeads,
}

#[derive(Clone)]
struct Endpoint {
    feed: LocalFeed,
    ended: CancellationToken,
}

impl FeedNetwork {
    /// Creates the feeds of the world of `seed`, without servers.
    pub fn new(seed: u64) -> Self {
        let chance = Chance::stream(seed, "feeds");
        let lost = if chance.happens(30) { 100 } else { 5 };
        let state = Mutex::default();
        Self(Arc::new(FeedLinks {
            chance,
            lost,
            state,
        }))
    }

    /// Returns the feed of a server that lives until `ended`.
    pub fn of(&self, ended: &CancellationToken) -> ServerFeed {
        let endpoint = Endpoint {
            feed: LocalFeed::new(),
            ended: ended.clone(),
        };
        let mut state = self.state();
        state
            .endpoints
            // Feeds of dead servers are dropped here: a process that died cannot unsubscribe.
            .retain(|endpoint| !endpoint.ended.is_cancelled());
        state.endpoints.push(endpoint.clone());
        ServerFeed {
            endpoint,
            feeds: self.clone(),
        }
    }

    /// Number of users with subscribers on live servers.
    pub fn followed(&self) -> usize {
        let state = self.state();
        let alive = state
            .endpoints
            .iter()
            .filter(|endpoint| !endpoint.ended.is_cancelled());
        alive.map(|endpoint| endpoint.feed.followed().len()).sum()
    }

    /// Returns all heads that were ever published.
    pub fn published_heads(&self) -> PublishedHeads {
        self.state().published.clone()
    }

    fn note(&self, user: UserId, head: Seq) {
        self.state()
            .published
            .entry(user)
            .or_default()
            .insert(head.get());
    }

    fn state(&self) -> MutexGuard<'_, FeedState> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The feed of one server.
pub struct ServerFeed {
    endpoint: Endpoint,
    feeds: FeedNetwork,
}

impl ServerFeed {
    fn others(&self) -> Vec<Endpoint> {
        let endpoints = self.feeds.state().endpoints.clone();
        let is_other = |endpoint: &Endpoint| {
            endpoint.ended != self.endpoint.ended && !endpoint.ended.is_cancelled()
        };
        endpoints.into_iter().filter(is_other).collect()
    }
}

impl Feed for ServerFeed {
    fn publish(&self, user: UserId, head: Seq) {
        self.feeds.note(user, head);
        self.endpoint.feed.publish(user, head);
        for other in self.others() {
            let FeedLinks { chance, lost, .. } = &*self.feeds.0;
            if chance.happens(*lost) {
                continue;
            }
            let way = Duration::from_millis(chance.between(0, LONGEST_WAY));
            // Notices overtake each other on the way, so a receiver has to ignore an older head.
            tokio::spawn(async move {
                sleep(way).await;
                other.feed.publish(user, head);
            });
        }
    }

    fn has_subscribers(&self, _user: UserId) -> bool {
        // As with a shared Redis: a server does not know the subscribers of the others.
        true
    }

    fn followed(&self) -> Vec<UserId> {
        self.endpoint.feed.followed()
    }

    fn catch_up(&self, user: UserId, head: Seq) -> bool {
        self.feeds.note(user, head);
        self.endpoint.feed.catch_up(user, head)
    }

    fn subscribe(&self, user: UserId) -> Box<dyn Subscription> {
        self.endpoint.feed.subscribe(user)
    }
}
