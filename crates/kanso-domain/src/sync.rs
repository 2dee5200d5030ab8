//! Sync: what devices send, what becomes of it, and how it is delivered.

mod changeset;
mod cursor;
mod digest;
mod ledger;
mod merge;
mod operation;
mod page;
mod table;

pub use changeset::{Changeset, Current, Keys, Save};
pub use cursor::{Cursor, CursorRefusal, Epoch, Floor, Head};
pub use digest::{Buckets, Digest, NotADigest};
pub use ledger::decide;
pub use operation::{
    Action, Base, Command, Conflict, Deferral, Fingerprint, OnConflict, OperationOutcome, Receipt,
    ReceiptKey, ReceiptOutcome, Rejection, RejectionCode, Submission, Terms,
};
pub use page::{Page, Since};
