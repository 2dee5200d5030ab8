//! Metrics.

use metrics::{counter, gauge};

/// Counts a call that continued without Redis.
pub(crate) fn fell_back(purpose: &'static str) {
    counter!("kanso_redis_fallbacks_total", "use" => purpose).increment(1);
}

/// Records if Redis answered the last call.
pub(crate) fn set_up(is_up: bool) {
    gauge!("kanso_redis_up").set(u8::from(is_up));
}

/// Counts a look-up in the cache of statistics.
pub(crate) fn looked_up(is_found: bool) {
    let result = if is_found { "hit" } else { "miss" };
    counter!("kanso_stats_cache_lookups_total", "result" => result).increment(1);
}
