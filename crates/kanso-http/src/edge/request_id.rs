//! Ids of requests, for the log.

use http::HeaderMap;
use kanso_application::ports::ids::Ids;

/// Returns the id in the header `X-Request-Id` if it is safe, or a new id.
///
/// A proxy or a client sends its own id to find the request in several logs.
pub(super) fn request_id(headers: &HeaderMap, ids: &dyn Ids) -> String {
    // Only the first header counts; an id is for finding a log line and has no other effect.
    let sent = headers.get("x-request-id").and_then(|id| id.to_str().ok());
    match sent.filter(|id| is_safe(id)) {
        Some(id) => id.to_owned(),
        None => ids.uuid().to_string(),
    }
}

/// Returns true for 1 to 64 visible ASCII characters: the id is copied to the log and to a header, so
/// it must not contain line breaks or control characters.
fn is_safe(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_up_to_64_visible_characters() {
        for (id, expected) in [
            ("0198c2f4-3333", true),
            ("trace/7:\"x\"", true),
            (&*"a".repeat(64), true),
            (&*"a".repeat(65), false),
            ("", false),
            ("a b", false),
            ("é", false),
        ] {
            assert_eq!(is_safe(id), expected, "{id}");
        }
    }
}
