use super::*;

fn environment(pairs: &[(&str, &str)]) -> Environment {
    Environment::from_pairs(
        pairs
            .iter()
            .map(|(name, value)| (name.into(), value.into())),
    )
}

fn flags(pairs: &[(Key, &str)]) -> Flags {
    Flags {
        config: None,
        values: pairs
            .iter()
            .map(|(key, value)| (*key, (*value).to_owned()))
            .collect(),
    }
}

fn resolve(pairs: &[(&str, &str)]) -> Result<Resolved, String> {
    Config::resolve(Flags::default(), &environment(pairs)).map_err(|error| error.to_string())
}

struct File(tempfile::TempDir);

impl File {
    fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join("kanso.toml"), text).expect("a file");
        Self(folder)
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("kanso.toml")
    }

    fn resolve(&self) -> Result<Resolved, String> {
        let flags = Flags {
            config: Some(self.path()),
            ..Flags::default()
        };
        Config::resolve(flags, &Environment::default()).map_err(|error| error.to_string())
    }
}

#[test]
fn defaults_are_a_local_server_on_sqlite() {
    let config = resolve(&[]).expect("defaults").config;
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(
        config.database,
        DatabaseConfig::Sqlite("./kanso-data/kanso.db".into())
    );
    assert_eq!(config.rate_limit, Some(RateLimit::new(100, 60)));
    assert_eq!(config.signing, Signing::Generated);
    assert_eq!(config.drain_delay, Duration::ZERO);
}

#[test]
fn limit_by_user_is_off_with_the_limit_by_address_unless_it_is_set() {
    let by_user = RateLimit {
        scope: LimitScope::User,
        ..RateLimit::new(600, 60)
    };
    let limit = |variables: &[(&str, &str)]| {
        let resolved = resolve(variables).expect("good settings");
        resolved.config.user_rate_limit
    };
    assert_eq!(limit(&[]), Some(by_user));
    let off = ("KANSO_RATE_LIMIT", "off");
    assert_eq!(limit(&[off]), None);
    let set = [off, ("KANSO_USER_RATE_LIMIT", "600/60s")];
    assert_eq!(limit(&set), Some(by_user));
    assert_eq!(limit(&[("KANSO_RATE_LIMIT", "5/1m")]), Some(by_user));
}

#[test]
fn flag_beats_variable_beats_file_beats_default() {
    let file = File::new(
        "listen = '127.0.0.1:1'\njwt_issuer = 'file'\nlog = 'debug'\ntrusted_proxies = ['10.0.0.1', 'fd00::/8']\n",
    );
    let path = file.path();
    let variables = environment(&[
        ("KANSO_CONFIG", path.to_str().expect("UTF-8")),
        ("KANSO_LISTEN", "127.0.0.1:2"),
        ("KANSO_JWT_ISSUER", "variable"),
    ]);
    let flags = flags(&[(Key::Listen, "127.0.0.1:3")]);
    let resolved = Config::resolve(flags, &variables).expect("good settings");
    assert_eq!(resolved.config.listen.port(), 3);
    assert_eq!(resolved.config.jwt_issuer, "variable");
    assert_eq!(resolved.config.log, "debug");
    assert_eq!(resolved.config.trusted_proxies.len(), 2);
    assert_eq!(resolved.config.log_format, LogFormat::Text);
    for line in [
        "listen = \"127.0.0.1:3\" # --listen",
        "jwt_issuer = \"variable\" # KANSO_JWT_ISSUER",
        &format!("log = \"debug\" # log in {}", path.display()),
        &format!(
            "trusted_proxies = [\"10.0.0.1\", \"fd00::/8\"] # trusted_proxies in {}",
            path.display()
        ),
        "log_format = \"text\" # default",
        "# registration is not set: invite; open for a database in which release 0.1.0 made accounts",
        "swagger = \"on\" # default",
        "database_url = \"sqlite://./kanso-data/kanso.db\" # default",
        "# jwt_secret is not set: a key generated on the first start, in <data dir>/jwt-secret",
    ] {
        assert!(
            resolved.report.lines().any(|l| l == line),
            "{line}\n{}",
            resolved.report
        );
    }
}

#[test]
fn report_is_a_valid_configuration() {
    let report = resolve(&[("KANSO_RATE_LIMIT", "off")])
        .expect("good settings")
        .report;
    let again = File::new(&report)
        .resolve()
        .expect("the report is a configuration");
    assert_eq!(
        again.config,
        resolve(&[("KANSO_RATE_LIMIT", "off")])
            .expect("good")
            .config
    );
}

#[test]
fn secrets_are_masked_everywhere() {
    let resolved = resolve(&[("KANSO_JWT_SECRET", "canary-canary-canary-canary-canary")]);
    let shown = format!("{resolved:?}");
    assert!(!shown.contains("canary"), "{shown}");
    assert!(
        shown.contains("jwt_secret = \\\"***\\\" # KANSO_JWT_SECRET"),
        "{shown}"
    );
}

#[test]
fn password_of_the_database_is_masked_everywhere() {
    let url = "postgres://me:canary@db/kanso?sslmode=verify-full";
    let resolved = resolve(&[("KANSO_DATABASE_URL", url)]).expect("good");
    let line = "database_url = \"postgres://me@db:5432/kanso\" # KANSO_DATABASE_URL";
    assert!(resolved.report.lines().any(|shown| shown == line));
    let shown = format!("{resolved:?} {}", resolved.config.database);
    assert!(!shown.contains("canary"), "{shown}");
}

#[test]
fn error_names_the_place_and_a_valid_example() {
    for (name, value, says) in [
        (
            "KANSO_LISTEN",
            "here",
            "\"here\" is not an address and port such as 127.0.0.1:8080",
        ),
        (
            "KANSO_RATE_LIMIT",
            "lots",
            "\"lots\" is neither `off` nor requests/window",
        ),
        (
            "KANSO_CORS_ORIGINS",
            "*",
            "`*` would allow every web page; list the origins",
        ),
        (
            "KANSO_REGISTRATION",
            "off",
            "\"off\" is not `open`, `invite` or `closed`",
        ),
        ("KANSO_SWAGGER", "no", "\"no\" is neither `on` nor `off`"),
        (
            "KANSO_DATABASE_URL",
            "postgres://x",
            "names no user, as in postgres://user:password@host:5432/kanso",
        ),
        (
            "KANSO_DATABASE_CONNECTIONS",
            "0",
            "\"0\" is not a number from 1 to 1000",
        ),
        (
            "KANSO_DRAIN_DELAY",
            "soon",
            "\"soon\" is not a duration such as 500ms, 5s or 2m",
        ),
        ("KANSO_LOG", "=[", "is not a filter such as info"),
        (
            "KANSO_LOG_FORMAT",
            "xml",
            "\"xml\" is neither `text` nor `json`",
        ),
        ("KANSO_JWT_ISSUER", " ", "must not be empty"),
    ] {
        let problem = resolve(&[(name, value)]).expect_err(name);
        assert!(problem.starts_with(&format!("{name}: ")), "{problem}");
        assert!(problem.contains(says), "{problem}");
        assert!(!problem.contains('\n'), "{problem}");
    }
}

#[test]
fn both_signing_keys_are_refused() {
    let problem = resolve(&[
        ("KANSO_JWT_SECRET", "canary-canary-canary-canary-canary"),
        ("KANSO_JWT_PRIVATE_KEY_FILE", "key.pem"),
    ])
    .expect_err("two keys");
    assert!(problem.starts_with("KANSO_JWT_SECRET: is set, and so is KANSO_JWT_PRIVATE_KEY_FILE"));
    assert!(!problem.contains("canary"), "{problem}");
}

#[test]
fn a_secret_may_stand_in_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    for setting in &SETTINGS {
        let Some(variable) = setting.file_variable() else {
            assert!(!setting.is_secret(), "{}", setting.name);
            continue;
        };
        let path = folder.path().join(setting.name);
        let text = match setting.key {
            Key::DatabaseUrl => "postgres://me:canary@db/kanso?sslmode=require\n",
            _ => "canary-canary-canary-canary-canary\n",
        };
        std::fs::write(&path, text).expect("a file");
        let path = path.to_str().expect("UTF-8");
        let resolved = resolve(&[(&variable, path)]).expect("good settings");
        assert!(resolved.warnings.is_empty(), "{:?}", resolved.warnings);
        let shown = format!("{resolved:?}");
        assert!(!shown.contains("canary"), "{shown}");
        assert!(shown.contains(&format!("# {variable}")), "{shown}");
        let same = resolve(&[(setting.variable, text.trim_end())]).expect("good settings");
        assert_eq!(resolved.config, same.config);

        let problem = resolve(&[(&variable, path), (setting.variable, "canary")]);
        let problem = problem.expect_err("both are set");
        let says = format!("{variable}: is set, and so is {}", setting.variable);
        assert!(problem.starts_with(&says), "{problem}");
        let problem = resolve(&[(&variable, "/nowhere/secret")]).expect_err("no file");
        let says = format!("{variable}: /nowhere/secret: cannot be read");
        assert!(problem.starts_with(&says), "{problem}");
    }
}

#[test]
fn proxies_that_cover_everything_are_a_warning() {
    for (proxies, count) in [
        ("0.0.0.0/0", 1),
        ("::/0", 1),
        ("10.0.0.0/8,fd00::/8", 2),
        ("10.1.0.0/16,127.0.0.0/8,fd00:1::/32,192.0.2.7", 0),
        ("", 0),
    ] {
        let warnings = resolve(&[("KANSO_TRUSTED_PROXIES", proxies)])
            .expect("good")
            .warnings;
        assert_eq!(warnings.len(), count, "{proxies}: {warnings:?}");
        let names_it = |warning: &String| warning.starts_with("KANSO_TRUSTED_PROXIES: ");
        assert!(warnings.iter().all(names_it), "{warnings:?}");
    }
}

#[test]
fn empty_variable_counts_as_unset() {
    let config = resolve(&[("KANSO_JWT_SECRET", ""), ("KANSO_LISTEN", "")])
        .expect("good")
        .config;
    assert_eq!(config.signing, Signing::Generated);
    assert_eq!(config.listen.port(), 8080);
}

#[test]
fn unknown_variable_is_a_warning() {
    let resolved = resolve(&[("KANSO_LISTNE", "127.0.0.1:1")]).expect("good settings");
    assert_eq!(
        resolved.warnings,
        ["KANSO_LISTNE is not a setting and is ignored"]
    );
}

#[test]
fn unknown_name_in_the_file_is_an_error() {
    let problem = File::new("listne = 'x'").resolve().expect_err("a typo");
    assert!(
        problem.contains("`listne` is not a setting; `kanso-server --help`"),
        "{problem}"
    );
}

#[test]
fn error_of_a_file_names_the_reason() {
    let problem = File::new("log = 'info'\nlisten = \n")
        .resolve()
        .expect_err("no TOML");
    assert!(
        problem.contains("line 2: ") && !problem.contains('\n'),
        "{problem}"
    );
    let problem = File::new("drain_delay = 5")
        .resolve()
        .expect_err("no string");
    assert!(
        problem.ends_with("must be a string or a list of strings"),
        "{problem}"
    );
    let flags = Flags {
        config: Some("/nowhere/kanso.toml".into()),
        ..Flags::default()
    };
    let problem = Config::resolve(flags, &Environment::default()).expect_err("no file");
    assert!(
        problem
            .to_string()
            .starts_with("/nowhere/kanso.toml: cannot be read: ")
    );
}
