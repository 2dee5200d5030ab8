//! What is counted for operators.

use metrics::{counter, gauge};

/// Redis did not answer, and whoever asked went on without it.
pub(crate) fn went_without(purpose: &'static str) {
    counter!("kanso_redis_fallbacks_total", "use" => purpose).increment(1);
}

/// Whether Redis answered the last time.
pub(crate) fn answers(is_up: bool) {
    gauge!("kanso_redis_up").set(u8::from(is_up));
}

/// An answer was looked for, and found or not.
pub(crate) fn looked_up(is_found: bool) {
    let result = if is_found { "hit" } else { "miss" };
    counter!("kanso_stats_cache_lookups_total", "result" => result).increment(1);
}
