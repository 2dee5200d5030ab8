//! Every kind of problem, in one table: code, status, title, and what is usually wrong.

use http::StatusCode;

macro_rules! catalog {
    ($($name:ident = $code:literal, $status:ident, $title:literal, $detail:literal;)+) => {
        /// A kind of problem.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Code {
            $($name),+
        }

        impl Code {
            /// All kinds.
            pub(crate) const ALL: &[Self] = &[$(Self::$name),+];

            /// Its name for programs. Stable.
            pub(crate) const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code),+ }
            }

            /// The status of the answer.
            pub(crate) const fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status),+ }
            }

            /// Its name for people.
            pub(crate) const fn title(self) -> &'static str {
                match self { $(Self::$name => $title),+ }
            }

            /// What is wrong, where a request gives no more to say.
            pub(crate) const fn detail(self) -> &'static str {
                match self { $(Self::$name => $detail),+ }
            }
        }
    };
}

catalog! {
    Malformed = "malformed", BAD_REQUEST, "The body cannot be read",
        "the body is not valid JSON";
    TooDeep = "too_deep", BAD_REQUEST, "The body is nested too deeply",
        "the body is nested deeper than 32 levels";
    InvalidParameter = "invalid_parameter", BAD_REQUEST, "A parameter is not valid",
        "a parameter in the query is unknown or has a value that cannot be accepted";
    InvalidRegistration = "invalid_registration", BAD_REQUEST, "The e-mail address or the password cannot be used",
        "password: must have at least 8 characters";
    VersionsDiffer = "versions_differ", BAD_REQUEST, "Two versions are given and they differ",
        "the version in the request and the header If-Match name different versions";
    CursorMalformed = "cursor_malformed", BAD_REQUEST, "The cursor is not one of this server's",
        "the cursor cannot be read; sync again from the start";
    Unauthorized = "unauthorized", UNAUTHORIZED, "Log in first",
        "a valid access token is needed in the header Authorization";
    InvalidCredentials = "invalid_credentials", UNAUTHORIZED, "The e-mail address or the password is wrong",
        "no account has this e-mail address and password";
    InvalidRefreshToken = "invalid_refresh_token", UNAUTHORIZED, "The session has ended",
        "the refresh token is not valid any more; log in again";
    WrongPassword = "wrong_password", FORBIDDEN, "The current password is another one",
        "the current password is not right; nothing was changed";
    RouteNotFound = "route_not_found", NOT_FOUND, "There is nothing here",
        "no route has this path";
    HabitNotFound = "habit_not_found", NOT_FOUND, "There is no such habit",
        "no habit of yours has this id";
    EntryNotFound = "entry_not_found", NOT_FOUND, "There is no such entry",
        "no entry of yours has this id";
    DeviceNotFound = "device_not_found", NOT_FOUND, "There is no such device",
        "no device of yours has this id";
    MethodNotAllowed = "method_not_allowed", METHOD_NOT_ALLOWED, "The method does not fit the path",
        "the header Allow names the methods that do";
    RequestTimeout = "request_timeout", REQUEST_TIMEOUT, "The request took too long to arrive",
        "the body stopped arriving";
    Conflict = "conflict", CONFLICT, "Somebody else was faster",
        "the stored record differs from the one that this request builds on";
    EmailTaken = "email_taken", CONFLICT, "The e-mail address is taken",
        "an account with this e-mail address exists";
    Gone = "gone", GONE, "The record was deleted",
        "the record, or the habit that it belongs to, was deleted";
    EpochChanged = "epoch_changed", GONE, "The server's history was replaced",
        "the cursor belongs to another history of this server; keep the outbox and sync from the start";
    CursorExpired = "cursor_expired", GONE, "The cursor is too old",
        "deletions after this cursor are forgotten; keep the outbox and sync from the start";
    CursorAhead = "cursor_ahead", GONE, "The cursor is ahead of the server",
        "the cursor names a change that this server never made; sync from the start and offer what is newer";
    PreconditionFailed = "precondition_failed", PRECONDITION_FAILED, "The precondition cannot hold",
        "the header If-Match names no version; send the strong ETag of the record, such as \"3\"";
    BodyTooLarge = "body_too_large", PAYLOAD_TOO_LARGE, "The body is too large",
        "the body is larger than 1048576 bytes";
    UnsupportedMediaType = "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE, "The body is not of a type that is read here",
        "send the body as application/json in UTF-8, without a content encoding";
    Invalid = "invalid", UNPROCESSABLE_ENTITY, "The request is not valid",
        "title: must have at least 1 character(s) after trimming";
    IdempotencyKeyReused = "idempotency_key_reused", UNPROCESSABLE_ENTITY, "The idempotency key was used for something else",
        "another request had the same header Idempotency-Key; a new request needs a new key";
    TooManyOperations = "too_many_operations", UNPROCESSABLE_ENTITY, "The push has too many operations",
        "a push has at most 500 operations; send the rest in another";
    VersionRequired = "version_required", PRECONDITION_REQUIRED, "The version is missing",
        "send the version that the change builds on, as the member version or as the header If-Match";
    RateLimited = "rate_limited", TOO_MANY_REQUESTS, "Too many requests",
        "wait as long as the header Retry-After says";
    LoginThrottled = "login_throttled", TOO_MANY_REQUESTS, "Too many failed log-ins",
        "wait as long as the header Retry-After says";
    TooManyStreams = "too_many_streams", TOO_MANY_REQUESTS, "Too many event streams",
        "a person has at most 10 event streams at a time; close one, or pull instead";
    Internal = "internal", INTERNAL_SERVER_ERROR, "The server made a mistake",
        "the mistake was noted under the request's id; nothing is known to have been stored";
    Unavailable = "unavailable", SERVICE_UNAVAILABLE, "The server cannot answer now",
        "the database does not answer; try again shortly";
    Behind = "behind", SERVICE_UNAVAILABLE, "The server is behind",
        "the server has not reached the position in min_seq; nothing was carried out; try again shortly";
    Busy = "busy", SERVICE_UNAVAILABLE, "Too many people are logging in",
        "try again shortly";
    TimedOut = "timed_out", SERVICE_UNAVAILABLE, "The answer took too long",
        "whether the change was stored is not known; repeat the request with the same ids";
}

impl Code {
    /// Seconds after which a client may try again.
    pub(crate) const fn retry_after(self) -> Option<u32> {
        match self {
            Self::Unavailable | Self::TimedOut => Some(5),
            Self::Busy | Self::Behind => Some(1),
            Self::TooManyStreams => Some(30),
            _ => None,
        }
    }

    /// A URI that names the kind (RFC 9457 §3.1.1).
    pub(crate) fn uri(self) -> String {
        format!("urn:kanso:problem:{}", self.as_str())
    }
}
