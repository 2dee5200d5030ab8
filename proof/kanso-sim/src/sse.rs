//! Server-sent events (HTML standard, §9.2), the subset that the event stream uses.

use serde_json::Value;

/// One event.
#[derive(Clone, Debug, PartialEq)]
pub struct SseEvent {
    /// Its name.
    pub name: String,
    /// Its data.
    pub data: Value,
}

impl SseEvent {
    /// Position that it reports.
    pub fn head(&self) -> Option<i64> {
        self.data.get("head")?.as_i64()
    }
}

/// Removes the next complete event from `text`; an incomplete one stays.
pub fn next(text: &mut String) -> Option<SseEvent> {
    loop {
        let (whole, rest) = text.split_once("\n\n")?;
        let read = read(whole);
        *text = rest.to_owned();
        // A block without a name or data is not an event of this stream.
        if read.is_some() {
            return read;
        }
    }
}

/// Returns all complete events of `text`.
pub fn all(text: &str) -> Vec<SseEvent> {
    let mut text = text.to_owned();
    std::iter::from_fn(|| next(&mut text)).collect()
}

fn read(lines: &str) -> Option<SseEvent> {
    let field = |name: &str| {
        let lines = lines.lines();
        lines.filter_map(|line| line.strip_prefix(name)).next_back()
    };
    Some(SseEvent {
        name: field("event: ")?.to_owned(),
        data: serde_json::from_str(field("data: ")?).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_read_once_it_is_complete() {
        let mut text = "event: poke\ndata: {\"head\":7}\n\nretry: 9\nevent: bye\nda".to_owned();
        let poke = next(&mut text).unwrap();
        assert_eq!((poke.name.as_str(), poke.head()), ("poke", Some(7)));
        assert_eq!(next(&mut text), None);
        text.push_str("ta: {\"retry_ms\":9}\n\n");
        assert_eq!(next(&mut text).unwrap().data["retry_ms"], 9);
        assert_eq!(text, "");
    }
}
