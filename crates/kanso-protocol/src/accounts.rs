//! Accounts, sessions and settings.

use kanso_domain::accounts::{Account, Settings, SettingsChange, SettingsRecord};
use kanso_domain::validation::{Checker, Invalid};
use kanso_domain::{Seq, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::Patch;

/// The e-mail address and the password of an account.
// No `Debug`: a password must not get into a log.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"email": "ada@example.org", "password": "correct horse battery"}))]
pub struct CredentialsRequest {
    /// E-mail address, at most 254 characters. Upper and lower case are the same.
    #[schema(max_length = 254, format = "email")]
    pub email: String,
    /// Password of 8 to 256 characters. Any characters are allowed; very common passwords are refused.
    #[schema(min_length = 8, max_length = 256, format = "password")]
    pub password: String,
}

/// The e-mail address and the password of a new account, with an invitation.
// No `Debug`: a password must not get into a log.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"email": "ada@example.org", "password": "correct horse battery"}))]
pub struct RegistrationRequest {
    /// E-mail address, at most 254 characters. Upper and lower case are the same.
    #[schema(max_length = 254, format = "email")]
    pub email: String,
    /// Password of 8 to 256 characters. Any characters are allowed; very common passwords are refused.
    #[schema(min_length = 8, max_length = 256, format = "password")]
    pub password: String,
    /// Invitation code from the operator of the server. Only a server that wants invitations reads it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invite: Option<String>,
}

/// The e-mail address and the password of an account, and the name of the device.
// No `Debug`: a password must not get into a log.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "email": "ada@example.org", "password": "correct horse battery", "device_name": "Ada's phone"
}))]
pub struct LoginRequest {
    /// E-mail address of the account. Upper and lower case are the same.
    #[schema(max_length = 254, format = "email")]
    pub email: String,
    /// Password of the account.
    #[schema(max_length = 256, format = "password")]
    pub password: String,
    /// Name of the device, for the list of sessions. Cut to 100 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_name: Option<String>,
    /// Newest `device_proof` that the server sent to this device, if there is one. Failed log-ins of others
    /// then do not slow down this one. The server ignores one that it does not accept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_proof: Option<String>,
}

/// The password of the account, as a proof that its user is present.
// No `Debug`: a password must not get into a log.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"password": "correct horse battery"}))]
pub struct ReauthenticationRequest {
    /// Password of the account.
    // No minimum: a wrong password of any length is 403, not an invalid request.
    #[schema(max_length = 256, format = "password")]
    pub password: String,
}

/// A change of the e-mail address.
// No `Debug`: a password must not get into a log.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"email": "ada@example.net", "password": "correct horse battery"}))]
pub struct EmailRequest {
    /// New e-mail address, at most 254 characters. Upper and lower case are the same.
    #[schema(max_length = 254, format = "email")]
    pub email: String,
    /// Password of the account.
    #[schema(max_length = 256, format = "password")]
    pub password: String,
}

/// A change of the password.
// No `Debug`: a password must not get into a log.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "current_password": "correct horse battery", "new_password": "two slow kettles"
}))]
pub struct PasswordRequest {
    /// Current password of the account.
    // No minimum: a wrong password of any length is 403, not an invalid request.
    #[schema(max_length = 256, format = "password")]
    pub current_password: String,
    /// Password of 8 to 256 characters. Any characters are allowed; very common passwords are refused.
    #[schema(min_length = 8, max_length = 256, format = "password")]
    pub new_password: String,
}

/// The id and the e-mail address of an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "id": "0198c2f4-8b7e-7c3a-9d2e-4f5a6b7c8d9e", "email": "ada@example.org"
}))]
pub struct AccountSummary {
    /// Id of the account.
    #[serde(with = "crate::text::uuid")]
    pub id: Uuid,
    /// E-mail address, which is the log-in name.
    pub email: String,
}

impl From<&Account> for AccountSummary {
    fn from(account: &Account) -> Self {
        Self {
            id: account.id.uuid(),
            email: account.email.as_str().to_owned(),
        }
    }
}

/// The tokens of a session.
// No `Debug`: a token must not get into a log.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "token": "eyJhbGciOiJIUzI1NiJ9.e30.c2ln",
    "expires_in": 900,
    "refresh_token": "kr1_c2VjcmV0",
    "device_proof": "kd1_cHJvb2Y",
    "user": {"id": "0198c2f4-8b7e-7c3a-9d2e-4f5a6b7c8d9e", "email": "ada@example.org"}
}))]
pub struct TokenResponse {
    /// Access token (JWT), for the header `Authorization: Bearer <token>`.
    pub token: String,
    /// Lifetime of the access token, in seconds.
    pub expires_in: i64,
    /// Refresh token, for `POST /auth/refresh`. Each can be used once; a retry within 60 seconds gets
    /// the same successor.
    pub refresh_token: String,
    /// Proof that this device has logged in to the account, for its next log-in. Keep it after a log-out.
    /// It lets no client in. Servers of release 0.1.0 send none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_proof: Option<String>,
    /// Account of the session.
    pub user: AccountSummary,
}

/// A refresh token to exchange for the next tokens.
// No `Debug`: a token must not get into a log.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"refresh_token": "kr1_c2VjcmV0"}))]
pub struct RefreshRequest {
    /// Newest refresh token of the session.
    pub refresh_token: String,
    /// A text of the client's own choice that is not in the token, the same for all of its processes
    /// and tabs. A used token is answered again only to the client that sent the same nonce.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 128)]
    pub nonce: Option<String>,
}

/// The access token is valid and its session is open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"status": "valid"}))]
pub struct ValidateResponse {
    /// Always `valid`.
    pub status: String,
}

/// A message for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"message": "account deleted successfully"}))]
pub struct MessageResponse {
    /// Text of the message.
    pub message: String,
}

/// The account with its settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "id": "0198c2f4-8b7e-7c3a-9d2e-4f5a6b7c8d9e",
    "email": "ada@example.org",
    "timezone": "Europe/Rome",
    "week_start": "monday",
    "day_start": "03:30",
    "created_at": "2026-11-22T13:05:09.123456Z"
}))]
pub struct AccountRecord {
    /// Id of the account.
    #[serde(with = "crate::text::uuid")]
    pub id: Uuid,
    /// E-mail address, which is the log-in name.
    pub email: String,
    /// Home time zone, an IANA name such as `Europe/Rome`.
    pub timezone: String,
    /// First day of the week: `monday`, `sunday` or `saturday`.
    pub week_start: String,
    /// Time of day at which a new day begins, `HH:MM` from `00:00` to `12:00`.
    pub day_start: String,
    /// Time of the registration.
    #[serde(with = "crate::text")]
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

impl From<&Account> for AccountRecord {
    fn from(account: &Account) -> Self {
        let settings = &account.settings;
        Self {
            id: account.id.uuid(),
            email: account.email.as_str().to_owned(),
            timezone: settings.timezone.to_string(),
            week_start: settings.week_start.as_str().to_owned(),
            day_start: settings.day_start.to_string(),
            created_at: account.created_at,
        }
    }
}

/// The settings of the user: how days and weeks are counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "timezone": "Europe/Rome", "week_start": "monday", "day_start": "03:30",
    "updated_at": "2026-11-22T13:05:09.123456Z"
}))]
pub struct SettingsBody {
    /// Home time zone, an IANA name such as `Europe/Rome`.
    pub timezone: String,
    /// First day of the week: `monday`, `sunday` or `saturday`.
    pub week_start: String,
    /// Time of day at which a new day begins, `HH:MM` from `00:00` to `12:00`.
    pub day_start: String,
    /// Time of the last change of the settings.
    #[serde(with = "crate::text")]
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
}

// The same settings as in `AccountRecord`. In a delta they are a record of their own, because their
// position in the history is not that of the account.
impl From<&SettingsRecord> for SettingsBody {
    fn from(record: &SettingsRecord) -> Self {
        let settings = &record.settings;
        Self {
            timezone: settings.timezone.to_string(),
            week_start: settings.week_start.as_str().to_owned(),
            day_start: settings.day_start.to_string(),
            updated_at: record.updated_at,
        }
    }
}

impl SettingsBody {
    /// Converts the settings to the types of the domain, as a replica stores them.
    ///
    /// # Errors
    /// The members that no server of this version writes, such as an unknown zone.
    pub fn to_settings(&self, seq: Seq) -> Result<SettingsRecord, Invalid> {
        let mut checker = Checker::new();
        // All members are parsed before the first error returns, so an error names all of them.
        let timezone = checker.take("timezone", self.timezone.parse());
        let week_start = checker.take("week_start", self.week_start.parse());
        let day_start = checker.take("day_start", self.day_start.parse());
        let (Some(timezone), Some(week_start), Some(day_start)) = (timezone, week_start, day_start)
        else {
            // The checker has the errors of all three; the name is only for a checker without one.
            return Err(checker.into_invalid("timezone"));
        };
        checker.finish(SettingsRecord {
            settings: Settings {
                timezone,
                week_start,
                day_start,
            },
            seq,
            updated_at: self.updated_at,
        })
    }
}

/// A change of settings. Members that are left out keep their values.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"timezone": "Europe/Rome", "day_start": "03:30"}))]
pub struct SettingsRequest {
    /// Home time zone, an IANA name such as `Europe/Rome`.
    #[serde(default, skip_serializing_if = "Patch::is_absent")]
    // Texts here, parsed in the conversion: serde would stop at the first invalid member.
    #[schema(value_type = String, required = false)]
    pub timezone: Patch<String>,
    /// First day of the week: `monday`, `sunday` or `saturday`.
    #[serde(default, skip_serializing_if = "Patch::is_absent")]
    #[schema(value_type = String, required = false)]
    pub week_start: Patch<String>,
    /// Time of day at which a new day begins, `HH:MM` from `00:00` to `12:00`.
    #[serde(default, skip_serializing_if = "Patch::is_absent")]
    #[schema(value_type = String, required = false)]
    pub day_start: Patch<String>,
}

impl TryFrom<SettingsRequest> for SettingsChange {
    type Error = Invalid;

    fn try_from(request: SettingsRequest) -> Result<Self, Invalid> {
        let mut checker = Checker::new();
        let change = Self {
            timezone: request
                .timezone
                .parse_value("timezone", &mut checker, |text| text.parse()),
            week_start: request
                .week_start
                .parse_value("week_start", &mut checker, |text| text.parse()),
            day_start: request
                .day_start
                .parse_value("day_start", &mut checker, |text| text.parse()),
        };
        checker.finish(change)
    }
}
