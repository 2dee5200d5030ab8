//! The cursor as text: `k1_` and base64url.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kanso_domain::sync::Cursor;

const PREFIX: &str = "k1_";

/// A text that is not a cursor of this server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not a cursor of this server")]
pub struct CursorMalformed;

/// The text of `cursor`: opaque, at most 39 URL-safe characters.
pub fn format_cursor(cursor: Cursor) -> String {
    format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(cursor.to_bytes()))
}

/// Reads what [`format_cursor`] wrote.
///
/// # Errors
/// Anything else.
pub fn parse_cursor(text: &str) -> Result<Cursor, CursorMalformed> {
    let encoded = text.strip_prefix(PREFIX).ok_or(CursorMalformed)?;
    let bytes = URL_SAFE_NO_PAD
        .decode(encoded)
        .map_err(|_| CursorMalformed)?;
    Cursor::from_bytes(&bytes).ok_or(CursorMalformed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use kanso_domain::Seq;
    use kanso_domain::sync::Epoch;

    #[test]
    fn a_cursor_survives_its_text() {
        let seq = Seq::new(8_816).expect("not negative");
        let cursor = Cursor {
            epoch: Epoch::new(0x0123_4567_89ab_cdef),
            seq,
            first_pull: None,
        };
        let text = format_cursor(cursor);
        assert_eq!(text, "k1_ASNFZ4mrze8AAAAAAAAicHNaYSc");
        assert_eq!(parse_cursor(&text), Ok(cursor));
        let first_pull = Cursor {
            first_pull: Some(seq),
            ..cursor
        };
        let text = format_cursor(first_pull);
        assert_eq!(text.len(), 39);
        assert_eq!(parse_cursor(&text), Ok(first_pull));
    }

    #[test]
    fn what_was_cut_or_altered_is_malformed() {
        let good = "k1_ASNFZ4mrze8AAAAAAAAicHNaYSc";
        for bad in [
            "",
            "k1_",
            "k2_ASNFZ4mrze8AAAAAAAAicE0YKy0",
            &good[..29],
            "k1_!!!!",
            "0",
            "é",
        ] {
            assert_eq!(parse_cursor(bad), Err(CursorMalformed), "{bad}");
        }
    }
}
