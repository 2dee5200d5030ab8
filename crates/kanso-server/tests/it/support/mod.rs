//! A server, its users and their responses.
//!
//! Every response is checked against the OpenAPI document: a status, a
//! media type or a problem that the operation does not describe fails the test.

mod answer;
mod app;
mod broken;
mod clock;
mod document;
mod listener;
mod nginx;
mod raw;
mod user;

pub(crate) use answer::Answer;
pub(crate) use app::{App, PASSWORD};
pub(crate) use broken::{Broken, broken_server, server_on};
pub(crate) use clock::ManualClock;
pub(crate) use document::{Document, Operation};
pub(crate) use listener::Listener;
pub(crate) use nginx::Nginx;
pub(crate) use raw::{exchange, send_in_vain};
pub(crate) use user::{TestUser, operation};

/// Generates an id like a device.
pub(crate) fn new_id() -> String {
    use kanso_application::ports::ids::Ids as _;
    kanso_local::RandomIds.uuid().to_string()
}
