//! Entity tags as they come back: a proxy may have changed them on the way.
//!
//! A proxy that compresses an answer makes its tag weak (nginx, Caddy), or appends the coding to it
//! (Apache: `"3-gzip"`, others: `"3--gzip"`, `"3;br"`). The tags of this server name a version, so
//! they mean the same with and without that.

use http::{HeaderMap, HeaderName};
use kanso_domain::Version;

/// The codings that a proxy appends to a tag.
const CODINGS: [&str; 7] = ["x-gzip", "gzip", "br", "zstd", "deflate", "compress", "df"];

/// Returns the tags of a header, in their order.
pub(super) fn tags(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    headers
        .get_all(name)
        .iter()
        // `?` is not a tag: a header that is not ASCII matches nothing.
        .flat_map(|value| value.to_str().unwrap_or("?").split(','))
        .map(str::trim)
}

/// Returns the version that a tag names.
pub(super) fn version(tag: &str) -> Option<Version> {
    let text = sent(tag)?;
    let version = text.parse().ok().and_then(Version::new)?;
    // `parse` also accepts a sign and leading zeros, and `"+3"` is another tag than `"3"`.
    (version.to_string() == text).then_some(version)
}

/// Returns true if `tag` is the tag `"stored"`, which stands in quotes.
pub(super) fn is_tag(tag: &str, stored: &str) -> bool {
    strong(tag) == stored || sent(tag).is_some_and(|text| opaque(stored) == Some(text))
}

/// Returns the text of a tag as this server sent it.
fn sent(tag: &str) -> Option<&str> {
    Some(without_coding(opaque(strong(tag))?))
}

/// Weak and strong tags mean the same here: they name versions, not bytes.
fn strong(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag)
}

/// Returns the text between the quotes.
fn opaque(tag: &str) -> Option<&str> {
    tag.strip_prefix('"')?.strip_suffix('"')
}

fn without_coding(text: &str) -> &str {
    let stem = CODINGS.iter().find_map(|coding| {
        let place = text.len().checked_sub(coding.len())?;
        let ends_with_it = text.get(place..)?.eq_ignore_ascii_case(coding);
        let stem = &text[..place];
        // Without a separator the letters belong to the tag.
        let bare = stem.trim_end_matches(['-', ';', ':', '+', '_', '.']);
        (ends_with_it && bare.len() < stem.len()).then_some(bare)
    });
    stem.unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tag_changed_by_a_proxy_names_its_version() {
        let number = |tag| version(tag).map(Version::get);
        for tag in [
            "\"3\"",
            "W/\"3\"",
            "\"3-gzip\"",
            "W/\"3-gzip\"",
            "\"3--gzip\"",
            "\"3;br\"",
            "\"3-br\"",
            "\"3-zstd\"",
            "\"3:deflate\"",
            "\"3-x-gzip\"",
            "\"3-GZIP\"",
        ] {
            assert_eq!(number(tag), Some(3), "{tag}");
        }
        for tag in [
            "3",
            "w/\"3\"",
            "W/3",
            "\"x\"",
            "\"0\"",
            "\"-3\"",
            "\"+3\"",
            "\"03\"",
            "\"3gzip\"",
            "\"3-\"",
            "\"3-x\"",
            "\"-gzip\"",
            "\"\"",
            "\"",
            "",
            "\"99999999999999999999\"",
        ] {
            assert_eq!(number(tag), None, "{tag}");
        }
    }

    #[test]
    fn opaque_tag_is_found_behind_a_coding() {
        let stored = "\"0.1.0_2026a_7_2026-11-22_UTC\"";
        for tag in [
            stored,
            "W/\"0.1.0_2026a_7_2026-11-22_UTC\"",
            "\"0.1.0_2026a_7_2026-11-22_UTC-gzip\"",
            "W/\"0.1.0_2026a_7_2026-11-22_UTC;br\"",
        ] {
            assert!(is_tag(tag, stored), "{tag}");
        }
        for tag in ["", "\"\"", "\"0.1.0_2026a_8_2026-11-22_UTC\"", "*"] {
            assert!(!is_tag(tag, stored), "{tag}");
        }
        // A tag of our own may end like a coding.
        assert!(is_tag("\"a-br\"", "\"a-br\""));
    }
}
