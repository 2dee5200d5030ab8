//! The id by which a request is found in the log.

use http::HeaderMap;
use kanso_application::ports::ids::Ids;

/// The id that the request brought, if it is harmless, or a fresh one.
pub(super) fn request_id(headers: &HeaderMap, ids: &dyn Ids) -> String {
    let brought = headers.get("x-request-id").and_then(|id| id.to_str().ok());
    match brought.filter(|id| is_harmless(id)) {
        Some(id) => id.to_owned(),
        None => ids.uuid().to_string(),
    }
}

fn is_harmless(id: &str) -> bool {
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
            assert_eq!(is_harmless(id), expected, "{id}");
        }
    }
}
