//! Rate limits by address.

use std::net::IpAddr;

use async_trait::async_trait;

/// What a limiter counts together: one IPv4 address, or one IPv6 /64 (the block that a single
/// subscriber usually holds).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientAddress(IpAddr);

impl ClientAddress {
    /// The key for `address`; an IPv4 address inside IPv6 counts as IPv4.
    pub fn new(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(v6) => {
                let network = v6.to_bits() & !u128::from(u64::MAX);
                Self(IpAddr::V6(network.into()))
            }
            v4 @ IpAddr::V4(_) => Self(v4),
        }
    }

    /// The address, an IPv6 one with its lower 64 bits cleared.
    pub const fn ip(self) -> IpAddr {
        self.0
    }
}

/// How many requests an address may make in a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Requests a window; at least 1.
    pub requests: u32,
    /// The window, in whole seconds; at least 1.
    pub window_seconds: u32,
}

/// What the limiter says to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitState {
    /// Whether the request may proceed.
    pub allowed: bool,
    /// The limit that was applied.
    pub limit: RateLimit,
    /// Requests that may still follow at once.
    pub remaining: u32,
    /// Seconds until the whole limit is available again, rounded up.
    pub reset_seconds: u32,
    /// Seconds until the next request may succeed, rounded up; 0 when allowed.
    pub retry_after_seconds: u32,
}

/// Counts requests by address (generic cell rate algorithm, ITU-T I.371).
#[async_trait]
pub trait RateLimiter: Send + Sync {
    /// Counts one request of `address` against `limit`. Never fails: an adapter whose store is
    /// away falls back to counting by itself.
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
