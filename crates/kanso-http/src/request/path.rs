//! Ids in paths.
//!
//! A malformed id is answered like an unknown one, with 404: the path names no record.

use axum::extract::{FromRequestParts, Path};
use http::request::Parts;
use kanso_domain::{DeviceId, Entity, EntryId, HabitId, SessionId};
use uuid::Uuid;

use crate::problem::{ApiError, Code};

/// The id of a habit.
pub(crate) struct HabitPath(pub(crate) HabitId);

/// The id of an entry.
pub(crate) struct EntryPath(pub(crate) EntryId);

impl<S: Send + Sync> FromRequestParts<S> for HabitPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let id = id(parts, state).await;
        id.map(|id| Self(HabitId::new(id)))
            .ok_or_else(|| ApiError::not_found(Entity::Habit))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for EntryPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let id = id(parts, state).await;
        id.map(|id| Self(EntryId::new(id)))
            .ok_or_else(|| ApiError::not_found(Entity::Entry))
    }
}

/// The id of a device.
pub(crate) struct DevicePath(pub(crate) DeviceId);

impl<S: Send + Sync> FromRequestParts<S> for DevicePath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let id = id(parts, state).await;
        id.map(|id| Self(DeviceId::new(id)))
            .ok_or_else(|| Code::DeviceNotFound.into())
    }
}

/// The id of a session.
pub(crate) struct SessionPath(pub(crate) SessionId);

impl<S: Send + Sync> FromRequestParts<S> for SessionPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let id = id(parts, state).await;
        id.map(|id| Self(SessionId::new(id)))
            .ok_or_else(|| Code::SessionNotFound.into())
    }
}

async fn id<S: Send + Sync>(parts: &mut Parts, state: &S) -> Option<Uuid> {
    // As text first: axum's own error for a malformed UUID would be 400 and not a problem document.
    let path = Path::<String>::from_request_parts(parts, state).await;
    let Path(text) = path.ok()?;
    kanso_protocol::parse_uuid(&text).ok()
}
