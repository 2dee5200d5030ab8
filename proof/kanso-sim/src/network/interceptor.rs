//! Answers that do not come from a server: a proxy with a small limit of bodies, the log-in page of a
//! network, a sign-on proxy, a busy load balancer. Devices meet them; the other programs do not.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use kanso_client::transport::{Method, Reply, Request};
use tokio::time::Instant;

use crate::chance::Chance;
use crate::history::Actor;
use crate::mutants::Bug;
use crate::plan::WorldPlan;

/// Longest time for which something else answers, in seconds.
const LONGEST_SECONDS: u64 = 90;

/// Statuses of answers that are not a server's. One in three is a 401, which an old client took for
/// the end of its session.
const STATUSES: [u16; 12] = [200, 302, 401, 401, 401, 401, 403, 407, 410, 429, 503, 511];

/// Requests that something else answers and passes on as well, in percent.
const PASSED_ON: u32 = 20;

/// Everything between the devices and the servers that answers by itself.
pub(super) struct Interceptor {
    plan: WorldPlan,
    bug: Option<Bug>,
    chance: Chance,
    /// Status and end of the answers that a device gets now.
    episodes: Mutex<BTreeMap<Actor, (u16, Instant)>>,
}

/// An answer that is not a server's.
pub(super) struct Intercepted {
    pub(super) reply: Reply,
    /// True if the request goes on to a server, whose answer is dropped.
    pub(super) is_passed_on: bool,
}

impl Interceptor {
    pub(super) fn new(plan: WorldPlan, bug: Option<Bug>) -> Self {
        Self {
            plan,
            bug,
            chance: Chance::stream(plan.seed, "strangers"),
            episodes: Mutex::default(),
        }
    }

    /// Returns the answer to a request of `actor`, unless a server answers. After `is_healed` only the
    /// limit of bodies is left: a proxy that is there stays there.
    pub(super) fn answer(
        &self,
        actor: Actor,
        request: &Request,
        is_healed: bool,
    ) -> Option<Intercepted> {
        if !actor.is_device() {
            return None;
        }
        if !is_healed && let Some(status) = self.stranger(actor) {
            let is_passed_on = self.chance.happens(PASSED_ON);
            let reply = self.reply(status);
            return Some(Intercepted {
                reply,
                is_passed_on,
            });
        }
        let is_push = request.method == Method::Post && request.path == "/api/v1/sync";
        let length = request.body.as_ref().map_or(0, Vec::len) as u64;
        let is_refused = self.plan.body_limit > 0 && is_push && length > self.plan.body_limit;
        is_refused.then(|| Intercepted {
            reply: self.reply(413),
            is_passed_on: false,
        })
    }

    /// Returns the status that `actor` gets instead of an answer.
    fn stranger(&self, actor: Actor) -> Option<u16> {
        if self.plan.strangers == 0 {
            return None;
        }
        let now = Instant::now();
        let mut episodes = self.episodes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((status, _)) = episodes.get(&actor).filter(|(_, until)| now < *until) {
            return Some(*status);
        }
        if !self.chance.happens(self.plan.strangers) {
            return None;
        }
        let status = STATUSES[self.chance.place(STATUSES.len())];
        let seconds = self.chance.between(0, LONGEST_SECONDS);
        episodes.insert(actor, (status, now + Duration::from_secs(seconds)));
        Some(status)
    }

    fn reply(&self, status: u16) -> Reply {
        let is_busy = [429, 503].contains(&status);
        let retry_after = is_busy.then(|| Duration::from_secs(self.chance.between(1, 30)));
        let mut reply = Reply {
            status,
            retry_after,
            body: b"<html><title>This is not Kanso</title></html>".to_vec(),
        };
        if let Some(bug) = self.bug {
            bug.mutate_intercepted(&mut reply);
        }
        reply
    }
}
