//! Sync: the operations of devices, the decision on them, and the delivery of changes.
//!
//! Two devices that edit different fields of one version both succeed:
//!
//! ```
//! use kanso_domain::accounts::Settings;
//! use kanso_domain::habits::HabitFields;
//! use kanso_domain::sync::{
//!     Action, Base, ConflictPolicy, Edit, Epoch, Head, Loaded, OnConflict, Operation,
//!     OperationOutcome, decide,
//! };
//! use kanso_domain::text::{Color, Title};
//! use kanso_domain::{DeviceId, HabitId, Timestamp, Version};
//! use uuid::Uuid;
//!
//! let now: Timestamp = "2026-01-15T12:00:00Z".parse()?;
//! let id = HabitId::new(Uuid::from_u128(1));
//! let by = |device, edit| Operation {
//!     device: Some(DeviceId::new(Uuid::from_u128(device))),
//!     policy: ConflictPolicy { on_conflict: OnConflict::Merge, revive: false },
//!     ..Operation::once(Action::Habit(id, edit))
//! };
//! let base = Base::Version(Version::FIRST);
//! let titled = |title| Title::new(title).map(|title| HabitFields {
//!     title: Some(title),
//!     ..HabitFields::default()
//! });
//! let colored = HabitFields { color: Color::new("#112233").ok(), ..HabitFields::default() };
//! let (phone, tablet) = (1, 2);
//!
//! // Each write starts from the records that the one before has stored.
//! let mut loaded = Loaded::empty(Head::beginning(Epoch::new(7), now), Settings::default());
//! let mut submit = |operation| {
//!     let changeset = decide(loaded.clone(), &[operation], now);
//!     loaded.head = changeset.head;
//!     for write in changeset.habits {
//!         loaded.habits.insert(write.record.id, write.record);
//!     }
//!     changeset.outcomes.into_iter().next()
//! };
//! submit(by(phone, Edit::Create(titled("Read")?)));
//! submit(by(phone, Edit::Update { base, fields: titled("Read more")? }));
//!
//! let outcome = submit(by(tablet, Edit::Update { base, fields: colored }));
//! assert!(matches!(outcome, Some(OperationOutcome::Merged(_))));
//! let outcome = submit(by(tablet, Edit::Update { base, fields: titled("Rest")? }));
//! assert!(matches!(outcome, Some(OperationOutcome::Conflict(_))));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod batch;
mod changeset;
mod cursor;
mod digest;
mod editable;
mod erased_texts;
mod merge;
mod operation;
mod page;
mod quota;
mod seen;
mod usage;
mod working_set;

pub use batch::{decide, decide_push};
pub use changeset::{Changeset, LoadSet, Loaded, RecordWrite};
pub use cursor::{Cursor, CursorRefusal, Epoch, Floor, Head};
pub use digest::{Buckets, Digest, NotADigest};
pub use erased_texts::erase_texts;
pub use operation::{
    Action, Base, Conflict, ConflictPolicy, Deferral, Edit, Fingerprint, FingerprintForm,
    OnConflict, Operation, OperationOutcome, Receipt, ReceiptKey, ReceiptOutcome, Rejection,
    RejectionCode,
};
pub use page::{Page, Since, fitting};
pub use quota::{ExceededQuota, OwnQuota, Quota};
pub use seen::Seen;
pub use usage::{Counts, Usage};
