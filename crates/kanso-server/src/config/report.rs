//! Shows the effective settings.

use std::fmt::Write as _;

use super::settings::{Key, SETTINGS};
use super::sources::{Found, Layers, Place};
use super::{Config, Database};

/// The settings as TOML that could be a `kanso.toml`, secrets masked, each with its source.
pub(super) fn toml(config: &Config, layers: &Layers) -> String {
    let mut text = String::new();
    for setting in &SETTINGS {
        let name = setting.name;
        // Writing to a string cannot fail.
        let _ = match layers.find(setting.key) {
            Some(Found { source, .. }) if setting.is_secret() => {
                writeln!(text, "{name} = \"***\" # {}", Place(setting, source))
            }
            Some(found) => {
                // A URL may hold a password.
                let value = match (&config.database, setting.key) {
                    (Database::Postgres { url, .. }, Key::DatabaseUrl) => url.to_string().into(),
                    _ => value(setting.key, &found.text),
                };
                writeln!(text, "{name} = {value} # {}", Place(setting, &found.source))
            }
            None if let (Key::DatabaseUrl, Database::Sqlite(path)) =
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
