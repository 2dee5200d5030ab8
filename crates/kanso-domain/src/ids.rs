//! Identifiers: UUIDs that cannot be confused with one another.

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

            /// The UUID itself.
            pub const fn uuid(self) -> Uuid {
                self.0
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
    /// A person's account.
    UserId,
    /// A habit, unique within its user; usually made by the device that created it.
    HabitId,
    /// An entry, unique within its user; usually made by the device that created it.
    EntryId,
    /// One installation of a client.
    DeviceId,
    /// One operation in a device's outbox; the key of its exactly-once effect.
    OpId,
    /// One log-in: the family of refresh tokens that descend from it.
    SessionId,
}
