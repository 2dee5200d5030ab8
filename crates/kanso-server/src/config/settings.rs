//! The settings there are. One table: flags, variables, the file, `--help` and `config` read it.

/// A setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// The address to listen on.
    Listen,
    /// Where the data folder is.
    DataDir,
    /// Which database holds the records.
    DatabaseUrl,
    /// How many connections to it there may be.
    DatabaseConnections,
    /// What servers share besides the database.
    RedisUrl,
    /// How many requests an address may make.
    RateLimit,
    /// Whose `X-Forwarded-For` is believed.
    TrustedProxies,
    /// Which web origins may call.
    CorsOrigins,
    /// The HS256 signing secret.
    JwtSecret,
    /// The RS256 signing key.
    JwtPrivateKeyFile,
    /// The HS256 secret that signed before.
    JwtFormerSecret,
    /// The RS256 key that signed before.
    JwtFormerKeyFile,
    /// The `iss` of access tokens.
    JwtIssuer,
    /// How long results of operations are kept.
    OperationRetention,
    /// How long tombstones are kept.
    TombstoneRetention,
    /// Where metrics are told.
    MetricsListen,
    /// How long a shutdown waits before the listener closes.
    DrainDelay,
    /// What is logged.
    Log,
    /// How it is written.
    LogFormat,
}

/// What there is to say about a setting.
#[derive(Debug)]
pub struct Setting {
    /// Which one.
    pub key: Key,
    /// Its name in `kanso.toml`.
    pub name: &'static str,
    /// Its flag without the dashes; `None` for a secret, since everybody can list processes.
    pub flag: Option<&'static str>,
    /// Its variable.
    pub variable: &'static str,
    /// Its value when nothing is set; `None` when it is computed or absent.
    pub default: Option<&'static str>,
    /// The default in words, where [`Setting::default`] has none.
    pub default_in_words: &'static str,
    /// What `--help` calls the value.
    pub value: &'static str,
    /// What `--help` says.
    pub help: &'static str,
}

impl Setting {
    /// Whether the value is masked wherever it would be shown.
    pub const fn is_secret(&self) -> bool {
        self.flag.is_none()
    }
}

impl Key {
    /// What there is to say about this setting.
    pub fn setting(self) -> &'static Setting {
        // The table is in the order of the enum, which a test holds.
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

/// Every setting, in the order in which people should meet them.
pub static SETTINGS: [Setting; 19] = [
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
        "Folder for the database and the signing key; made when missing",
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
        "Most connections to a PostgreSQL database at a time",
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
        "Requests that one address may make in a window, or `off`",
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
        "Proxies whose X-Forwarded-For is believed, as addresses or CIDRs",
    ),
    setting(
        Key::CorsOrigins,
        ("cors_origins", "cors-origins", "KANSO_CORS_ORIGINS"),
        Some(""),
        "ORIGIN,…",
        "Web origins that may call from a browser, such as https://app.example.org",
    ),
    Setting {
        flag: None,
        default_in_words: "a key made on the first start, in <data dir>/jwt-secret",
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
            "RSA private key (PEM, 2048 bits or more) that signs access tokens instead (RS256)",
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
            "Secret that signed before: its access tokens stay good while keys change (HS256)",
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
            "RSA private key (PEM) that signed before, likewise (RS256)",
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
        "Days for which a repeated operation finds its first result",
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
        "Days for which deletions are remembered; a device that was away longer starts anew",
    ),
    setting(
        Key::MetricsListen,
        ("metrics_listen", "metrics-listen", "KANSO_METRICS_LISTEN"),
        Some("off"),
        "ADDRESS:PORT",
        "Address for Prometheus to ask for /metrics, such as 127.0.0.1:9464, or `off`",
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
        "What to log: a level, or a filter such as info,kanso_http=debug",
    ),
    setting(
        Key::LogFormat,
        ("log_format", "log-format", "KANSO_LOG_FORMAT"),
        Some("text"),
        "FORMAT",
        "How to log: text or json",
    ),
];

/// The variable and the flag that name the file.
pub const CONFIG_VARIABLE: &str = "KANSO_CONFIG";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_its_keys() {
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
