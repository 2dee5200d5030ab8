//! Every kind of problem in one table: code, status, title and default detail.
//!
//! One table, so that the answers, the OpenAPI document and its examples cannot disagree.

use http::StatusCode;

macro_rules! catalog {
    ($($name:ident = $code:literal, $status:ident, $title:literal, $detail:literal;)+) => {
        /// A kind of problem.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Code {
            $($name),+
        }

        impl Code {
            /// All kinds, in the order of the table.
            pub(crate) const ALL: &[Self] = &[$(Self::$name),+];

            /// Returns the `code` of the problem. Stable.
            pub(crate) const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code),+ }
            }

            /// Returns the status of the answer.
            pub(crate) const fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status),+ }
            }

            /// Returns the title for people.
            pub(crate) const fn title(self) -> &'static str {
                match self { $(Self::$name => $title),+ }
            }

            /// Returns the detail of a problem without a more specific one.
            pub(crate) const fn detail(self) -> &'static str {
                match self { $(Self::$name => $detail),+ }
            }
        }
    };
}

catalog! {
    Malformed = "malformed", BAD_REQUEST, "The body is not valid JSON",
        "the body is not valid JSON";
    TooDeep = "too_deep", BAD_REQUEST, "The body is nested too deeply",
        "the body is nested deeper than 32 levels";
    InvalidParameter = "invalid_parameter", BAD_REQUEST, "A parameter is not valid",
        "a query parameter or a header is unknown, repeated or has an invalid value";
    InvalidRegistration = "invalid_registration", BAD_REQUEST, "The e-mail address or the password is not valid",
        "password: must have at least 8 characters";
    VersionsDiffer = "versions_differ", BAD_REQUEST, "The request names two different versions",
        "the member version and the header If-Match name different versions";
    CursorMalformed = "cursor_malformed", BAD_REQUEST, "The cursor is not valid",
        "the cursor cannot be read; keep the outbox and sync from the start";
    Unauthorized = "unauthorized", UNAUTHORIZED, "Authentication required",
        "send a valid access token in the header Authorization: Bearer";
    InvalidCredentials = "invalid_credentials", UNAUTHORIZED, "The e-mail address or the password is wrong",
        "no account has this e-mail address and password";
    InvalidRefreshToken = "invalid_refresh_token", UNAUTHORIZED, "The session has ended",
        "the refresh token is invalid, expired or used; log in again";
    WrongPassword = "wrong_password", FORBIDDEN, "The current password is wrong",
        "the current password is wrong; nothing was changed";
    ReauthenticationRequired = "reauthentication_required", FORBIDDEN, "The password is needed again",
        "the log-in of this session is more than 5 minutes old; send the password in the body, or log in again";
    RegistrationClosed = "registration_closed", FORBIDDEN, "Registration is closed",
        "this server accepts no new accounts; ask its operator";
    InvitationRequired = "invitation_required", FORBIDDEN, "An invitation is required",
        "this server makes accounts by invitation; ask its operator for a code, and send it as the member invite";
    InvitationRefused = "invitation_refused", FORBIDDEN, "The invitation is not valid",
        "the invitation code is unknown, used or expired; ask the operator of the server for another one";
    AccountDisabled = "account_disabled", FORBIDDEN, "The account is disabled",
        "the operator of the server has disabled this account; its records are kept";
    QuotaExceeded = "quota_exceeded", FORBIDDEN, "The account is full",
        "the account may have at most 500 live habits; delete one, or ask the operator for more";
    RouteNotFound = "route_not_found", NOT_FOUND, "Route not found",
        "no route has this path";
    HabitNotFound = "habit_not_found", NOT_FOUND, "Habit not found",
        "the account has no habit with this id";
    EntryNotFound = "entry_not_found", NOT_FOUND, "Entry not found",
        "the account has no entry with this id";
    DeviceNotFound = "device_not_found", NOT_FOUND, "Device not found",
        "the account has no device with this id";
    SessionNotFound = "session_not_found", NOT_FOUND, "Session not found",
        "the account has no open session with this id";
    MethodNotAllowed = "method_not_allowed", METHOD_NOT_ALLOWED, "Method not allowed",
        "the header Allow lists the methods of this path";
    RequestTimeout = "request_timeout", REQUEST_TIMEOUT, "The request body timed out",
        "the body did not arrive in time";
    Conflict = "conflict", CONFLICT, "The record was changed",
        "the stored record is newer than the version that this request is based on";
    EmailTaken = "email_taken", CONFLICT, "The e-mail address is taken",
        "an account with this e-mail address already exists";
    Gone = "gone", GONE, "The record was deleted",
        "the record, or the habit that it belongs to, was deleted";
    EpochChanged = "epoch_changed", GONE, "The history of the server was replaced",
        "the cursor belongs to an earlier history, before a database was restored; keep the outbox and sync from the start";
    CursorExpired = "cursor_expired", GONE, "The cursor is too old",
        "deletions after this cursor were purged; keep the outbox and sync from the start";
    CursorAhead = "cursor_ahead", GONE, "The cursor is ahead of the server",
        "the cursor names a change that this server does not have; sync from the start and push newer local records again";
    PreconditionFailed = "precondition_failed", PRECONDITION_FAILED, "The precondition failed",
        "the header If-Match names no version; send the strong ETag of the record, such as \"3\"";
    BodyTooLarge = "body_too_large", PAYLOAD_TOO_LARGE, "The body is too large",
        "the body is larger than 1048576 bytes";
    UnsupportedMediaType = "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE, "Unsupported media type",
        "send the body as application/json in UTF-8, without a content encoding";
    Invalid = "invalid", UNPROCESSABLE_ENTITY, "The request is not valid",
        "title: must have at least 1 character(s) after trimming";
    IdempotencyKeyReused = "idempotency_key_reused", UNPROCESSABLE_ENTITY, "The idempotency key was reused",
        "a different request had the same Idempotency-Key; use a new key for each request";
    TooManyOperations = "too_many_operations", UNPROCESSABLE_ENTITY, "The push has too many operations",
        "a push has at most 500 operations; send the rest in another";
    TooManyCells = "too_many_cells", UNPROCESSABLE_ENTITY, "The answer would have too many cells",
        "the answer would have more than 200000 cells, one for each habit and each day; ask for fewer days";
    VersionRequired = "version_required", PRECONDITION_REQUIRED, "The version is missing",
        "send the version that the change is based on, as the member version or in the header If-Match";
    RateLimited = "rate_limited", TOO_MANY_REQUESTS, "Too many requests",
        "retry after the seconds in the header Retry-After";
    LoginThrottled = "login_throttled", TOO_MANY_REQUESTS, "Too many failed log-ins",
        "retry after the seconds in the header Retry-After";
    TooManyStreams = "too_many_streams", TOO_MANY_REQUESTS, "Too many event streams",
        "a user can have 10 open event streams; close one, or pull instead";
    Internal = "internal", INTERNAL_SERVER_ERROR, "Internal server error",
        "the error is logged under the request id; the request may or may not have been stored";
    Unavailable = "unavailable", SERVICE_UNAVAILABLE, "Service unavailable",
        "the database does not answer; retry after the seconds in the header Retry-After";
    DiskFull = "disk_full", SERVICE_UNAVAILABLE, "The disk of the server is nearly full",
        "the server stores nothing new until its operator makes room; reads and deletions go on; retry after the seconds in the header Retry-After";
    Behind = "behind", SERVICE_UNAVAILABLE, "The server is behind",
        "the server has not reached the position in min_seq; nothing was carried out; retry after the seconds in the header Retry-After";
    Busy = "busy", SERVICE_UNAVAILABLE, "Too many log-ins at once",
        "the server is hashing as many passwords as it can; retry after the seconds in the header Retry-After";
    ReadsBusy = "reads_busy", SERVICE_UNAVAILABLE, "Too many large reads at once",
        "lists, statistics and exports of an account wait for each other, and too many wait; retry after the seconds in the header Retry-After";
    TimedOut = "timed_out", SERVICE_UNAVAILABLE, "The request timed out",
        "it is not known if the change was stored; retry the request with the same ids";
}

impl Code {
    /// Returns the seconds after which a client may retry, if the problem is temporary.
    pub(crate) const fn retry_after(self) -> Option<u32> {
        match self {
            Self::Unavailable | Self::TimedOut => Some(5),
            Self::Busy | Self::Behind | Self::ReadsBusy => Some(1),
            Self::TooManyStreams => Some(30),
            Self::DiskFull => Some(60),
            _ => None,
        }
    }

    /// Returns the URI of the kind (RFC 9457 §3.1.1).
    pub(crate) fn uri(self) -> String {
        format!("urn:kanso:problem:{}", self.as_str())
    }
}
