//! Sync: what devices send, what becomes of it, and how it is delivered.

mod changeset;
mod cursor;
mod ledger;
mod operation;
mod page;
mod table;

pub use changeset::{Changeset, Current, Keys, Save};
pub use cursor::{Cursor, CursorRefusal, Epoch, Head};
pub use ledger::decide;
pub use operation::{
    Action, Base, Command, Conflict, Deferral, Fingerprint, OperationOutcome, Receipt, ReceiptKey,
    ReceiptOutcome, Rejection, RejectionCode, Submission,
};
pub use page::{Page, Since};
