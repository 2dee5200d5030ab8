//! Accounts and sessions.

use kanso_domain::accounts::{Account, Settings, SettingsChange, SettingsRecord};
use kanso_domain::validation::{Checker, Invalid};
use kanso_domain::{Seq, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::Patch;

/// A log-in name and a password.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"email": "ada@example.org", "password": "correct horse battery"}))]
pub struct CredentialsRequest {
    /// An e-mail address; case does not matter.
    #[schema(max_length = 254, format = "email")]
    pub email: String,
    /// 8 to 256 characters, without composition rules; the most common passwords are refused.
    #[schema(min_length = 8, max_length = 256, format = "password")]
    pub password: String,
}

/// Another password for an account.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "current_password": "correct horse battery", "new_password": "two slow kettles"
}))]
pub struct PasswordRequest {
    /// The password that the account has.
    #[schema(max_length = 256, format = "password")]
    pub current_password: String,
    /// 8 to 256 characters, without composition rules; the most common passwords are refused.
    #[schema(min_length = 8, max_length = 256, format = "password")]
    pub new_password: String,
}

/// Who an account belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "id": "0198c2f4-8b7e-7c3a-9d2e-4f5a6b7c8d9e", "email": "ada@example.org"
}))]
pub struct AccountSummary {
    /// The account's id.
    #[serde(with = "crate::text::uuid")]
    pub id: Uuid,
    /// The log-in name.
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

/// What a device needs to speak for a person.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "token": "eyJhbGciOiJIUzI1NiJ9.e30.c2ln",
    "expires_in": 900,
    "refresh_token": "kr1_c2VjcmV0",
    "user": {"id": "0198c2f4-8b7e-7c3a-9d2e-4f5a6b7c8d9e", "email": "ada@example.org"}
}))]
pub struct TokenResponse {
    /// An access token (JWT) for the header `Authorization: Bearer …`.
    pub token: String,
    /// Seconds until the access token expires.
    pub expires_in: i64,
    /// Good once, for the next pair; asked again within 60 s it yields the same successor.
    pub refresh_token: String,
    /// Whose account it is.
    pub user: AccountSummary,
}

/// A refresh token to be used up.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"refresh_token": "kr1_c2VjcmV0"}))]
pub struct RefreshRequest {
    /// The newest refresh token of the session.
    pub refresh_token: String,
}

/// The access token is good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"status": "valid"}))]
pub struct ValidateResponse {
    /// Always `valid`.
    pub status: String,
}

/// Something was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"message": "account deleted successfully"}))]
pub struct MessageResponse {
    /// What was done.
    pub message: String,
}

/// An account as its owner sees it.
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
    /// The account's id.
    #[serde(with = "crate::text::uuid")]
    pub id: Uuid,
    /// The log-in name.
    pub email: String,
    /// The home zone, an IANA name.
    pub timezone: String,
    /// `monday`, `sunday` or `saturday`.
    pub week_start: String,
    /// When days begin, `HH:MM` between 00:00 and 12:00.
    pub day_start: String,
    /// When the account was registered.
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

/// How a person's days and weeks are read, as devices get it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "timezone": "Europe/Rome", "week_start": "monday", "day_start": "03:30",
    "updated_at": "2026-11-22T13:05:09.123456Z"
}))]
pub struct SettingsBody {
    /// The home zone, an IANA name.
    pub timezone: String,
    /// `monday`, `sunday` or `saturday`.
    pub week_start: String,
    /// When days begin, `HH:MM` between 00:00 and 12:00.
    pub day_start: String,
    /// When they were changed last.
    #[serde(with = "crate::text")]
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
}

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
    /// The settings, as a replica keeps them.
    ///
    /// # Errors
    /// Settings that no server of this version writes.
    pub fn to_settings(&self, seq: Seq) -> Result<SettingsRecord, Invalid> {
        let mut checker = Checker::new();
        let timezone = checker.take("timezone", self.timezone.parse());
        let week_start = checker.take("week_start", self.week_start.parse());
        let day_start = checker.take("day_start", self.day_start.parse());
        let (Some(timezone), Some(week_start), Some(day_start)) = (timezone, week_start, day_start)
        else {
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

/// A change of settings; what is left out stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"timezone": "Europe/Rome", "day_start": "03:30"}))]
pub struct SettingsRequest {
    /// The home zone, an IANA name.
    #[serde(default, skip_serializing_if = "Patch::is_absent")]
    #[schema(value_type = String, required = false)]
    pub timezone: Patch<String>,
    /// `monday`, `sunday` or `saturday`.
    #[serde(default, skip_serializing_if = "Patch::is_absent")]
    #[schema(value_type = String, required = false)]
    pub week_start: Patch<String>,
    /// When days begin, `HH:MM` between 00:00 and 12:00.
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
                .parsed("timezone", &mut checker, |text| text.parse()),
            week_start: request
                .week_start
                .parsed("week_start", &mut checker, |text| text.parse()),
            day_start: request
                .day_start
                .parsed("day_start", &mut checker, |text| text.parse()),
        };
        checker.finish(change)
    }
}
