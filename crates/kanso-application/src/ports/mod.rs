//! The ports: the traits through which use cases reach storage, time, secrets and other servers.

mod account_store;
pub mod admission;
pub mod answers;
pub mod clock;
pub mod credentials;
pub mod devices;
pub mod evict;
pub mod feed;
pub mod free_space;
pub mod housekeeping;
pub mod ids;
pub mod limiter;
mod lists;
pub mod quota;
pub mod schema;
pub mod shared_service;
pub mod storage;
mod storage_error;
pub mod stream_slots;
pub mod throttle;
pub mod tickets;
pub mod work_signal;
