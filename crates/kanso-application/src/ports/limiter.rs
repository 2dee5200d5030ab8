//! Rate limits by address and by user.

use std::net::IpAddr;

use async_trait::async_trait;
use kanso_domain::UserId;

/// The address by which a limiter counts: one IPv4 address, or one IPv6 /64 block.
///
/// A single subscriber usually holds a whole /64 block.
///
/// ```
/// use kanso_application::ports::limiter::ClientAddress;
///
/// let address = |text: &str| text.parse().map(ClientAddress::new);
/// assert_eq!(address("2001:db8:1:2:3:4:5:6")?, address("2001:db8:1:2::1")?);
/// assert_eq!(address("::ffff:192.0.2.7")?, address("192.0.2.7")?);
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientAddress(IpAddr);

impl ClientAddress {
    /// Returns the key for `address`. An IPv4 address inside IPv6 counts as IPv4.
    pub fn new(address: IpAddr) -> Self {
        // A server that listens on IPv6 sees IPv4 clients as `::ffff:a.b.c.d`. Without this, all of
        // them would share one /64 block.
        match address.to_canonical() {
            IpAddr::V6(v6) => {
                let network = v6.to_bits() & !u128::from(u64::MAX);
                Self(IpAddr::V6(network.into()))
            }
            v4 @ IpAddr::V4(_) => Self(v4),
        }
    }

    /// Returns the /48 block of an IPv6 address, which one subscriber may hold too; `None` for IPv4.
    pub fn site(self) -> Option<Self> {
        let IpAddr::V6(block) = self.0 else {
            return None;
        };
        let site = block.to_bits() & (u128::MAX << 80);
        Some(Self(IpAddr::V6(site.into())))
    }

    /// Returns the text for a log: an IPv4 address, or the /64 block of an IPv6 address.
    pub fn network(self) -> String {
        match self.0 {
            IpAddr::V4(v4) => v4.to_string(),
            IpAddr::V6(v6) => format!("{v6}/64"),
        }
    }

    /// Returns the address. The lower 64 bits of an IPv6 address are 0.
    pub const fn ip(self) -> IpAddr {
        self.0
    }
}

/// A number of requests per window.
///
/// ```
/// use kanso_application::ports::limiter::{LimitScope, RateLimit};
///
/// let limit = RateLimit::new(100, 60);
/// assert_eq!((limit.scope, limit.requests, limit.window_seconds), (LimitScope::All, 100, 60));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RateLimit {
    /// Requests that it limits.
    pub scope: LimitScope,
    /// Requests per window, at least 1.
    pub requests: u32,
    /// Length of the window in whole seconds, at least 1.
    pub window_seconds: u32,
}

/// The requests that a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LimitScope {
    /// All requests.
    All,
    /// Log-ins.
    LogIn,
    /// Registrations.
    Registration,
    /// Refreshes of a session.
    Refresh,
    /// Requests of a user, from all addresses together.
    User,
}

impl LimitScope {
    /// Returns the name in headers and in keys of a shared store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::All => "default",
            Self::LogIn => "login",
            Self::Registration => "register",
            Self::Refresh => "refresh",
            Self::User => "user",
        }
    }
}

impl RateLimit {
    /// Returns a limit on all requests.
    pub const fn new(requests: u32, window_seconds: u32) -> Self {
        Self {
            scope: LimitScope::All,
            requests,
            window_seconds,
        }
    }
}

/// Limits on the requests that try a password, make an account or use a refresh token. They are stricter
/// than the one on all requests: each costs the server much, or could guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountLimits {
    /// Log-ins of one address.
    pub log_in: RateLimit,
    /// Registrations of one address.
    pub registration: RateLimit,
    /// Refreshes of one address.
    pub refresh: RateLimit,
}

impl Default for AccountLimits {
    /// 10 log-ins a minute, 5 registrations an hour and 300 refreshes a minute: a refresh is cheap, and many
    /// devices may share an address.
    fn default() -> Self {
        let limit = |scope, requests, window_seconds| RateLimit {
            scope,
            requests,
            window_seconds,
        };
        Self {
            log_in: limit(LimitScope::LogIn, 10, 60),
            registration: limit(LimitScope::Registration, 5, 3_600),
            refresh: limit(LimitScope::Refresh, 300, 60),
        }
    }
}

/// The client whose requests are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LimitedClient {
    /// All requests of an address.
    Address(ClientAddress),
    /// All requests of a user.
    User(UserId),
}

impl From<ClientAddress> for LimitedClient {
    fn from(address: ClientAddress) -> Self {
        Self::Address(address)
    }
}

impl From<UserId> for LimitedClient {
    fn from(user: UserId) -> Self {
        Self::User(user)
    }
}

/// The answer of the limiter to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitState {
    /// True if the request may proceed.
    pub allowed: bool,
    /// Limit that was applied.
    pub limit: RateLimit,
    /// Number of requests that may follow at once.
    pub remaining: u32,
    /// Seconds until the whole limit is available again, rounded up.
    pub reset_seconds: u32,
    /// Seconds until the next request may succeed, rounded up; 0 if allowed.
    pub retry_after_seconds: u32,
}

/// Counts requests by client with the generic cell rate algorithm (ITU-T I.371).
#[async_trait]
pub trait RateLimiter: Send + Sync {
    /// Counts a request of `client` against `limit`, as `cost` requests. A cost above the limit counts
    /// as the whole limit. It never fails: an adapter whose store does not answer counts in its own
    /// process.
    async fn check(&self, client: LimitedClient, limit: RateLimit, cost: u32) -> LimitState;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_subscriber_is_one_client() {
        let key = |text: &str| {
            ClientAddress::new(text.parse().expect(text))
                .ip()
                .to_string()
        };
        assert_eq!(key("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(key("2001:db8:1:2::"), "2001:db8:1:2::");
        assert_eq!(key("::ffff:192.0.2.7"), "192.0.2.7");
        assert_eq!(key("192.0.2.7"), "192.0.2.7");
        let network = |text: &str| ClientAddress::new(text.parse().expect(text)).network();
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
        assert_eq!(network("::ffff:192.0.2.7"), "192.0.2.7");
        let site = |text: &str| ClientAddress::new(text.parse().expect(text)).site();
        assert_eq!(site("192.0.2.7"), None);
        assert_eq!(site("2001:db8:1:2::3"), site("2001:db8:1:ffff::"));
        assert_ne!(site("2001:db8:1:2::3"), site("2001:db8:2:2::3"));
    }
}
