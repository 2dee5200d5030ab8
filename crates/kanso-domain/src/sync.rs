//! Sync: what devices send, what becomes of it, and how it is delivered.

mod batch;
mod changeset;
mod cursor;
mod digest;
mod merge;
mod operation;
mod page;
mod working_set;

pub use batch::decide;
pub use changeset::{Changeset, LoadSet, Loaded, RecordWrite};
pub use cursor::{Cursor, CursorRefusal, Epoch, Floor, Head};
pub use digest::{Buckets, Digest, NotADigest};
pub use operation::{
    Action, Base, Conflict, ConflictPolicy, Deferral, Edit, Fingerprint, FingerprintForm,
    OnConflict, Operation, OperationOutcome, Receipt, ReceiptKey, ReceiptOutcome, Rejection,
    RejectionCode,
};
pub use page::{Page, Since};
