//! Offline-first client for habit tracking: a local replica, an outbox, and sync with a server.
//!
//! A [`Client`] reads and edits its own SQLite file, so everything works without a network. Each
//! edit also goes into an outbox. [`Client::sync`] pushes the outbox and pulls the changes of other
//! devices. Reads return the server's records with the outbox applied: an edit is visible at once,
//! and changes of other devices appear beside it.
//!
//! ```
//! use kanso_client::protocol::{Patch, entries::EntryMembers, habits::HabitMembers};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let folder = folder.path();
//! let client = kanso_client::Client::open(folder)?;
//! let habit = client.create_habit(HabitMembers {
//!     title: Patch::Value("Read".into()),
//!     ..HabitMembers::default()
//! })?;
//! client.create_entry(EntryMembers {
//!     habit_id: Patch::Value(habit.id.to_string()),
//!     completion_date: Patch::Value(client.today(None)?.to_string()),
//!     ..EntryMembers::default()
//! })?;
//! # Ok(())
//! # }
//! ```
//!
//! The server comes later, in one call to log in and one to sync:
//!
//! ```
//! # use kanso_client::transport::{Reply, Request, Transport, Unreachable};
//! # struct Unplugged;
//! # #[async_trait::async_trait]
//! # impl Transport for Unplugged {
//! #     fn server(&self) -> &str { "https://kanso.example.org" }
//! #     async fn exchange(&self, _: Request) -> Result<Reply, Unreachable> {
//! #         Err(Unreachable { reason: "no network".into(), may_have_arrived: false })
//! #     }
//! # }
//! use kanso_client::{CallError, Client, LoginError};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let client = Client::open(folder.path())?;
//! // let server = kanso_client::transport::HttpTransport::new("https://kanso.example.org")?;
//! # let server = Unplugged;
//! match client.login(&server, "ada@example.org", "correct horse battery").await {
//!     Ok(_) => drop(client.sync(&server).await?),
//!     Err(LoginError::Call(CallError::Offline(_))) => {} // try again later
//!     Err(error) => return Err(error.into()),
//! }
//! # Ok(())
//! # }
//! ```
//!
//! * A sync can be interrupted at any point. An operation keeps its id until its result is known,
//!   and the server applies each id once.
//! * An operation that the server rejects becomes a [`Failure`] in [`Client::failures`]. It stays
//!   there until [`Client::keep_mine`], [`Client::take_theirs`] or [`Client::merge`] decides it.
//! * [`SyncLoop`] syncs in the background. [`Client::changes`] and [`SyncHandle::state`] keep the
//!   screen up to date.
//! * Every error of a call is a [`CallError`]: offline, signed out, try later, refused.
//!
//! **Invariant:** this crate has no server code, and takes time, ids and network from ports only.
//! The implementations for the real machine are in [`system`] and [`transport`], so a simulation can
//! run the rest.

mod calls;
mod changes;
mod client;
pub mod clock;
mod edits;
mod journal;
pub mod loop_import;
mod replica;
mod sync;
mod sync_loop;
pub mod system;
mod today;
pub mod transport;

pub use calls::{CallError, LoginError, check_new_password};
pub use changes::{Changes, Origin};
pub use client::Client;
pub use edits::{EditError, Edits, ResolveError, UndoError, UndoScope, Undone};
pub use journal::Journal;
pub use kanso_domain as domain;
pub use kanso_protocol as protocol;
pub use replica::{
    Adoption, BoundAccount, Failure, ManyDeletions, ReplicaError, ResyncReason, Salvage, Status,
    Unread, View, salvage,
};
pub use sync::{Interrupted, Progress, SyncOptions, SyncReport};
pub use sync_loop::{SyncHandle, SyncLoop, SyncState};
pub use today::{TodayHabit, TodayList};
