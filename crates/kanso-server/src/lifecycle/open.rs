//! The open connections: their number for each client, and which of them waits longest.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ipnet::IpNet;
use kanso_application::ports::limiter::ClientAddress;
use tokio_util::sync::CancellationToken;

use super::Limits;
use super::activity::Activity;

/// Share of the connections that are closed together when no more are free. Finding the longest idle
/// ones looks at all, so it is done for many at once.
const EVICTED_SHARE: usize = 100;

/// The open connections of a server.
pub(super) struct OpenConnections {
    state: Mutex<State>,
    /// Most connections of one client.
    of_client: usize,
    /// Networks of proxies, which connect for many clients.
    proxies: Vec<IpNet>,
}

#[derive(Default)]
struct State {
    by_client: HashMap<ClientAddress, usize>,
    connections: HashMap<u64, OpenConnection>,
    next: u64,
}

struct OpenConnection {
    client: ClientAddress,
    activity: Arc<Activity>,
    evicted: CancellationToken,
}

/// A connection that counts as open until this is dropped.
pub(super) struct ConnectionGuard {
    open: Arc<OpenConnections>,
    number: u64,
    client: ClientAddress,
    /// State of the connection.
    pub(super) activity: Arc<Activity>,
    /// Cancelled when the connection has to make room for another.
    pub(super) evicted: CancellationToken,
}

impl OpenConnections {
    pub(super) fn new(limits: &Limits, proxies: Vec<IpNet>) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            of_client: limits.client_connections,
            proxies,
        })
    }

    /// Counts a new connection of `peer`; `None` if this client has too many already.
    pub(super) fn open(self: &Arc<Self>, peer: IpAddr) -> Option<ConnectionGuard> {
        // A socket for both families reports an IPv4 peer as an IPv6 address.
        let peer = peer.to_canonical();
        let client = ClientAddress::new(peer);
        let is_proxy = self.proxies.iter().any(|net| net.contains(&peer));
        let mut state = self.state();
        let count = state.by_client.get(&client).copied().unwrap_or_default();
        if count >= self.of_client && !is_proxy {
            // One client may be many devices behind one address: the silent ones make room.
            let idle = state.longest_idle(|connection| connection.client == client);
            let room = idle.into_iter().next()?;
            room.cancel();
        }
        *state.by_client.entry(client).or_default() += 1;
        let number = state.next;
        state.next += 1;
        let guard = ConnectionGuard {
            open: Arc::clone(self),
            number,
            client,
            activity: Activity::new(),
            evicted: CancellationToken::new(),
        };
        let connection = OpenConnection {
            client,
            activity: Arc::clone(&guard.activity),
            evicted: guard.evicted.clone(),
        };
        state.connections.insert(number, connection);
        Some(guard)
    }

    /// Closes the connections that wait longest for a request.
    pub(super) fn evict_idle(&self) {
        let state = self.state();
        let count = (state.connections.len() / EVICTED_SHARE).max(1);
        for evicted in state.longest_idle(|_| true).iter().take(count) {
            evicted.cancel();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No change can panic half way, so a poisoned lock guards consistent counts.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Returns the connections among `of` that wait for a request, the longest wait first.
    fn longest_idle(&self, of: impl Fn(&OpenConnection) -> bool) -> Vec<CancellationToken> {
        let waiting = |connection: &OpenConnection| connection.activity.waiting_since();
        let mut idle: Vec<_> = self
            .connections
            .values()
            // One that is being closed already must not count again.
            .filter(|connection| of(connection) && !connection.evicted.is_cancelled())
            .filter_map(|connection| Some((waiting(connection)?, connection.evicted.clone())))
            .collect();
        idle.sort_unstable_by_key(|(since, _)| *since);
        idle.into_iter().map(|(_, evicted)| evicted).collect()
    }
}

impl Drop for ConnectionGuard {
    fn drop(&mut self) {
        let mut state = self.open.state();
        state.connections.remove(&self.number);
        if let Some(count) = state.by_client.get_mut(&self.client) {
            *count -= 1;
            // Clients without connections must not stay in the map, which would only grow.
            if *count == 0 {
                state.by_client.remove(&self.client);
            }
        }
    }
}
