//! A server that is newer than the devices: it says things that this version does not know, and knows
//! them when a device says them.
//!
//! The servers of a run are of this version. So words are replaced on the way to a device, and back on
//! the way to a server. Each pair stands for one member, so no word of a user is touched.

use crate::mutants::Bug;

/// Members that a device cannot read in the new words, so that it shows a stand-in.
pub const UNREAD_MEMBERS: &[&str] = &[
    "kind",
    "schedule_history",
    "target_direction",
    "target_value",
    "timezone",
    "type",
];

/// A word of this version and the word of a newer one, from a number of novelties on.
const WORDS: [(u32, &str, &str); 5] = [
    (
        1,
        r#""timezone":"Europe/Rome""#,
        r#""timezone":"Europe/New_Place""#,
    ),
    (
        1,
        r#""timezone":"America/New_York""#,
        r#""timezone":"America/New_Place""#,
    ),
    (3, r#""type":"boolean""#, r#""type":"checked""#),
    (4, r#""kind":"value""#, r#""kind":"measured""#),
    (4, r#""status":"noop""#, r#""status":"unchanged""#),
];

/// Number of novelties from which on pages have records of an unknown entity.
const NOTES: u32 = 2;

/// A record of an entity that this version does not know.
const NOTE: &str = concat!(
    r#"{"entity":"note","seq":1,"record":{"id":"0198c2f4-8b7e-7c3a-9d2e-4f5a6b7c8d9e","#,
    r#""version":1,"text":"new"}},"#
);

/// Puts the words of this version in place of newer ones, for the servers of the run.
pub(super) fn to_server(novelties: u32, body: &mut Vec<u8>) {
    let words = WORDS.map(|(from, old, new)| (from, new, old));
    replace(novelties, &words, body);
}

/// Puts newer words into an answer of a server.
pub(super) fn to_device(novelties: u32, bug: Option<Bug>, body: &mut Vec<u8>) {
    if novelties == 0 {
        return;
    }
    replace(novelties, &WORDS, body);
    if novelties >= NOTES
        && let Ok(text) = std::str::from_utf8(body)
        && let Some((before, after)) = text.split_once(r#""changes":["#)
        // A page without records must stay one.
        && !after.starts_with(']')
    {
        *body = format!(r#"{before}"changes":[{NOTE}{after}"#).into_bytes();
    }
    if let Some(bug) = bug {
        bug.mutate_strange(body);
    }
}

fn replace(novelties: u32, words: &[(u32, &str, &str)], body: &mut Vec<u8>) {
    if novelties == 0 {
        return;
    }
    let Ok(text) = std::str::from_utf8(body) else {
        return;
    };
    let known = words.iter().filter(|(from, ..)| *from <= novelties);
    let replaced = known.fold(text.to_owned(), |text, (_, old, new)| {
        text.replace(old, new)
    });
    *body = replaced.into_bytes();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newer_words_come_back_as_the_old_ones() {
        let page = br#"{"changes":[{"record":{"type":"boolean","timezone":"Europe/Rome"}}]}"#;
        let mut body = page.to_vec();
        to_device(4, None, &mut body);
        let text = String::from_utf8(body.clone()).expect("text");
        assert!(
            text.contains("Europe/New_Place") && text.contains("note"),
            "{text}"
        );
        body = text.replace(NOTE, "").into_bytes();
        to_server(4, &mut body);
        assert_eq!(body, page);
    }

    #[test]
    fn an_empty_page_stays_empty() {
        let mut body = br#"{"changes":[]}"#.to_vec();
        to_device(4, None, &mut body);
        assert_eq!(body, br#"{"changes":[]}"#);
    }
}
