//! Identifiers: UUIDs as distinct types, so that they cannot be confused.

use uuid::Uuid;

macro_rules! uuid_newtype {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// Wraps a UUID of any version.
            pub const fn new(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// Returns the UUID.
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.as_hyphenated().fmt(f)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0.as_hyphenated())
            }
        }
    )+};
}

uuid_newtype! {
    /// Id of an account.
    UserId,
    /// Id of a habit, unique within its user. Usually the device that creates the habit makes it.
    HabitId,
    /// Id of an entry, unique within its user. Usually the device that creates the entry makes it.
    EntryId,
    /// Id of one installation of a client.
    DeviceId,
    /// Id of one operation in the outbox of a device. It makes the operation have its effect
    /// exactly once.
    OpId,
    /// Id of one log-in and of the refresh tokens that descend from it.
    SessionId,
}
