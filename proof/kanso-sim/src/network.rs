//! The network between devices and servers.
//!
//! Faults are injected here, between the client's `Transport` and the router as a service. There is
//! no socket simulator such as turmoil: at this level a lost answer, a second arrival or a death
//! between commit and answer is one line, and nothing of hyper has to be deterministic.

mod interceptor;
mod newer_server;
mod pieces;

pub use newer_server::UNREAD_MEMBERS;
pub use pieces::{OpenReply, PieceReader};

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, IF_MATCH};
use http_body_util::Full;
use kanso_client::transport::{Method, Reply, Request, Transport, Unreachable};
use tokio::time::sleep;

use self::interceptor::{Intercepted, Interceptor};
use crate::chance::Chance;
use crate::cluster::Cluster;
use crate::history::{Actor, Recorder};
use crate::mutants::Bug;
use crate::plan::WorldPlan;

/// Address of the servers, as devices know it.
pub const ADDRESS: &str = "https://kanso.example.org";

/// Time after which a sender gives up on an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Faults between devices and servers.
pub struct Network {
    plan: WorldPlan,
    bug: Option<Bug>,
    cluster: Arc<Cluster>,
    recorder: Arc<Recorder>,
    chance: Chance,
    interceptor: Interceptor,
    is_healed: AtomicBool,
}

impl Network {
    /// Creates the network of `plan`.
    pub fn new(
        plan: WorldPlan,
        bug: Option<Bug>,
        cluster: &Arc<Cluster>,
        recorder: &Arc<Recorder>,
    ) -> Self {
        Self {
            plan,
            bug,
            cluster: Arc::clone(cluster),
            recorder: Arc::clone(recorder),
            chance: Chance::stream(plan.seed, "network"),
            interceptor: Interceptor::new(plan, bug),
            is_healed: AtomicBool::new(false),
        }
    }

    /// Ends all faults: from now on no message is lost, duplicated or late.
    pub fn heal(&self) {
        self.is_healed.store(true, Ordering::SeqCst);
    }

    fn goes_wrong(&self, percent: u32) -> bool {
        !self.is_healed() && self.chance.happens(percent)
    }

    fn is_healed(&self) -> bool {
        self.is_healed.load(Ordering::SeqCst)
    }

    async fn way(&self) {
        sleep(self.delay()).await;
    }

    /// Draws the delay of one message.
    fn delay(&self) -> Duration {
        let longest = if self.is_healed() {
            5
        } else {
            self.plan.longest_delay
        };
        // Most delays are short, so that the long ones let other messages overtake.
        let longest = if self.chance.happens(80) {
            longest.div_ceil(20)
        } else {
            longest
        };
        Duration::from_millis(self.chance.between(0, longest))
    }

    /// Carries a request to a server, without faults on the way. Returns the index of the serving.
    async fn carry(&self, exchange: usize, request: &Request) -> Option<(usize, Reply)> {
        // The server is picked when the request arrives: a load balancer keeps no client on one
        // server, so consecutive requests see different caches and clocks.
        let (number, up) = self.cluster.pick();
        let up = up?;
        let mut request = request.clone();
        if let Some(bug) = self.bug {
            bug.mutate_request(&mut request);
        }
        let refused = self.bug.and_then(|bug| bug.refuse(&request));
        let serving = async {
            match refused {
                Some(refused) => Some(refused),
                None => up.server.serve(message(&request)?).await,
            }
        };
        let answer = tokio::select! {
            biased;
            () = up.ended.cancelled() => None,
            answer = serving => answer,
        }?;
        let mut body = answer.body;
        if let Some(bug) = self.bug {
            // The bug changes the answer before it is recorded, so the checks see the bytes that
            // the device got.
            bug.mutate_answer(&mut body, &self.chance);
        }
        let recorded = body.clone();
        let serving = self
            .recorder
            .served(exchange, number, answer.status, recorded);
        let retry_after = answer.retry_after.map(Duration::from_secs);
        Some((
            serving,
            Reply {
                status: answer.status,
                retry_after,
                body,
            },
        ))
    }

    /// Lets the same request arrive once more, later. Its answer is dropped.
    fn duplicate(self: &Arc<Self>, exchange: usize, request: &Request) {
        let (network, request) = (Arc::clone(self), request.clone());
        let delay = Duration::from_millis(self.chance.between(0, 4 * self.plan.longest_delay));
        tokio::spawn(async move {
            sleep(delay).await;
            drop(network.carry(exchange, &request).await);
        });
    }
}

/// Connection of one device to the servers.
#[derive(Clone)]
pub struct Link {
    actor: Actor,
    network: Arc<Network>,
    is_cut: Arc<AtomicBool>,
    /// True once a server has refused a token of the present session.
    is_refused: Arc<AtomicBool>,
}

impl Link {
    /// Creates the connection of `who`.
    pub fn new(actor: Actor, network: &Arc<Network>) -> Self {
        Self {
            actor,
            network: Arc::clone(network),
            is_cut: Arc::default(),
            is_refused: Arc::default(),
        }
    }

    /// Returns true if a server refused a token since the last call.
    pub fn take_refusal(&self) -> bool {
        self.is_refused.swap(false, Ordering::SeqCst)
    }

    /// Takes the device offline or online.
    pub fn cut(&self, is_cut: bool) {
        self.is_cut.store(is_cut, Ordering::SeqCst);
    }

    fn is_open(&self) -> bool {
        !self.is_cut.load(Ordering::SeqCst)
    }

    /// Sends a PATCH request past the network faults, with a value of `If-Match` if there is one.
    /// Returns the status of the answer.
    pub async fn patch(
        &self,
        path: &str,
        token: String,
        tag: Option<&str>,
        body: Vec<u8>,
    ) -> Option<u16> {
        let network = &self.network;
        let exchange = network
            .recorder
            .sent(self.actor, format!("Patch {path}"), None);
        let (number, up) = network.cluster.pick();
        let up = up?;
        let mut message = http::Request::builder()
            .method(http::Method::PATCH)
            .uri(path)
            .header(AUTHORIZATION, format!("Bearer {token}"))
            .header(CONTENT_TYPE, "application/json");
        if let Some(tag) = tag {
            let tag = network.bug.map_or(tag, |bug| bug.mutate_tag(tag));
            message = message.header(IF_MATCH, tag);
        }
        let message = message.body(Full::from(body)).ok()?;
        let answer = tokio::select! {
            biased;
            () = up.ended.cancelled() => None,
            answer = up.server.serve(message) => answer,
        }?;
        let status = answer.status;
        let serving = network
            .recorder
            .served(exchange, number, status, answer.body);
        network.recorder.delivered(exchange, serving);
        Some(status)
    }

    async fn no_answer<T>(&self, exchange: usize, patience: Duration) -> Result<T, Unreachable> {
        sleep(patience).await;
        self.network.recorder.lost(exchange);
        Err(Unreachable {
            reason: "no answer".to_owned(),
            may_have_arrived: true,
        })
    }
}

#[async_trait]
impl Transport for Link {
    fn server(&self) -> &str {
        ADDRESS
    }

    async fn exchange(&self, mut request: Request) -> Result<Reply, Unreachable> {
        let network = &self.network;
        let novelties = if self.actor.is_device() {
            network.plan.novelties
        } else {
            0
        };
        if let Some(body) = &mut request.body {
            newer_server::to_server(novelties, body);
        }
        let line = format!("{request:?}");
        // Bodies with passwords are not parsed: only sync bodies are read by the checks.
        let is_secret = request.path.starts_with("/api/v1/auth");
        let body = request.body.as_deref().filter(|_| !is_secret);
        let exchange = network.recorder.sent(self.actor, line, body);
        if !self.is_open() {
            return self.no_answer(exchange, Duration::from_millis(100)).await;
        }
        network.way().await;
        if network.goes_wrong(network.plan.lost_requests) {
            return self.no_answer(exchange, PATIENCE).await;
        }
        let is_healed = network.is_healed();
        let intercepted = network.interceptor.answer(self.actor, &request, is_healed);
        if let Some(Intercepted {
            reply,
            is_passed_on,
        }) = intercepted
        {
            if is_passed_on {
                network.duplicate(exchange, &request);
            }
            let what = format!("gets {} from something that is no server", reply.status);
            network.recorder.did(self.actor, what);
            network.recorder.lost(exchange);
            return Ok(reply);
        }
        if network.goes_wrong(network.plan.duplicates) {
            network.duplicate(exchange, &request);
        }
        // A server completes a request after its client has given up, so the request runs in a task
        // of its own.
        let (wires, copy) = (Arc::clone(network), request);
        let serving = tokio::spawn(async move { wires.carry(exchange, &copy).await });
        // Three times the patience: long polls wait up to 15 seconds on purpose.
        let carried = tokio::time::timeout(3 * PATIENCE, serving).await;
        let Ok(Ok(Some((serving, mut reply)))) = carried else {
            return self.no_answer(exchange, Duration::from_millis(100)).await;
        };
        // self.is_open || The server has carried the request out by now, so this is the fault that
        // retries and receipts exist for.
        if network.goes_wrong(network.plan.lost_answers) || !self.is_open() {
            return self.no_answer(exchange, PATIENCE).await;
        }
        network.way().await;
        network.recorder.delivered(exchange, serving);
        if reply.status == 401 {
            self.is_refused.store(true, Ordering::SeqCst);
        }
        newer_server::to_device(novelties, network.bug, &mut reply.body);
        Ok(reply)
    }
}

fn message(request: &Request) -> Option<http::Request<Full<Bytes>>> {
    let method = match request.method {
        Method::Get => http::Method::GET,
        Method::Post => http::Method::POST,
        Method::Put => http::Method::PUT,
        Method::Patch => http::Method::PATCH,
        Method::Delete => http::Method::DELETE,
    };
    let mut message = http::Request::builder()
        .method(method)
        .uri(request.path.as_ref());
    if let Some(token) = &request.bearer {
        message = message.header(AUTHORIZATION, format!("Bearer {token}"));
    }
    if request.body.is_some() {
        message = message.header(CONTENT_TYPE, "application/json");
    }
    let body = request.body.clone().unwrap_or_default();
    message.body(Full::from(body)).ok()
}
