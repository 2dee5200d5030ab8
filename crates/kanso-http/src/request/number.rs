//! Numbers in queries.

use std::str::FromStr;

/// Reads a whole number in its one form: digits without a sign and without leading zeros.
///
/// `FromStr` also reads `+10` and `010`. A sender of `010` may mean eight, and `+` is a space in a
/// query, so `+10` comes from a client that does not know what it sends.
pub(crate) fn number<T: FromStr>(text: &str) -> Option<T> {
    let is_plain = text == "0" || !text.starts_with('0');
    let is_digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_plain && is_digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_has_one_form() {
        for (text, expected) in [
            ("0", Some(0)),
            ("10", Some(10)),
            ("010", None),
            ("00", None),
            ("+10", None),
            ("-1", None),
            ("-0", None),
            (" 1", None),
            ("1 ", None),
            ("1.0", None),
            ("1e1", None),
            ("\u{0661}", None),
            ("", None),
            ("99999999999", None),
        ] {
            assert_eq!(number::<i32>(text), expected, "{text:?}");
        }
    }
}
