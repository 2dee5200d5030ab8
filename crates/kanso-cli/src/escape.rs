//! Texts of users and servers, made safe for a terminal.
//!
//! A title may have control characters, from another client or an import. Written as they are, they
//! could clear the screen, write the clipboard, or turn the direction of the text. So they are shown
//! escaped, as `\u{1b}`. Joiners and variation selectors stay: emoji and several scripts need them.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Returns true if a terminal would carry out `c`, or show nothing for it.
const fn is_unsafe(c: char) -> bool {
    matches!(
        c,
        // C0, DEL and C1.
        '\0'..='\u{1f}'
            | '\u{7f}'..='\u{9f}'
            // Soft hyphen, and fillers that show nothing.
            | '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180e}' | '\u{3164}' | '\u{ffa0}'
            // Direction of the text: marks, embeddings, overrides and isolates.
            | '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
            // Zero width space, line and paragraph separators, invisible operators.
            | '\u{200b}' | '\u{2028}' | '\u{2029}' | '\u{2060}'..='\u{2065}'
            | '\u{206a}'..='\u{206f}' | '\u{feff}' | '\u{fff0}'..='\u{fffb}'
            // Shorthand and musical formatting, and tags.
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

/// Returns `text` as one line without control characters.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => safe.push_str("\\n"),
            '\r' => safe.push_str("\\r"),
            '\t' => safe.push_str("\\t"),
            c if is_unsafe(c) => safe.extend(c.escape_unicode()),
            c => safe.push(c),
        }
    }
    Cow::Owned(safe)
}

/// Returns the output of a command without control characters, except for line breaks and, if
/// `has_colors`, for colours.
///
/// The last barrier: texts of users are made safe where they enter a table or a sentence.
pub(crate) fn output(text: &str, has_colors: bool) -> Cow<'_, str> {
    if !text.contains(|c| c != '\n' && is_unsafe(c)) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let style = has_colors.then(|| style_length(rest)).flatten();
        let length = style.unwrap_or(c.len_utf8());
        let (piece, after) = rest.split_at(length);
        if c == '\n' || style.is_some() {
            safe.push_str(piece);
        } else {
            safe.push_str(&plain(piece));
        }
        rest = after;
    }
    Cow::Owned(safe)
}

/// Returns the length of the escape sequence for a colour or a weight at the start of `text`.
fn style_length(text: &str) -> Option<usize> {
    let parameters = text.strip_prefix("\u{1b}[")?;
    let end = parameters.find(|c: char| !c.is_ascii_digit() && c != ';')?;
    parameters[end..].starts_with('m').then_some(2 + end + 1)
}

/// Returns JSON text in which the characters that a terminal would carry out are escaped. It stays
/// the same JSON.
pub(crate) fn json(text: &str) -> Cow<'_, str> {
    if !text.contains(|c| c != '\n' && is_unsafe(c)) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        // Outside of strings, JSON text of serde has line breaks only.
        if c == '\n' || !is_unsafe(c) {
            safe.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            // Writing to a string does not fail.
            let _ = write!(safe, "\\u{unit:04x}");
        }
    }
    Cow::Owned(safe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_reaches_the_terminal_as_it_is() {
        for (text, expected) in [
            ("\u{1b}[31mred", "\\u{1b}[31mred"),
            ("bell\u{7}", "bell\\u{7}"),
            ("two\nlines\r\tx", "two\\nlines\\r\\tx"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("del\u{7f}", "del\\u{7f}"),
            ("back\u{202e}wards", "back\\u{202e}wards"),
            ("\u{200b}\u{feff}\u{2066}", "\\u{200b}\\u{feff}\\u{2066}"),
            (
                "👩\u{200d}🚀 ❤\u{fe0f} Übung",
                "👩\u{200d}🚀 ❤\u{fe0f} Übung",
            ),
        ] {
            assert_eq!(plain(text), expected);
            assert_eq!(plain(&plain(text)), expected, "again");
        }
    }

    #[test]
    fn only_own_colours_pass_the_last_barrier() {
        let text = "\u{1b}[1mbold\u{1b}[0m\n\u{1b}]52;c;x\u{7}\u{1b}[2J";
        let safe = "\u{1b}[1mbold\u{1b}[0m\n\\u{1b}]52;c;x\\u{7}\\u{1b}[2J";
        assert_eq!(output(text, true), safe);
        assert!(!output(text, false).contains('\u{1b}'));
        assert_eq!(output("a\nb", false), "a\nb");
    }

    #[test]
    fn json_stays_the_same_json() {
        let value =
            serde_json::json!({"title": "\u{1b}[31m\u{9b}\u{202e}\u{e0041}\u{7f} two\nlines"});
        let text = format!("{value:#}");
        let safe = json(&text);
        assert!(!safe.contains(|c| c != '\n' && is_unsafe(c)), "{safe}");
        let read: serde_json::Value = serde_json::from_str(&safe).expect("JSON");
        assert_eq!(read, value);
    }
}
