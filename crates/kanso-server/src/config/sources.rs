//! Sources of values and their precedence: flag, variable, file, default.
//!
//! The nearer a source is to the single run, the higher it ranks: a flag belongs to one start, a
//! variable to one unit or container, the file to the installation.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use super::settings::{CONFIG_VARIABLE, Key, SETTINGS, Setting};
use super::{ConfigError, secret_file};

/// Environment variables with the prefix `KANSO_`.
#[derive(Clone, Debug, Default)]
pub struct Environment(BTreeMap<String, OsString>);

impl Environment {
    /// Reads the environment of the process.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the environment"
    )]
    pub fn of_process() -> Self {
        Self::from_pairs(std::env::vars_os())
    }

    /// Creates an environment from `pairs`. Other prefixes are ignored.
    pub fn from_pairs(pairs: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let ours = pairs.into_iter().filter_map(|(name, value)| {
            let name = name
                .into_string()
                .ok()
                .filter(|name| name.starts_with("KANSO_"))?;
            Some((name, value))
        });
        Self(ours.collect())
    }

    /// Returns the value of a variable. An empty value counts as unset, because a compose file with
    /// `KANSO_X: ${KANSO_X}` sets the variable even if the host has none.
    fn get(&self, name: &str) -> Result<Option<&str>, ConfigError> {
        let Some(value) = self.0.get(name).filter(|value| !value.is_empty()) else {
            return Ok(None);
        };
        let problem = || ConfigError::invalid(name, "is not UTF-8");
        value.to_str().map(Some).ok_or_else(problem)
    }

    /// Returns the variables with the prefix that are not settings.
    pub fn unknown(&self) -> impl Iterator<Item = &str> {
        let known = |name: &str| {
            let is_of = |setting: &Setting| {
                setting.variable == name || setting.file_variable().as_deref() == Some(name)
            };
            name == CONFIG_VARIABLE || SETTINGS.iter().any(is_of)
        };
        self.0
            .keys()
            .map(String::as_str)
            .filter(move |name| !known(name))
    }
}

/// Values of the command line.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// File of `--config`.
    pub config: Option<PathBuf>,
    /// Values of settings.
    pub values: BTreeMap<Key, String>,
}

/// Text that switches a limit off.
const OFF: &str = "off";

/// Source of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ValueSource {
    Flag,
    Variable,
    /// File that a variable names.
    SecretFile,
    File(PathBuf),
    Default,
}

/// A value with its source.
#[derive(Clone, Debug)]
pub(super) struct SourcedValue {
    pub(super) text: String,
    pub(super) source: ValueSource,
}

/// Displays the place of a value as its user wrote it: in messages, and in the output of `config`.
pub(super) struct ValueLocation<'a>(pub(super) &'a Setting, pub(super) &'a ValueSource);

impl fmt::Display for ValueLocation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(setting, source) = self;
        match source {
            ValueSource::Flag => write!(f, "--{}", setting.flag.unwrap_or_default()),
            ValueSource::Variable => f.write_str(setting.variable),
            ValueSource::SecretFile => write!(f, "{}_FILE", setting.variable),
            ValueSource::File(path) => write!(f, "{} in {}", setting.name, path.display()),
            ValueSource::Default => f.write_str("default"),
        }
    }
}

/// Values of all settings that have one.
#[derive(Clone, Debug)]
pub(super) struct SettingValues(BTreeMap<Key, SourcedValue>);

impl SettingValues {
    pub(super) fn merge(flags: Flags, environment: &Environment) -> Result<Self, ConfigError> {
        let mut merged = BTreeMap::new();
        // From the lowest to the highest rank: a later value replaces an earlier one.
        let mut put = |key, text: String, source| {
            merged.insert(key, SourcedValue { text, source });
        };
        for setting in &SETTINGS {
            if let Some(text) = setting.default {
                put(setting.key, text.to_owned(), ValueSource::Default);
            }
        }
        if let Some(path) = file_to_read(flags.config, environment)? {
            for (key, text) in read_file(&path)? {
                put(key, text, ValueSource::File(path.clone()));
            }
        }
        for setting in &SETTINGS {
            if let Some((text, source)) = variable(setting, environment)? {
                put(setting.key, text, source);
            }
        }
        for (key, text) in flags.values {
            put(key, text, ValueSource::Flag);
        }
        let mut values = Self(merged);
        values.follow_rate_limit();
        Ok(values)
    }

    /// Switches the limit by user off with the limits by address, unless it is set.
    ///
    /// An operator who switches the limits off, for a test or behind a proxy with limits of its own,
    /// does not expect 429 from another one.
    fn follow_rate_limit(&mut self) {
        let is_off = |limit: &SourcedValue| limit.text.trim() == OFF;
        if self.find(Key::RateLimit).is_some_and(is_off)
            && let Some(by_user) = self.0.get_mut(&Key::UserRateLimit)
            && by_user.source == ValueSource::Default
        {
            OFF.clone_into(&mut by_user.text);
        }
    }

    pub(super) fn find(&self, key: Key) -> Option<&SourcedValue> {
        self.0.get(&key)
    }

    /// Parses the value of a setting. A setting without a value is parsed as the empty text.
    pub(super) fn read<T>(
        &self,
        key: Key,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<T, ConfigError> {
        let setting = key.setting();
        let empty = SourcedValue {
            text: String::new(),
            source: ValueSource::Default,
        };
        let value = self.find(key).unwrap_or(&empty);
        parse(&value.text)
            .map_err(|problem| ConfigError::invalid(ValueLocation(setting, &value.source), problem))
    }
}

/// Returns the value of a setting's variable, or of the file that its second variable names.
fn variable(
    setting: &Setting,
    environment: &Environment,
) -> Result<Option<(String, ValueSource)>, ConfigError> {
    let text = environment.get(setting.variable)?;
    let Some(name) = setting.file_variable() else {
        return Ok(text.map(|text| (text.to_owned(), ValueSource::Variable)));
    };
    match (text, environment.get(&name)?) {
        (text, None) => Ok(text.map(|text| (text.to_owned(), ValueSource::Variable))),
        (None, Some(path)) => {
            let text = secret_file::read(Path::new(path));
            let text = text.map_err(|problem| ConfigError::invalid(&name, problem))?;
            Ok(Some((text, ValueSource::SecretFile)))
        }
        // An error, not a precedence: the operator believes that the one that is ignored is in use.
        (Some(_), Some(_)) => Err(ConfigError::invalid(
            name,
            format!("is set, and so is {}; unset one of them", setting.variable),
        )),
    }
}

/// Returns the named file, else `./kanso.toml` if it exists. A named file must exist: a mistyped
/// name must not start a server with defaults.
fn file_to_read(
    flag: Option<PathBuf>,
    environment: &Environment,
) -> Result<Option<PathBuf>, ConfigError> {
    if let Some(path) = flag {
        return Ok(Some(path));
    }
    if let Some(path) = environment.get(CONFIG_VARIABLE)? {
        return Ok(Some(PathBuf::from(path)));
    }
    let here = Path::new("./kanso.toml");
    Ok(here.exists().then(|| here.to_owned()))
}

fn read_file(path: &Path) -> Result<Vec<(Key, String)>, ConfigError> {
    let invalid = |problem| ConfigError::invalid(path.display(), problem);
    let text = std::fs::read_to_string(path)
        .map_err(|error| invalid(format!("cannot be read: {error}")))?;
    let table: toml::Table = toml::from_str(&text).map_err(|error| {
        // toml's own display draws the line over several lines; errors here are one line.
        let end = error.span().map_or(0, |span| span.start.min(text.len()));
        let line = text[..end].matches('\n').count() + 1;
        invalid(format!("line {line}: {}", error.message()))
    })?;
    table
        .into_iter()
        .map(|(name, value)| read_member(path, &name, &value))
        .collect()
}

fn read_member(path: &Path, name: &str, value: &toml::Value) -> Result<(Key, String), ConfigError> {
    let known = SETTINGS.iter().find(|setting| setting.name == name);
    let Some(setting) = known else {
        let problem = format!("`{name}` is not a setting; `kanso-server --help` lists them");
        return Err(ConfigError::invalid(path.display(), problem));
    };
    let text = match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Array(items) => {
            // Lists become the comma-separated text of a flag, so that one parser reads both. No
            // address, network or origin contains a comma.
            let items: Option<Vec<_>> = items.iter().map(toml::Value::as_str).collect();
            items.map(|items| items.join(","))
        }
        // Numbers and booleans are refused: `drain_delay = 5` has no unit.
        _ => None,
    };
    let place = ValueSource::File(path.to_owned());
    text.map(|text| (setting.key, text)).ok_or_else(|| {
        ConfigError::invalid(
            ValueLocation(setting, &place),
            "must be a string or a list of strings",
        )
    })
}
