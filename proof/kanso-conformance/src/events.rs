//! An event stream that is open.

use std::time::Duration;

use eventsource_stream::{Event, Eventsource as _};
use futures::stream::{BoxStream, StreamExt as _};
use reqwest::Response;
use serde_json::Value;
use tokio::time::timeout;

use crate::answer::Failure;
use crate::wire::Call;

/// How long to wait for an event: a heartbeat comes every 15 seconds.
const PATIENCE: Duration = Duration::from_secs(40);

/// An event stream that is open.
pub(crate) struct Events {
    events: BoxStream<'static, Result<Event, String>>,
    /// The headers of the answer.
    pub(crate) headers: reqwest::header::HeaderMap,
}

impl Events {
    /// Opens the stream, which must be answered with one.
    pub(crate) async fn open(call: Call) -> Result<Self, Failure> {
        let response = call.open().await?;
        let status = response.status().as_u16();
        if status != 200 {
            let said = response.text().await.unwrap_or_default();
            return Err(Failure::new("an event stream", format!("{status}\n{said}")));
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

    /// The next event: its name and what it says.
    pub(crate) async fn next(&mut self) -> Result<(String, Value), Failure> {
        let next = timeout(PATIENCE, self.events.next()).await;
        let expected = "another event of the stream";
        match next {
            Err(_) => Err(Failure::new(
                expected,
                format!("nothing within {PATIENCE:?}"),
            )),
            Ok(None) => Err(Failure::new(expected, "the end of the stream")),
            Ok(Some(Err(error))) => Err(Failure::new(expected, error)),
            Ok(Some(Ok(event))) => {
                let data = serde_json::from_str(&event.data);
                let data =
                    data.map_err(|_| Failure::new("a line of JSON as `data`", &event.data))?;
                Ok((event.event, data))
            }
        }
    }

    /// The first event that is not a heartbeat, which must be of this name.
    pub(crate) async fn expect(&mut self, name: &str) -> Result<Value, Failure> {
        loop {
            let (found, data) = self.next().await?;
            if found == name {
                return Ok(data);
            }
            if found != "heartbeat" {
                return Err(Failure::new(
                    format!("the event `{name}`"),
                    format!("{found} {data}"),
                ));
            }
        }
    }
}
