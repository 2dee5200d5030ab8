//! Instants and cursors in queries.

use std::borrow::Cow;

use kanso_application::sync::ReadPosition;
use kanso_domain::FieldError;
use kanso_protocol::parse_cursor;

use crate::problem::{ApiError, Code};

/// A text as it was before a client forgot to escape the `+` of an offset, which a query reads as
/// a space.
pub(crate) fn instant_text(text: &str) -> Cow<'_, str> {
    match text.rfind(' ') {
        Some(place) if place > 10 => {
            Cow::Owned(format!("{}+{}", &text[..place], &text[place + 1..]))
        }
        _ => Cow::Borrowed(text),
    }
}

/// What a device has seen, as a parameter says it: an RFC 3339 instant or a cursor.
pub(crate) fn seen(parameter: &'static str, text: Option<&str>) -> Result<ReadPosition, ApiError> {
    let Some(text) = text else {
        return Ok(ReadPosition::Beginning);
    };
    if text.starts_with("k1_") {
        return parse_cursor(text)
            .map(ReadPosition::Cursor)
            .map_err(|_| Code::CursorMalformed.into());
    }
    instant_text(text)
        .parse()
        .map(ReadPosition::Instant)
        .map_err(|_| {
            let reason =
                "must be an RFC 3339 instant such as 2026-11-22T13:05:09.123456Z or a cursor";
            ApiError::members(
                Code::InvalidParameter,
                &[FieldError::new(parameter, reason)],
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unescaped_plus_is_read_back() {
        for (given, read) in [
            ("2026-11-22T13:05:09 01:00", "2026-11-22T13:05:09+01:00"),
            ("2026-11-22 13:05:09Z", "2026-11-22 13:05:09Z"),
            ("2026-11-22 13:05:09 01:00", "2026-11-22 13:05:09+01:00"),
            ("2026-11-22T13:05:09Z", "2026-11-22T13:05:09Z"),
            ("", ""),
        ] {
            assert_eq!(instant_text(given), read);
        }
    }
}
