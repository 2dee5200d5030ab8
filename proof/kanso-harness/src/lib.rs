//! Parts that the load generator and the chaos runner share.
//!
//! Both start `kanso-server` as a process ([`process`]), create ids as a device does ([`ids`]), read
//! event streams ([`events`]) and send requests for accounts of their own ([`requests`]). The HTTP
//! clients are not shared: the load generator measures a bare hyper connection, and the chaos runner
//! counts failures and retries.
//!
//! **Invariant:** a server is seen from outside only, over HTTP and as a process. Every wait has a
//! deadline or is bounded by the caller.

pub mod events;
pub mod ids;
pub mod process;
pub mod requests;
