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
