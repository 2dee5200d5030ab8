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

/// Connections of an IPv6 network of 48 bits, as a multiple of those of one client. Such a network may be a
/// company with many devices, or one subscriber with 65,536 networks of 64 bits.
const SITE_FACTOR: usize = 16;

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
    /// Counts of IPv6 networks of 48 bits.
    by_site: HashMap<ClientAddress, usize>,
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
        let of_site = self.of_client.saturating_mul(SITE_FACTOR);
        // One client may be many devices behind one address: the silent ones make room.
        let idle = if is_proxy {
            None
        } else if state.of_client(client) >= self.of_client {
            Some(state.longest_idle(|connection| connection.client == client))
        } else if state.of_site(client) >= of_site {
            Some(state.longest_idle(|connection| connection.client.site() == client.site()))
        } else {
            None
        };
        if let Some(idle) = idle {
            idle.first()?.cancel();
        }
        *state.by_client.entry(client).or_default() += 1;
        if let Some(site) = client.site() {
            *state.by_site.entry(site).or_default() += 1;
        }
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
    fn of_client(&self, client: ClientAddress) -> usize {
        self.by_client.get(&client).copied().unwrap_or_default()
    }

    /// Returns the connections of the client's IPv6 network of 48 bits; 0 for IPv4.
    fn of_site(&self, client: ClientAddress) -> usize {
        let count = client.site().and_then(|site| self.by_site.get(&site));
        count.copied().unwrap_or_default()
    }

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
        closed(&mut state.by_client, self.client);
        if let Some(site) = self.client.site() {
            closed(&mut state.by_site, site);
        }
    }
}

fn closed(counts: &mut HashMap<ClientAddress, usize>, of: ClientAddress) {
    if let Some(count) = counts.get_mut(&of) {
        *count -= 1;
        // Clients without connections must not stay in the map, which would only grow.
        if *count == 0 {
            counts.remove(&of);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open_connections(client_connections: usize) -> Arc<OpenConnections> {
        let limits = Limits {
            client_connections,
            ..Limits::default()
        };
        let proxies = vec!["2001:db8:ffff::/48".parse().expect("a network")];
        OpenConnections::new(&limits, proxies)
    }

    /// Opens a connection of a network of 64 bits within one of 48 bits.
    fn opened(open: &Arc<OpenConnections>, site: u16, network: usize) -> ConnectionGuard {
        let address = format!("2001:db8:{site:x}:{network:x}::1");
        let peer = address.parse().expect("an address");
        open.open(peer).expect("an idle one makes room")
    }

    #[test]
    fn a_site_has_sixteen_times_the_connections_of_a_client() {
        let open = open_connections(2);
        let mut guards: Vec<_> = (0..32).map(|nth| opened(&open, 1, nth / 2)).collect();
        let other = opened(&open, 2, 1);
        assert!(!guards.iter().any(|guard| guard.evicted.is_cancelled()));
        guards.push(opened(&open, 1, 99));
        let evicted = |guards: &[ConnectionGuard]| {
            let evicted = guards.iter().filter(|guard| guard.evicted.is_cancelled());
            evicted.count()
        };
        assert_eq!(evicted(&guards), 1, "one of the site made room");
        assert!(!other.evicted.is_cancelled());
        drop(guards);
        let state = open.state();
        assert_eq!((state.by_site.len(), state.by_client.len()), (1, 1));
        drop(state);
        drop(other);
        assert!(open.state().by_site.is_empty());
    }

    #[test]
    fn the_site_of_a_proxy_has_no_bound() {
        let open = open_connections(1);
        let guards: Vec<_> = (0..40).map(|nth| opened(&open, 0xffff, nth)).collect();
        assert!(!guards.iter().any(|guard| guard.evicted.is_cancelled()));
    }
}
