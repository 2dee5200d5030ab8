//! Report of the effective settings.

use std::fmt::Write as _;

use super::settings::{Key, SETTINGS};
use super::sources::{SettingValues, SourcedValue, ValueLocation};
use super::{Config, DatabaseConfig};

/// Formats the settings as a valid `kanso.toml`, with masked secrets and the source of each.
pub(super) fn toml(config: &Config, values: &SettingValues) -> String {
    let mut text = String::new();
    for setting in &SETTINGS {
        let name = setting.name;
        // Writing to a string cannot fail.
        let _ = match values.find(setting.key) {
            Some(SourcedValue { source, .. }) if setting.is_secret() => {
                writeln!(
                    text,
                    "{name} = \"***\" # {}",
                    ValueLocation(setting, source)
                )
            }
            Some(found) => {
                // The `Display` of a database URL omits the password.
                let value = match (&config.database, setting.key) {
                    (DatabaseConfig::Postgres { url, .. }, Key::DatabaseUrl) => {
                        url.to_string().into()
                    }
                    _ => value(setting.key, &found.text),
                };
                writeln!(
                    text,
                    "{name} = {value} # {}",
                    ValueLocation(setting, &found.source)
                )
            }
            None if let (Key::DatabaseUrl, DatabaseConfig::Sqlite(path)) =
                (setting.key, &config.database) =>
            {
                let url = format!("sqlite://{}", path.display());
                writeln!(text, "{name} = {} # default", toml::Value::String(url))
            }
            None => writeln!(text, "# {name} is not set: {}", setting.default_in_words),
        };
    }
    text
}

fn value(key: Key, text: &str) -> toml::Value {
    if !matches!(key, Key::TrustedProxies | Key::CorsOrigins) {
        return toml::Value::String(text.to_owned());
    }
    let items = text
        .split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty());
    toml::Value::Array(
        items
            .map(|item| toml::Value::String(item.to_owned()))
            .collect(),
    )
}
