//! Security events: what happened to an account and its sessions.

use std::net::IpAddr;

use uuid::Uuid;

use crate::{SessionId, Timestamp, UserId};

macro_rules! kinds {
    ($($(#[$doc:meta])+ $name:ident = $text:literal;)+) => {
        /// A kind of event.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum EventKind {
            $($(#[$doc])+ $name),+
        }

        impl EventKind {
            /// All kinds.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// Returns the name in storage, on the wire and in the log. Stable.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }
        }
    };
}

kinds! {
    /// The account was registered.
    Registered = "registered";
    /// A session was opened.
    LoggedIn = "logged_in";
    /// A log-in failed.
    LogInFailed = "log_in_failed";
    /// A log-in was not checked, because too many had failed.
    LogInThrottled = "log_in_throttled";
    /// A used refresh token was sent again, so its session ended.
    RefreshReused = "refresh_reused";
    /// A session was ended by its user.
    SessionEnded = "session_ended";
    /// A device was removed, and its sessions with it.
    DeviceForgotten = "device_forgotten";
    /// The password was changed.
    PasswordChanged = "password_changed";
    /// The e-mail address was changed.
    EmailChanged = "email_changed";
    /// A signed-in client gave a wrong password for an act that needs one.
    PasswordRefused = "password_refused";
    /// An export of the account began.
    Exported = "exported";
    /// The account was deleted.
    AccountDeleted = "account_deleted";
}

impl EventKind {
    /// Returns true for an event that a client can cause at will: a guess, or the removal of a device that
    /// it has just invented. Such events are bounded by themselves: they must not displace the others.
    pub const fn is_attempt(self) -> bool {
        matches!(
            self,
            Self::LogInFailed
                | Self::LogInThrottled
                | Self::PasswordRefused
                | Self::DeviceForgotten
        )
    }
}

/// One event of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecurityEvent {
    /// Id of the event.
    pub id: Uuid,
    /// Account.
    pub user_id: UserId,
    /// Time of the event.
    pub at: Timestamp,
    /// Kind of the event.
    pub kind: EventKind,
    /// Session that acted, or that the event is about.
    pub session_id: Option<SessionId>,
    /// Address of the client; the lower 64 bits of an IPv6 address are 0.
    pub client: Option<IpAddr>,
}

/// Bounds of the stored events of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventLimits {
    /// Days for which an event is kept.
    pub days: u32,
    /// Most events of an account: once for attempts ([`EventKind::is_attempt`]), once for all others.
    pub most: u32,
}

impl Default for EventLimits {
    fn default() -> Self {
        Self {
            days: 90,
            most: 1_000,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_own_name() {
        let mut names: Vec<_> = EventKind::ALL.iter().map(|kind| kind.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), EventKind::ALL.len());
    }
}
