//! Rate limits by address.

use std::net::IpAddr;

use async_trait::async_trait;

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

    /// Returns the address. The lower 64 bits of an IPv6 address are 0.
    pub const fn ip(self) -> IpAddr {
        self.0
    }
}

/// A number of requests per window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Requests per window, at least 1.
    pub requests: u32,
    /// Length of the window in whole seconds, at least 1.
    pub window_seconds: u32,
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

/// Counts requests by address with the generic cell rate algorithm (ITU-T I.371).
#[async_trait]
pub trait RateLimiter: Send + Sync {
    /// Counts one request of `address` against `limit`. It never fails: an adapter whose store does
    /// not answer counts in its own process.
    async fn check(&self, address: ClientAddress, limit: RateLimit) -> LimitState;
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
    }
}
