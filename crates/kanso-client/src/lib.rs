//! An offline-first replica of a person's habits, for any app that keeps some.
//!
//! Everything works with the server away: a [`Client`] reads and edits its own SQLite file, and
//! each edit also goes into an outbox. [`Client::sync`] pushes the outbox and pulls what other
//! devices did. What is shown is the server's records with the outbox applied, so an edit is
//! visible at once and a change of another device appears beside it.
//!
//! * A sync can be cut at any moment: an operation keeps its id and its bytes until its result is
//!   known, and the server carries each out once.
//! * What the server refuses for good goes to [`Client::failures`], beside the server's record,
//!   and stays there until [`Client::keep_mine`], [`Client::take_theirs`] or [`Client::merge`].
//! * Whatever goes wrong is a value ([`CallError`]): offline, signed out, try later, refused.
//!
//! ```
//! # use kanso_client::transport::{Reply, Request, Transport, Unreachable};
//! # struct Away;
//! # #[async_trait::async_trait]
//! # impl Transport for Away {
//! #     fn server(&self) -> &str { "https://kanso.example.org" }
//! #     async fn exchange(&self, _: Request) -> Result<Reply, Unreachable> {
//! #         Err(Unreachable { reason: "no network".into(), may_have_arrived: false })
//! #     }
//! # }
//! use kanso_client::protocol::{Patch, entries::EntryMembers, habits::HabitMembers};
//! use kanso_client::{CallError, Client};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let folder = folder.path();
//! let client = Client::open(folder)?;
//! let habit = client.create_habit(HabitMembers {
//!     title: Patch::Value("Read".into()),
//!     ..HabitMembers::default()
//! })?;
//! let today = client.today(None)?;
//! client.create_entry(EntryMembers {
//!     habit_id: Patch::Value(habit.id.to_string()),
//!     completion_date: Patch::Value(today.to_string()),
//!     ..EntryMembers::default()
//! })?;
//! assert_eq!(client.entries(Some(habit.id), today, today)?.len(), 1);
//!
//! // let server = kanso_client::transport::HttpTransport::new("https://kanso.example.org")?;
//! # let server = Away;
//! # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
//! # runtime.block_on(async {
//! let outcome = client.login(&server, "ada@example.org", "correct horse battery").await;
//! assert!(matches!(outcome, Err(kanso_client::LoginError::Call(CallError::Offline(_)))));
//! # });
//! assert_eq!(client.status()?.waiting, 2, "nothing is lost while the server is away");
//! # Ok(())
//! # }
//! ```
//!
//! **Invariant:** no server code here, and no clock, ids or network that were not handed in: the
//! machine's own are in `system` and `transport`, so that a simulation can drive the rest.

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
pub mod transport;

pub use calls::{CallError, LoginError};
pub use changes::{Changes, Origin};
pub use client::Client;
pub use edits::{EditError, Edits, ResolveError};
pub use journal::Journal;
pub use kanso_domain as domain;
pub use kanso_protocol as protocol;
pub use replica::{Binding, Failure, ManyDeletions, ReplicaError, Resync, Shown, Status};
pub use sync::{Interrupted, Progress, SyncOptions, SyncReport};
pub use sync_loop::{SyncHandle, SyncLoop, SyncState};
