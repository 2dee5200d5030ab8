//! The layers around the routes. `router` explains their order.

mod access;
mod address;
mod compression;
mod cors;
mod deadline;
mod host;
mod limit;
mod request_id;

pub(crate) use access::access;
pub use access::security_headers;
pub(crate) use address::client_address;
#[cfg(any(test, fuzzing))]
pub(crate) use address::{behind_proxies, read_hop};
pub(crate) use compression::compression;
pub(crate) use cors::{cors, cors_layer};
pub(crate) use deadline::deadline;
pub(crate) use host::host;
pub use host::require_host;
pub(crate) use limit::{count_user, limit};
