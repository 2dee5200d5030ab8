//! Extractors: the parts of a request that are read and checked before the handler runs.

mod body;
mod entity_tag;
mod from_address;
mod idempotency;
mod identity;
mod instant;
mod is_local;
mod number;
mod path;
mod precondition;
mod query;
mod zone;

pub(crate) use body::{JsonBody, OptionalJsonBody};
pub(crate) use from_address::{FromAddress, FromClient};
pub(crate) use idempotency::IdempotencyKey;
#[cfg(any(test, fuzzing))]
pub(crate) use identity::bearer;
pub(crate) use identity::{SignedIn, SignedInAt};
pub(crate) use instant::{instant_text, parse_seen};
pub(crate) use is_local::IsLocal;
pub(crate) use number::number;
pub(crate) use path::{DevicePath, EntryPath, HabitPath, SessionPath};
pub(crate) use precondition::{IfMatch, etag, has_tag, is_unchanged};
pub(crate) use query::{StrictQuery, flag};
pub(crate) use zone::requested_zone;
