//! Where values come from: flag beats variable beats file beats default.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use super::ConfigError;
use super::settings::{CONFIG_VARIABLE, Key, SETTINGS, Setting};

/// The variables of the process whose names begin with `KANSO_`.
#[derive(Clone, Debug, Default)]
pub struct Environment(BTreeMap<String, OsString>);

impl Environment {
    /// Reads the process's environment.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the environment"
    )]
    pub fn of_process() -> Self {
        Self::from_pairs(std::env::vars_os())
    }

    /// An environment made of `pairs`.
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

    /// A variable's value. An empty one counts as unset: compose files pass those on.
    fn get(&self, name: &str) -> Result<Option<&str>, ConfigError> {
        let Some(value) = self.0.get(name).filter(|value| !value.is_empty()) else {
            return Ok(None);
        };
        let problem = || ConfigError::invalid(name, "is not UTF-8");
        value.to_str().map(Some).ok_or_else(problem)
    }

    /// Variables that look like settings and are none.
    pub fn unknown(&self) -> impl Iterator<Item = &str> {
        let known = |name: &str| {
            name == CONFIG_VARIABLE || SETTINGS.iter().any(|setting| setting.variable == name)
        };
        self.0
            .keys()
            .map(String::as_str)
            .filter(move |name| !known(name))
    }
}

/// Values given on the command line.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// `--config`.
    pub config: Option<PathBuf>,
    /// The settings.
    pub values: BTreeMap<Key, String>,
}

/// Where a value was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Flag,
    Variable,
    File(PathBuf),
    Default,
}

/// A value and where it was found.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) text: String,
    pub(super) source: Source,
}

/// How a person would call the place: in messages, and beside the value in `config`.
pub(super) struct Place<'a>(pub(super) &'a Setting, pub(super) &'a Source);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(setting, source) = self;
        match source {
            Source::Flag => write!(f, "--{}", setting.flag.unwrap_or_default()),
            Source::Variable => f.write_str(setting.variable),
            Source::File(path) => write!(f, "{} in {}", setting.name, path.display()),
            Source::Default => f.write_str("default"),
        }
    }
}

/// The value of every setting that has one.
#[derive(Clone, Debug)]
pub(super) struct Layers(BTreeMap<Key, Found>);

impl Layers {
    pub(super) fn merge(flags: Flags, environment: &Environment) -> Result<Self, ConfigError> {
        let mut found = BTreeMap::new();
        let mut lay = |key, text: String, source| {
            found.insert(key, Found { text, source });
        };
        for setting in &SETTINGS {
            if let Some(text) = setting.default {
                lay(setting.key, text.to_owned(), Source::Default);
            }
        }
        if let Some(path) = file_to_read(flags.config, environment)? {
            for (key, text) in read_file(&path)? {
                lay(key, text, Source::File(path.clone()));
            }
        }
        for setting in &SETTINGS {
            if let Some(text) = environment.get(setting.variable)? {
                lay(setting.key, text.to_owned(), Source::Variable);
            }
        }
        for (key, text) in flags.values {
            lay(key, text, Source::Flag);
        }
        Ok(Self(found))
    }

    pub(super) fn find(&self, key: Key) -> Option<&Found> {
        self.0.get(&key)
    }

    /// Reads a setting that has a value, at least its default.
    pub(super) fn read<T>(
        &self,
        key: Key,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<T, ConfigError> {
        let setting = key.setting();
        let nothing = Found {
            text: String::new(),
            source: Source::Default,
        };
        let found = self.find(key).unwrap_or(&nothing);
        parse(&found.text)
            .map_err(|problem| ConfigError::invalid(Place(setting, &found.source), problem))
    }
}

/// The file that was named, else `./kanso.toml` where there is one.
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
            let items: Option<Vec<_>> = items.iter().map(toml::Value::as_str).collect();
            items.map(|items| items.join(","))
        }
        _ => None,
    };
    let place = Source::File(path.to_owned());
    text.map(|text| (setting.key, text)).ok_or_else(|| {
        ConfigError::invalid(
            Place(setting, &place),
            "must be a string or a list of strings",
        )
    })
}
