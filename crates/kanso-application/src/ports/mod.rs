//! What the use cases need from the world.

pub mod answers;
pub mod clock;
pub mod companion;
pub mod credentials;
pub mod devices;
pub mod feed;
pub mod housekeeping;
pub mod ids;
pub mod limiter;
pub mod memory;
pub mod schema;
pub mod seats;
pub mod storage;
pub mod throttle;
pub mod tickets;
pub mod wake;
