//! Settings that work, but weaken the server.

use ipnet::IpNet;

use super::Config;

/// Returns a warning for each such setting.
pub(super) fn warnings(config: &Config) -> impl Iterator<Item = String> {
    let wide = config.trusted_proxies.iter().filter(|net| is_wide(net));
    wide.map(|net| {
        format!(
            "KANSO_TRUSTED_PROXIES: {net} covers far more than proxies; every client in it can claim \
             any address and so escape the limits; name your proxies only"
        )
    })
}

/// Returns true if a network is too large to hold only proxies.
fn is_wide(net: &IpNet) -> bool {
    match net {
        // Loopback addresses are those of one machine.
        IpNet::V4(net) => net.prefix_len() < 16 && !net.network().is_loopback(),
        IpNet::V6(net) => net.prefix_len() < 32,
    }
}
