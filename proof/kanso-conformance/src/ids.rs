//! Ids as a device creates them.

/// Returns a new id as text.
#[expect(
    clippy::disallowed_methods,
    reason = "the kit is a client of its own, at the edge; no test repeats its ids"
)]
pub(crate) fn new_id() -> String {
    uuid::Uuid::new_v4().to_string()
}
