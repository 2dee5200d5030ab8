//! What carries news from server to server.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kanso_application::ports::feed::{Feed, Subscription};
use kanso_domain::{Seq, UserId};
use kanso_local::LocalFeed;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::chance::Chance;

/// How long a word from one server to another takes at most, in milliseconds.
const LONGEST_WAY: u64 = 60;

/// The feeds of the servers of a world, and what is between them: a word to another server may be
/// lost, and in some worlds each is. Then the sweep has to find what was committed.
#[derive(Clone)]
pub struct Feeds(Arc<Between>);

struct Between {
    chance: Chance,
    lost: u32,
    all: Mutex<All>,
}

/// Where a person's history was ever said to stand.
pub type Told = BTreeMap<UserId, BTreeSet<i64>>;

#[derive(Default)]
struct All {
    nodes: Vec<Node>,
    told: Told,
}

#[derive(Clone)]
struct Node {
    feed: LocalFeed,
    ended: CancellationToken,
}

impl Feeds {
    /// The feeds of the world of `seed`, none so far.
    pub fn new(seed: u64) -> Self {
        let chance = Chance::stream(seed, "feeds");
        let lost = if chance.happens(30) { 100 } else { 5 };
        let all = Mutex::default();
        Self(Arc::new(Between { chance, lost, all }))
    }

    /// The feed of a server that lives until `ended`.
    pub fn of(&self, ended: &CancellationToken) -> NodeFeed {
        let node = Node {
            feed: LocalFeed::new(),
            ended: ended.clone(),
        };
        let mut all = self.all();
        all.nodes.retain(|node| !node.ended.is_cancelled());
        all.nodes.push(node.clone());
        NodeFeed {
            node,
            feeds: self.clone(),
        }
    }

    /// For how many people somebody waits for news on a server that lives.
    pub fn followed(&self) -> usize {
        let all = self.all();
        let alive = all.nodes.iter().filter(|node| !node.ended.is_cancelled());
        alive.map(|node| node.feed.followed().len()).sum()
    }

    /// Where histories were ever said to stand.
    pub fn told(&self) -> Told {
        self.all().told.clone()
    }

    fn note(&self, user: UserId, head: Seq) {
        self.all().told.entry(user).or_default().insert(head.get());
    }

    fn all(&self) -> MutexGuard<'_, All> {
        self.0.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The feed of one server.
pub struct NodeFeed {
    node: Node,
    feeds: Feeds,
}

impl NodeFeed {
    fn others(&self) -> Vec<Node> {
        let nodes = self.feeds.all().nodes.clone();
        let is_other = |node: &Node| node.ended != self.node.ended && !node.ended.is_cancelled();
        nodes.into_iter().filter(is_other).collect()
    }
}

impl Feed for NodeFeed {
    fn publish(&self, user: UserId, head: Seq) {
        self.feeds.note(user, head);
        self.node.feed.publish(user, head);
        for other in self.others() {
            let Between { chance, lost, .. } = &*self.feeds.0;
            if chance.happens(*lost) {
                continue;
            }
            let way = Duration::from_millis(chance.between(0, LONGEST_WAY));
            tokio::spawn(async move {
                sleep(way).await;
                other.feed.publish(user, head);
            });
        }
    }

    fn has_subscribers(&self, _user: UserId) -> bool {
        // As where servers share a Redis: whether another has some is not known.
        true
    }

    fn followed(&self) -> Vec<UserId> {
        self.node.feed.followed()
    }

    fn catch_up(&self, user: UserId, head: Seq) -> bool {
        self.feeds.note(user, head);
        self.node.feed.catch_up(user, head)
    }

    fn subscribe(&self, user: UserId) -> Box<dyn Subscription> {
        self.node.feed.subscribe(user)
    }
}
