//! The programs under test.

mod api;
mod device;
mod noon;
mod proxy;
mod records;
mod server;
mod times;

pub(crate) use api::Api;
pub(crate) use device::{Device, Ended};
pub(crate) use noon::noon_zone;
pub(crate) use proxy::{Answer, Proxy};
pub(crate) use records::replica;
pub(crate) use server::Server;
pub(crate) use times::Times;

/// A CSV export of Loop Habit Tracker. The README beside it names its source.
pub(crate) const LOOP_EXPORT: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../kanso-client/tests/fixtures/loop_habits_csv_v2.3.1.zip"
);

pub(crate) const EMAIL: &str = "ada@example.org";
pub(crate) const PASSWORD: &str = "correct horse battery";
