//! Parsers of the values of settings.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use kanso_application::disk::DiskReserve;
use kanso_application::ports::limiter::RateLimit;
use kanso_domain::sync::Quota;
use kanso_http::RegistrationMode;
use kanso_postgres::UrlError;

use super::{DatabaseConfig, LogFormat, origin};

/// Message that says why a text is invalid and gives an example.
pub(super) type Problem = String;

pub(super) fn listen(text: &str) -> Result<SocketAddr, Problem> {
    text.parse()
        .map_err(|_| format!("{text:?} is not an address and port such as 127.0.0.1:8080"))
}

/// Parses an address, or `off` as `None`.
pub(super) fn optional_listen(text: &str) -> Result<Option<SocketAddr>, Problem> {
    if text == "off" {
        return Ok(None);
    }
    let problem = |_| format!("{text:?} is neither `off` nor an address and port");
    text.parse().map(Some).map_err(problem)
}

/// Parses a database URL. It may hold a password, so no message repeats the text.
pub(super) fn database(text: &str, connections: NonZeroUsize) -> Result<DatabaseConfig, Problem> {
    let example = "use sqlite:// followed by a path, such as sqlite://./kanso-data/kanso.db, or \
                   postgres://user:password@host:5432/kanso";
    match text.split_once("://") {
        // URL parameters are refused: SQLite's own URL options would be ignored without notice.
        Some(("sqlite", path)) if !path.is_empty() && !path.contains(['?', '#']) => {
            Ok(DatabaseConfig::Sqlite(PathBuf::from(path)))
        }
        Some(("postgres" | "postgresql", _)) => match text.parse() {
            Ok(url) => Ok(DatabaseConfig::Postgres { url, connections }),
            Err(problem) => Err(UrlError::to_string(&problem)),
        },
        _ => Err(format!("is not a supported database; {example}")),
    }
}

/// Maximum number of connections. PostgreSQL servers accept fewer, so more is a typing error.
const MOST_CONNECTIONS: usize = 1_000;

pub(super) fn connections(text: &str) -> Result<NonZeroUsize, Problem> {
    let number = text.parse().ok();
    number
        .filter(|number: &NonZeroUsize| number.get() <= MOST_CONNECTIONS)
        .ok_or_else(|| format!("{text:?} is not a number from 1 to {MOST_CONNECTIONS}"))
}

pub(super) fn rate_limit(text: &str) -> Result<Option<RateLimit>, Problem> {
    if text == "off" {
        return Ok(None);
    }
    let problem = || format!("{text:?} is neither `off` nor requests/window such as 100/60s");
    let (requests, window) = text.split_once('/').ok_or_else(problem)?;
    let requests = requests.trim().parse().map_err(|_| problem())?;
    let window = duration(window.trim()).map_err(|_| problem())?;
    let seconds = u32::try_from(window.as_secs()).map_err(|_| problem())?;
    // The limiter counts in whole seconds, and its headers report them.
    if requests == 0 || seconds == 0 || window.subsec_nanos() != 0 {
        return Err(format!(
            "{text:?} needs at least one request and whole seconds"
        ));
    }
    Ok(Some(RateLimit::new(requests, seconds)))
}

pub(super) fn client_connections(text: &str) -> Result<usize, Problem> {
    if text == "off" {
        return Ok(usize::MAX);
    }
    let number = text.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| format!("{text:?} is neither `off` nor a number above 0"))
}

pub(crate) fn habit_quota(text: &str) -> Result<u32, Problem> {
    let quota = number_or_off(text, u32::MAX.into())?;
    Ok(quota.map_or(Quota::UNLIMITED.live_habits, |most| {
        u32::try_from(most).unwrap_or(u32::MAX)
    }))
}

pub(crate) fn record_quota(text: &str) -> Result<u64, Problem> {
    Ok(number_or_off(text, u32::MAX.into())?.unwrap_or(Quota::UNLIMITED.records))
}

/// Reads a number of mebibytes and returns bytes.
pub(crate) fn space_quota(text: &str) -> Result<u64, Problem> {
    const BYTES_OF_A_MEBIBYTE: u64 = 1 << 20;
    let quota = number_or_off(text, u32::MAX.into())?;
    Ok(quota.map_or(Quota::UNLIMITED.bytes, |most| most * BYTES_OF_A_MEBIBYTE))
}

/// Reads a number of mebibytes, or a share of the disk such as `5%`.
pub(super) fn disk_reserve(text: &str) -> Result<Option<DiskReserve>, Problem> {
    if text == "auto" {
        return Ok(Some(DiskReserve::Standard));
    }
    if let Some(percent) = text.strip_suffix('%') {
        let percent = percent
            .parse()
            .ok()
            .filter(|share| (1..=100).contains(share));
        return match percent {
            Some(percent) => Ok(Some(DiskReserve::Percent(percent))),
            None => Err(format!("{text:?} is not a share from 1% to 100%")),
        };
    }
    let mebibytes = number_or_off(text, u32::MAX.into())?;
    Ok(mebibytes.map(|number| DiskReserve::Bytes(number << 20)))
}

/// Reads `off` as `None`, or a number from 1 to `largest`.
fn number_or_off(text: &str, largest: u64) -> Result<Option<u64>, Problem> {
    if text == "off" {
        return Ok(None);
    }
    let number = text.parse().ok();
    match number.filter(|number| (1..=largest).contains(number)) {
        Some(number) => Ok(Some(number)),
        None => Err(format!(
            "{text:?} is neither `off` nor a number from 1 to {largest}"
        )),
    }
}

/// Parses a bound of which a part goes when it is reached, so that it cannot be 0.
pub(super) fn bound(text: &str) -> Result<u32, Problem> {
    let number = text.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| format!("{text:?} is not a number from 1 to {}", u32::MAX))
}

pub(super) fn proxies(text: &str) -> Result<Vec<IpNet>, Problem> {
    items(text)
        .map(|item| {
            let address = item.parse::<IpAddr>().map(IpNet::from);
            address
                .or_else(|_| item.parse::<IpNet>())
                // `10.1.2.3/8` means the network 10.0.0.0/8.
                .map(|net| net.trunc())
                .map_err(|_| {
                    format!("{item:?} is neither an address nor a CIDR such as 10.0.0.0/8")
                })
        })
        .collect()
}

pub(super) fn origins(text: &str) -> Result<Vec<String>, Problem> {
    let (mut origins, mut flaws) = (Vec::new(), Vec::new());
    for item in items(text) {
        match origin::flaw(item) {
            None => origins.push(item.to_owned()),
            // The text before an `@` may be a password.
            Some(flaw) => {
                let shown = item.rsplit('@').next().unwrap_or_default();
                flaws.push(format!("{shown:?} {flaw}"));
            }
        }
    }
    // All at once: an operator who lists ten origins should not need ten starts.
    if flaws.is_empty() {
        Ok(origins)
    } else {
        Err(flaws.join("; "))
    }
}

pub(super) fn registration(text: &str) -> Result<RegistrationMode, Problem> {
    match text {
        "open" => Ok(RegistrationMode::Open),
        "invite" => Ok(RegistrationMode::Invite),
        "closed" => Ok(RegistrationMode::Closed),
        _ => Err(format!("{text:?} is not `open`, `invite` or `closed`")),
    }
}

/// Parses `on` or `off`.
pub(super) fn switch(text: &str) -> Result<bool, Problem> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err(format!("{text:?} is neither `on` nor `off`")),
    }
}

pub(super) fn issuer(text: &str) -> Result<String, Problem> {
    if text.trim().is_empty() {
        return Err("must not be empty".into());
    }
    Ok(text.to_owned())
}

/// Maximum drain delay. With a longer one a shutdown would look like a hanging process.
const LONGEST_DRAIN_DELAY: Duration = Duration::from_mins(5);

pub(super) fn drain_delay(text: &str) -> Result<Duration, Problem> {
    let delay = duration(text)?;
    if delay > LONGEST_DRAIN_DELAY {
        return Err(format!("{text:?} is longer than 5m"));
    }
    Ok(delay)
}

/// Maximum retention: a hundred years. More is a typing error.
const MOST_DAYS: u32 = 36_500;

pub(super) fn days(text: &str) -> Result<u32, Problem> {
    let number = text.strip_suffix('d').and_then(|days| days.parse().ok());
    number
        .filter(|days| (1..=MOST_DAYS).contains(days))
        .ok_or_else(|| format!("{text:?} is not a number of days such as 90d"))
}

pub(super) fn log_format(text: &str) -> Result<LogFormat, Problem> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err(format!("{text:?} is neither `text` nor `json`")),
    }
}

pub(super) fn log_filter(text: &str) -> Result<String, Problem> {
    match tracing_subscriber::EnvFilter::try_new(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err(format!(
            "{text:?} is not a filter such as info or info,kanso_http=debug"
        )),
    }
}

/// Parses a number and a unit: `250ms`, `5s`, `2m`, `1h`.
fn duration(text: &str) -> Result<Duration, Problem> {
    let problem = || format!("{text:?} is not a duration such as 500ms, 5s or 2m");
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| problem())?;
    let millis = match unit {
        "ms" => Some(1),
        "s" => Some(1000),
        "m" => Some(60_000),
        "h" => Some(3_600_000),
        _ => None,
    };
    let total = millis
        // Checked: a huge number must be an error, not a short duration.
        .and_then(|millis| number.checked_mul(millis))
        .ok_or_else(problem)?;
    Ok(Duration::from_millis(total))
}

fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn habit_quotas() {
        assert_eq!(habit_quota("off"), Ok(u32::MAX));
        assert_eq!(habit_quota("100"), Ok(100));
        for bad in ["", "0", "-1", "4294967296", "many"] {
            assert!(habit_quota(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn quotas_of_records_and_space() {
        assert_eq!(record_quota("off"), Ok(Quota::UNLIMITED.records));
        assert_eq!(record_quota("2000000"), Ok(2_000_000));
        assert_eq!(space_quota("off"), Ok(Quota::UNLIMITED.bytes));
        assert_eq!(space_quota("1024"), Ok(1 << 30));
        for bad in ["", "0", "-1", "4294967296", "1GiB"] {
            assert!(record_quota(bad).is_err(), "{bad:?}");
            assert!(space_quota(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn reserve_of_the_disk() {
        assert_eq!(disk_reserve("off"), Ok(None));
        assert_eq!(disk_reserve("auto"), Ok(Some(DiskReserve::Standard)));
        assert_eq!(disk_reserve("256"), Ok(Some(DiskReserve::Bytes(256 << 20))));
        assert_eq!(disk_reserve("5%"), Ok(Some(DiskReserve::Percent(5))));
        for bad in ["", "0", "0%", "101%", "-1", "1G", "%", "2.5%"] {
            assert!(disk_reserve(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn rate_limits() {
        let limit = |requests, window_seconds| Ok(Some(RateLimit::new(requests, window_seconds)));
        assert_eq!(rate_limit("off"), Ok(None));
        assert_eq!(rate_limit("100/60s"), limit(100, 60));
        assert_eq!(rate_limit("5 / 1m"), limit(5, 60));
        for bad in [
            "",
            "100",
            "0/60s",
            "100/0s",
            "100/500ms",
            "-1/60s",
            "100/60",
            "x/60s",
            "OFF",
        ] {
            assert!(rate_limit(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn durations() {
        assert_eq!(drain_delay("0s"), Ok(Duration::ZERO));
        assert_eq!(drain_delay("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(drain_delay("5m"), Ok(Duration::from_mins(5)));
        for bad in [
            "",
            "5",
            "s",
            "-1s",
            "1.5s",
            "301s",
            "99999999999999999999h",
            "6m",
        ] {
            assert!(drain_delay(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn origins_are_exact() {
        let ok = [
            "https://app.example.org",
            "http://localhost:3000",
            "capacitor://localhost",
        ];
        assert_eq!(origins(&ok.join(", ")), Ok(ok.map(String::from).to_vec()));
        assert_eq!(origins(""), Ok(vec![]));
        let problem = origins("*, https://a.org, https://a.org/, null").expect_err("three are bad");
        for bad in ["\"*\"", "\"https://a.org/\"", "\"null\""] {
            assert!(problem.contains(bad), "{problem}");
        }
        assert!(!problem.contains("\"https://a.org\""), "{problem}");
        let problem = origins("https://me:canary@a.org").expect_err("a user");
        assert!(!problem.contains("canary"), "{problem}");
    }

    #[test]
    fn proxies_are_addresses_or_networks() {
        let parsed = proxies("10.1.2.3, 192.168.7.9/16,fd00::/8").expect("three proxies");
        let shown: Vec<_> = parsed.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["10.1.2.3/32", "192.168.0.0/16", "fd00::/8"]);
        assert!(proxies("proxy.example.org").is_err());
        assert!(proxies("10.0.0.0/33").is_err());
    }

    #[test]
    fn database_urls() {
        let database = |text| database(text, NonZeroUsize::MIN);
        let sqlite = |path: &str| Ok(DatabaseConfig::Sqlite(path.into()));
        assert_eq!(database("sqlite://./a/kanso.db"), sqlite("./a/kanso.db"));
        assert_eq!(
            database("sqlite:///var/lib/kanso.db"),
            sqlite("/var/lib/kanso.db")
        );
        let postgres = database("postgres://me:canary@db/kanso?sslmode=verify-full");
        let shown = format!("{postgres:?} {}", postgres.clone().expect("a URL"));
        assert!(shown.ends_with("}) postgres://me@db:5432/kanso"), "{shown}");
        assert!(!shown.contains("canary"), "{shown}");
        for bad in [
            "",
            "kanso.db",
            "sqlite://",
            "mysql://me:canary@db",
            "sqlite://a?mode=ro",
            "postgres://me:canary@db:x/kanso",
            "postgres://me:canary@/kanso",
            "postgres://me:canary@db/kanso?sslmode=canary",
        ] {
            let problem = database(bad).expect_err(bad);
            assert!(!problem.contains("canary"), "{problem}");
        }
    }
}
