//! The text form of a cursor: `k1_` and base64url without padding.
//!
//! The bytes are the domain's: epoch, position and a checksum. The prefix has the number of the
//! format, so a later format can be recognised before it is decoded.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kanso_domain::sync::Cursor;

const PREFIX: &str = "k1_";

/// Error: the text is not a cursor of this server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not a cursor of this server")]
pub struct CursorMalformed;

/// Returns the text of `cursor`: opaque, at most 39 URL-safe characters.
///
/// # Examples
/// ```
/// use kanso_domain::Seq;
/// use kanso_domain::sync::{Cursor, Epoch};
/// use kanso_protocol::{format_cursor, parse_cursor};
///
/// let cursor = Cursor {
///     epoch: Epoch::new(7),
///     seq: Seq::new(8_816).ok_or("a position is not negative")?,
///     first_pull: None,
/// };
/// let text = format_cursor(cursor);
/// assert!(text.starts_with("k1_"));
/// assert_eq!(parse_cursor(&text), Ok(cursor));
/// # Ok::<(), &str>(())
/// ```
pub fn format_cursor(cursor: Cursor) -> String {
    format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(cursor.to_bytes()))
}

/// Reads a text that [`format_cursor`] wrote.
///
/// # Errors
/// [`CursorMalformed`] for any other text.
///
/// # Examples
/// ```
/// use kanso_protocol::{CursorMalformed, parse_cursor};
///
/// let text = "k1_ASNFZ4mrze8AAAAAAAAicHNaYSc";
/// assert_eq!(parse_cursor(text)?.seq.get(), 8_816);
///
/// // The checksum catches a text that was cut or mistyped.
/// assert_eq!(parse_cursor(&text[..29]), Err(CursorMalformed));
/// # Ok::<(), CursorMalformed>(())
/// ```
pub fn parse_cursor(text: &str) -> Result<Cursor, CursorMalformed> {
    let encoded = text.strip_prefix(PREFIX).ok_or(CursorMalformed)?;
    // The decoder refuses padding and non-zero trailing bits, so no second text decodes to these
    // bytes: a cursor can be compared as text.
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
    fn cursor_round_trips_through_its_text() {
        let seq = Seq::new(8_816).expect("not negative");
        let cursor = Cursor {
            epoch: Epoch::new(0x0123_4567_89ab_cdef),
            seq,
            first_pull: None,
        };
        let text = format_cursor(cursor);
        // Pinned: devices store cursors for months, so a new version must read the old texts.
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
    fn cut_or_altered_text_is_malformed() {
        let good = "k1_ASNFZ4mrze8AAAAAAAAicHNaYSc";
        // Nothing, a prefix alone, a later format, a cut text, and texts that are not base64.
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
