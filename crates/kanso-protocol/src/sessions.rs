//! Sessions and security events of an account.

use kanso_domain::events::SecurityEvent;
use kanso_domain::sessions::{Label, Session};
use kanso_domain::{DeviceId, SessionId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// The open sessions of the account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "sessions": [{
        "id": "0198c2f4-2222-7c3a-9d2e-4f5a6b7c8d9e", "device_id": "0198c2f4-1111-7c3a-9d2e-4f5a6b7c8d9e",
        "device_name": "Ada's phone", "client": "kanso/0.2.0", "created_at": "2026-11-01T08:00:00.000000Z",
        "last_seen_at": "2026-11-22T13:05:09.123456Z", "expires_at": "2027-02-20T13:05:09.123456Z",
        "is_current": true
    }]
}))]
pub struct SessionsResponse {
    /// Sessions, oldest first.
    pub sessions: Vec<OpenSession>,
}

/// An open session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OpenSession {
    /// Id of the session.
    #[serde(with = "crate::text::uuid")]
    pub id: Uuid,
    /// Device that synced in the session last. `null` if none did.
    pub device_id: Option<Uuid>,
    /// Name of the device, from the log-in.
    pub device_name: Option<String>,
    /// `User-Agent` of the log-in, cut to 100 characters.
    pub client: Option<String>,
    /// Time of the log-in.
    #[serde(with = "crate::text")]
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Time of the last refresh, or of the log-in. A client in use refreshes every few minutes.
    #[serde(with = "crate::text")]
    #[schema(value_type = String, format = DateTime)]
    pub last_seen_at: Timestamp,
    /// Time at which the session ends unless it is refreshed.
    #[serde(with = "crate::text")]
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
    /// True for the session of this request.
    pub is_current: bool,
}

impl OpenSession {
    /// Describes a session; `is_current` is true for the one of the request.
    pub fn new(session: &Session, is_current: bool) -> Self {
        let text = |label: &Option<Label>| label.as_ref().map(|label| label.as_str().to_owned());
        Self {
            id: session.id.uuid(),
            device_id: session.origin.device.map(DeviceId::uuid),
            device_name: text(&session.origin.device_name),
            client: text(&session.origin.client),
            created_at: session.created_at,
            last_seen_at: session.last_seen_at(),
            expires_at: session.expires_at,
            is_current,
        }
    }
}

/// A page of the security events of the account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "events": [{
        "id": "0198c2f4-3333-7c3a-9d2e-4f5a6b7c8d9e", "at": "2026-11-22T13:05:09.123456Z",
        "event": "log_in_failed", "session_id": null, "client": "192.0.2.7"
    }],
    "next": null
}))]
pub struct EventsResponse {
    /// Events, newest first.
    pub events: Vec<EventRecord>,
    /// Parameter `before` of the next page. `null` if this is the last.
    pub next: Option<Uuid>,
}

/// A security event of the account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EventRecord {
    /// Id of the event.
    #[serde(with = "crate::text::uuid")]
    pub id: Uuid,
    /// Time of the event.
    #[serde(with = "crate::text")]
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Kind of the event, such as `logged_in`. Other servers may have other kinds.
    pub event: String,
    /// Session that acted, or that the event is about.
    pub session_id: Option<Uuid>,
    /// Address of the client; of an IPv6 address its first 64 bits.
    pub client: Option<String>,
}

impl From<&SecurityEvent> for EventRecord {
    fn from(event: &SecurityEvent) -> Self {
        Self {
            id: event.id,
            at: event.at,
            event: event.kind.as_str().to_owned(),
            session_id: event.session_id.map(SessionId::uuid),
            client: event.client.map(|client| client.to_string()),
        }
    }
}
