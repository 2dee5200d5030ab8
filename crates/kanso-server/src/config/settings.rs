//! The table of settings. Flags, variables, the file, `--help` and `config` are derived from it.

/// Key of a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// Address to listen on.
    Listen,
    /// Data folder.
    DataDir,
    /// URL of the database.
    DatabaseUrl,
    /// Maximum number of connections to PostgreSQL.
    DatabaseConnections,
    /// URL of Redis.
    RedisUrl,
    /// Limit on the requests of one address.
    RateLimit,
    /// Limit on the requests of one user.
    UserRateLimit,
    /// Most live habits of an account.
    HabitQuota,
    /// Most stored records of an account.
    RecordQuota,
    /// Most space of an account.
    SpaceQuota,
    /// Most open sessions of an account.
    SessionQuota,
    /// Most devices of an account.
    DeviceQuota,
    /// Free space that is left on the disk.
    DiskReserve,
    /// Time after which an unused session ends.
    SessionIdle,
    /// Time after which every session ends.
    SessionLifetime,
    /// Most open connections of one address.
    ClientConnections,
    /// Proxies whose `X-Forwarded-For` is trusted.
    TrustedProxies,
    /// Web origins that may call the API.
    CorsOrigins,
    /// Mode of registration.
    Registration,
    /// Pages that show the API description.
    Swagger,
    /// HS256 secret that signs access tokens.
    JwtSecret,
    /// File of the private key that signs access tokens.
    JwtPrivateKeyFile,
    /// HS256 secret that signed before.
    JwtFormerSecret,
    /// File of the private key that signed before.
    JwtFormerKeyFile,
    /// `iss` claim of access tokens.
    JwtIssuer,
    /// Retention of receipts.
    OperationRetention,
    /// Retention of tombstones.
    TombstoneRetention,
    /// Retention of security events.
    EventRetention,
    /// Retention of the texts of tombstones.
    DeletedTextRetention,
    /// Address that reports metrics.
    MetricsListen,
    /// Time that a shutdown waits before it closes the listener.
    DrainDelay,
    /// Filter of log lines.
    Log,
    /// Format of log lines.
    LogFormat,
    /// Addresses of clients in the lines of requests.
    LogClients,
}

/// Description of a setting.
#[derive(Debug)]
pub struct Setting {
    /// Key of the setting.
    pub key: Key,
    /// Name in `kanso.toml`.
    pub name: &'static str,
    /// Flag without the dashes; `None` for a secret, because all users of a machine can read the
    /// arguments of its processes.
    pub flag: Option<&'static str>,
    /// Environment variable.
    pub variable: &'static str,
    /// Value if nothing is set; `None` if it is computed or absent.
    pub default: Option<&'static str>,
    /// Description of the default if [`Setting::default`] is `None`.
    pub default_in_words: &'static str,
    /// Placeholder of the value in `--help`.
    pub value: &'static str,
    /// Help text.
    pub help: &'static str,
}

impl Setting {
    /// Returns true if the value is masked wherever it is shown.
    pub const fn is_secret(&self) -> bool {
        self.flag.is_none()
    }

    /// Returns the variable that names a file with the value; `None` if the value holds no secret.
    pub fn file_variable(&self) -> Option<String> {
        // The URL of the database has a flag, because it often holds no password.
        let may_be_secret = self.is_secret() || self.key == Key::DatabaseUrl;
        may_be_secret.then(|| format!("{}_FILE", self.variable))
    }
}

impl Key {
    /// Returns the description of the setting.
    pub fn setting(self) -> &'static Setting {
        // Valid because the table has the order of the enum, which a test checks.
        &SETTINGS[self as usize]
    }
}

const fn setting(
    key: Key,
    (name, flag, variable): (&'static str, &'static str, &'static str),
    default: Option<&'static str>,
    value: &'static str,
    help: &'static str,
) -> Setting {
    let flag = Some(flag);
    Setting {
        key,
        name,
        flag,
        variable,
        default,
        default_in_words: "",
        value,
        help,
    }
}

/// All settings, in the order of `--help`: the ones that most installations set come first.
pub static SETTINGS: [Setting; 34] = [
    setting(
        Key::Listen,
        ("listen", "listen", "KANSO_LISTEN"),
        Some("127.0.0.1:8080"),
        "ADDRESS:PORT",
        "Address to listen on; 0.0.0.0:8080 is every IPv4 interface",
    ),
    setting(
        Key::DataDir,
        ("data_dir", "data-dir", "KANSO_DATA_DIR"),
        Some("./kanso-data"),
        "FOLDER",
        "Folder for the database and the signing key; created if missing",
    ),
    Setting {
        default_in_words: "sqlite://<data dir>/kanso.db",
        ..setting(
            Key::DatabaseUrl,
            ("database_url", "database-url", "KANSO_DATABASE_URL"),
            None,
            "URL",
            "Database, as sqlite://PATH or postgres://USER:PASSWORD@HOST/NAME",
        )
    },
    setting(
        Key::DatabaseConnections,
        (
            "database_connections",
            "database-connections",
            "KANSO_DATABASE_CONNECTIONS",
        ),
        Some("16"),
        "NUMBER",
        "Maximum number of connections to PostgreSQL",
    ),
    Setting {
        flag: None,
        default_in_words: "none: this server is the only one",
        ..setting(
            Key::RedisUrl,
            ("redis_url", "redis-url", "KANSO_REDIS_URL"),
            None,
            "URL",
            "Redis that several servers share, as redis://:PASSWORD@HOST:PORT or rediss://…",
        )
    },
    setting(
        Key::RateLimit,
        ("rate_limit", "rate-limit", "KANSO_RATE_LIMIT"),
        Some("100/60s"),
        "REQUESTS/WINDOW",
        "Limit on the requests of one address, or `off`",
    ),
    setting(
        Key::UserRateLimit,
        (
            "user_rate_limit",
            "user-rate-limit",
            "KANSO_USER_RATE_LIMIT",
        ),
        Some("600/60s"),
        "REQUESTS/WINDOW",
        "Limit on the requests of one user from all addresses, or `off`",
    ),
    setting(
        Key::HabitQuota,
        ("habit_quota", "habit-quota", "KANSO_HABIT_QUOTA"),
        Some("500"),
        "NUMBER",
        "Maximum number of habits of an account, or `off`",
    ),
    setting(
        Key::RecordQuota,
        ("record_quota", "record-quota", "KANSO_RECORD_QUOTA"),
        Some("2000000"),
        "NUMBER",
        "Maximum number of stored records of an account, or `off`",
    ),
    setting(
        Key::SpaceQuota,
        ("space_quota", "space-quota", "KANSO_SPACE_QUOTA"),
        Some("1024"),
        "MEBIBYTES",
        "Maximum size of all records of an account, or `off`",
    ),
    setting(
        Key::SessionQuota,
        ("session_quota", "session-quota", "KANSO_SESSION_QUOTA"),
        Some("100"),
        "NUMBER",
        "Maximum number of sessions of an account; the longest unused one ends first",
    ),
    setting(
        Key::DeviceQuota,
        ("device_quota", "device-quota", "KANSO_DEVICE_QUOTA"),
        Some("100"),
        "NUMBER",
        "Maximum number of devices of an account; the longest unused one is forgotten first",
    ),
    setting(
        Key::DiskReserve,
        ("disk_reserve", "disk-reserve", "KANSO_DISK_RESERVE"),
        Some("auto"),
        "MEBIBYTES",
        "Free space on the disk of SQLite below which only reads and deletions go on, also as a share \
         such as `5%`, or `off`; `auto` is 256, or 5% of a file system below 5 GiB",
    ),
    setting(
        Key::SessionIdle,
        ("session_idle", "session-idle", "KANSO_SESSION_IDLE"),
        Some("90d"),
        "DAYS",
        "Days after which an unused session ends",
    ),
    setting(
        Key::SessionLifetime,
        (
            "session_lifetime",
            "session-lifetime",
            "KANSO_SESSION_LIFETIME",
        ),
        Some("365d"),
        "DAYS",
        "Days after the log-in at which every session ends",
    ),
    setting(
        Key::ClientConnections,
        (
            "client_connections",
            "client-connections",
            "KANSO_CLIENT_CONNECTIONS",
        ),
        Some("256"),
        "NUMBER",
        "Most open connections of one address that is not a trusted proxy, or `off`",
    ),
    setting(
        Key::TrustedProxies,
        (
            "trusted_proxies",
            "trusted-proxies",
            "KANSO_TRUSTED_PROXIES",
        ),
        Some(""),
        "CIDR,…",
        "Proxies whose X-Forwarded-For is trusted, as addresses or CIDRs",
    ),
    setting(
        Key::CorsOrigins,
        ("cors_origins", "cors-origins", "KANSO_CORS_ORIGINS"),
        Some(""),
        "ORIGIN,…",
        "Web origins that may call the API, such as https://app.example.org",
    ),
    Setting {
        default_in_words: "invite; open for a database in which release 0.1.0 made accounts",
        ..setting(
            Key::Registration,
            ("registration", "registration", "KANSO_REGISTRATION"),
            None,
            "open|invite|closed",
            "Who may register an account: every client, clients with an invitation, or none",
        )
    },
    setting(
        Key::Swagger,
        ("swagger", "swagger", "KANSO_SWAGGER"),
        Some("on"),
        "on|off",
        "Pages under /swagger/ that show the API description: on or off",
    ),
    Setting {
        flag: None,
        default_in_words: "a key generated on the first start, in <data dir>/jwt-secret",
        ..setting(
            Key::JwtSecret,
            ("jwt_secret", "jwt-secret", "KANSO_JWT_SECRET"),
            None,
            "SECRET",
            "Secret of at least 32 bytes that signs access tokens (HS256)",
        )
    },
    Setting {
        default_in_words: "none",
        ..setting(
            Key::JwtPrivateKeyFile,
            (
                "jwt_private_key_file",
                "jwt-private-key-file",
                "KANSO_JWT_PRIVATE_KEY_FILE",
            ),
            None,
            "FILE",
            "Private key (PEM) that signs instead: RSA from 3072 bits, P-256 or Ed25519",
        )
    },
    Setting {
        flag: None,
        default_in_words: "none",
        ..setting(
            Key::JwtFormerSecret,
            (
                "jwt_former_secret",
                "jwt-former-secret",
                "KANSO_JWT_FORMER_SECRET",
            ),
            None,
            "SECRET",
            "Previous secret, whose access tokens stay valid during a key rotation (HS256)",
        )
    },
    Setting {
        default_in_words: "none",
        ..setting(
            Key::JwtFormerKeyFile,
            (
                "jwt_former_key_file",
                "jwt-former-key-file",
                "KANSO_JWT_FORMER_KEY_FILE",
            ),
            None,
            "FILE",
            "Previous private key (PEM), likewise",
        )
    },
    setting(
        Key::JwtIssuer,
        ("jwt_issuer", "jwt-issuer", "KANSO_JWT_ISSUER"),
        Some("kanso"),
        "NAME",
        "Issuer named in access tokens",
    ),
    setting(
        Key::OperationRetention,
        (
            "operation_retention",
            "operation-retention",
            "KANSO_OPERATION_RETENTION",
        ),
        Some("90d"),
        "DAYS",
        "Days for which a retry of an operation returns the first result",
    ),
    setting(
        Key::TombstoneRetention,
        (
            "tombstone_retention",
            "tombstone-retention",
            "KANSO_TOMBSTONE_RETENTION",
        ),
        Some("180d"),
        "DAYS",
        "Days for which tombstones are kept; a device that was offline longer downloads everything",
    ),
    setting(
        Key::EventRetention,
        (
            "event_retention",
            "event-retention",
            "KANSO_EVENT_RETENTION",
        ),
        Some("90d"),
        "DAYS",
        "Days for which the security events of an account are kept",
    ),
    setting(
        Key::DeletedTextRetention,
        (
            "deleted_text_retention",
            "deleted-text-retention",
            "KANSO_DELETED_TEXT_RETENTION",
        ),
        Some("30d"),
        "DAYS",
        "Days for which a deleted record keeps its texts, so that it can be revived as it was",
    ),
    setting(
        Key::MetricsListen,
        ("metrics_listen", "metrics-listen", "KANSO_METRICS_LISTEN"),
        Some("off"),
        "ADDRESS:PORT",
        "Address that serves /metrics to Prometheus, such as 127.0.0.1:9464, or `off`",
    ),
    setting(
        Key::DrainDelay,
        ("drain_delay", "drain-delay", "KANSO_DRAIN_DELAY"),
        Some("0s"),
        "DURATION",
        "Time between a termination signal and the closing of the listener",
    ),
    setting(
        Key::Log,
        ("log", "log", "KANSO_LOG"),
        Some("info,refinery_core=warn"),
        "FILTER",
        "Log filter: a level, or a list such as info,kanso_http=debug",
    ),
    setting(
        Key::LogFormat,
        ("log_format", "log-format", "KANSO_LOG_FORMAT"),
        Some("text"),
        "FORMAT",
        "Log format: text or json",
    ),
    setting(
        Key::LogClients,
        ("log_clients", "log-clients", "KANSO_LOG_CLIENTS"),
        Some("off"),
        "on|off",
        "Address of the client in the log line of every request: on or off",
    ),
];

/// Variable that names the settings file, like the flag `--config`.
pub const CONFIG_VARIABLE: &str = "KANSO_CONFIG";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_has_the_order_of_its_keys() {
        for (index, setting) in SETTINGS.iter().enumerate() {
            assert_eq!(setting.key as usize, index, "{}", setting.name);
        }
    }

    #[test]
    fn flag_and_variable_are_named_after_their_setting() {
        for setting in &SETTINGS {
            let flag = setting.name.replace('_', "-");
            assert!(setting.flag.is_none_or(|name| name == flag), "{flag}");
            assert_eq!(
                setting.variable,
                format!("KANSO_{}", setting.name.to_uppercase())
            );
        }
    }
}
