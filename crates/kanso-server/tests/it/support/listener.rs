use std::time::Duration;

use reqwest::Response;
use reqwest::header::HeaderMap;
use serde_json::Value;
use tokio::time::timeout;

/// Limit for an expected event.
const PATIENCE: Duration = Duration::from_secs(20);

/// An open event stream.
pub(crate) struct Listener {
    pub(crate) headers: HeaderMap,
    response: Response,
    text: String,
}

impl Listener {
    pub(super) fn new(response: Response) -> Self {
        assert_eq!(response.status(), 200);
        Self {
            headers: response.headers().clone(),
            response,
            text: String::new(),
        }
    }

    /// Returns the next event; `None` at the end of the stream.
    pub(crate) async fn event(&mut self) -> Option<(String, Value)> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let event = read(event);
                self.text = rest.to_owned();
                return Some(event);
            }
            let chunk = timeout(PATIENCE, self.response.chunk()).await;
            let chunk = chunk
                .expect("an event, or the end")
                .expect("a whole chunk")?;
            self.text
                .push_str(std::str::from_utf8(&chunk).expect("UTF-8"));
        }
    }

    /// Returns the next event and asserts its name.
    pub(crate) async fn expect(&mut self, name: &str) -> Value {
        let (next, data) = self.event().await.expect("another event");
        assert_eq!(next, name, "{data}");
        data
    }

    /// Reads events until one reports `head`.
    pub(crate) async fn reaches(&mut self, head: i64) {
        loop {
            let (name, data) = self.event().await.expect("another event");
            assert_eq!(name, "poke", "{data}");
            if data["head"].as_i64() >= Some(head) {
                return;
            }
        }
    }

    /// Skips heartbeats until the stream ends.
    pub(crate) async fn ends(mut self) {
        while let Some((name, data)) = self.event().await {
            assert_eq!(name, "heartbeat", "{data}");
        }
    }
}

fn read(event: &str) -> (String, Value) {
    let field = |name: &str| {
        let mut values = event.lines().filter_map(|line| line.strip_prefix(name));
        let value = values.next().expect("the field").to_owned();
        assert_eq!(values.next(), None, "{event}");
        value
    };
    let data = field("data: ");
    (field("event: "), serde_json::from_str(&data).expect("JSON"))
}
