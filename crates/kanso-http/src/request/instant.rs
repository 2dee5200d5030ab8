//! Instants and cursors in queries.

use std::borrow::Cow;

use kanso_application::sync::ReadPosition;
use kanso_domain::{FieldError, Timestamp};
use kanso_protocol::parse_cursor;

use crate::problem::{ApiError, Code};

/// Restores the `+` of an offset, which a query decodes to a space unless it is escaped.
///
/// Clients forget to escape it often enough to accept it: a space at this place has no other meaning.
pub(crate) fn instant_text(text: &str) -> Cow<'_, str> {
    match text.rfind(' ') {
        // Before position 10 there is only the date: RFC 3339 allows a space after it.
        Some(place) if place > 10 => {
            Cow::Owned(format!("{}+{}", &text[..place], &text[place + 1..]))
        }
        _ => Cow::Borrowed(text),
    }
}

/// Parses the position up to which a device has read: an RFC 3339 instant or a cursor.
///
/// Without either, it is the beginning of time, and the answer has tombstones: a client of the first
/// version of the API that asks for everything removes what was deleted.
pub(crate) fn parse_seen(
    parameter: &'static str,
    text: Option<&str>,
) -> Result<ReadPosition, ApiError> {
    let Some(text) = text else {
        return Ok(ReadPosition::Instant(Timestamp::MIN));
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
    fn unescaped_plus_is_restored() {
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
