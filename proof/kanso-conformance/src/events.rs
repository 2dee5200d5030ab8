//! Event streams.

use std::time::Duration;

use eventsource_stream::{Event, Eventsource as _};
use futures::stream::{BoxStream, StreamExt as _};
use reqwest::Response;
use serde_json::Value;
use tokio::time::timeout;

use crate::answer::CaseFailure;
use crate::server::Call;

/// Time limit for an event. A heartbeat is due every 15 s; the rest is for a slow server.
const EVENT_LIMIT: Duration = Duration::from_secs(40);

/// An open event stream.
pub(crate) struct Events {
    events: BoxStream<'static, Result<Event, String>>,
    /// Headers of the answer.
    pub(crate) headers: reqwest::header::HeaderMap,
}

impl Events {
    /// Opens a stream. The answer must be 200.
    pub(crate) async fn open(call: Call) -> Result<Self, CaseFailure> {
        let response = call.open().await?;
        let status = response.status().as_u16();
        if status != 200 {
            let body = response.text().await.unwrap_or_default();
            return Err(CaseFailure::new(
                "an event stream",
                format!("{status}\n{body}"),
            ));
        }
        Ok(Self::of(response))
    }

    fn of(response: Response) -> Self {
        let headers = response.headers().clone();
        let events = response.bytes_stream().eventsource();
        let events = events.map(|event| event.map_err(|error| error.to_string()));
        Self {
            events: events.boxed(),
            headers,
        }
    }

    /// Waits for the next event, and returns its name and its data.
    pub(crate) async fn next(&mut self) -> Result<(String, Value), CaseFailure> {
        let next = timeout(EVENT_LIMIT, self.events.next()).await;
        let expected = "another event";
        match next {
            Err(_) => Err(CaseFailure::new(
                expected,
                format!("nothing within {EVENT_LIMIT:?}"),
            )),
            Ok(None) => Err(CaseFailure::new(expected, "the end of the stream")),
            Ok(Some(Err(error))) => Err(CaseFailure::new(expected, error)),
            Ok(Some(Ok(event))) => {
                let data = serde_json::from_str(&event.data);
                let data =
                    data.map_err(|_| CaseFailure::new("a line of JSON as `data`", &event.data))?;
                Ok((event.event, data))
            }
        }
    }

    /// Waits for an event with this name and returns its data. Heartbeats before it are skipped: they may
    /// come at any time, unless the case waits for one. Any other event fails.
    pub(crate) async fn expect(&mut self, name: &str) -> Result<Value, CaseFailure> {
        loop {
            let (found, data) = self.next().await?;
            if found == name {
                return Ok(data);
            }
            if found != "heartbeat" {
                return Err(CaseFailure::new(
                    format!("the event `{name}`"),
                    format!("{found} {data}"),
                ));
            }
        }
    }
}
