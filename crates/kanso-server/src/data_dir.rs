//! The data folder and the signing key in it.

use std::fs::{self, DirBuilder};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::config::ConfigError;

/// Name of the file in the data folder that holds the generated HS256 key.
pub const KEY_FILE: &str = "jwt-secret";

/// A data folder that exists and is writable.
#[derive(Clone, Debug)]
pub struct DataDir(PathBuf);

impl DataDir {
    /// Creates the folder if it is missing, with mode 0700, and checks that it is writable.
    ///
    /// # Errors
    /// If the folder cannot be created or written to. The message names the setting.
    pub fn open(path: &Path) -> Result<Self, ConfigError> {
        let advice = |what: &str, error: &io::Error| {
            let remedy = "make it writable, or set KANSO_DATA_DIR to another folder";
            ConfigError::invalid(
                format!("data folder {}", path.display()),
                format!("{what}: {error}; {remedy}"),
            )
        };
        private_folder()
            .create(path)
            .map_err(|error| advice("cannot be created", &error))?;
        // Checked by writing: mode bits do not show read-only mounts, quotas or access lists. The
        // file has a random name, so that servers that start at once do not remove each other's.
        NamedTempFile::new_in(path)
            .and_then(NamedTempFile::close)
            .map_err(|error| advice("cannot be written to", &error))?;
        if is_open_to_others(path) {
            let folder = path.display();
            tracing::warn!(%folder, "data folder is accessible to other users of this machine");
        }
        Ok(Self(path.to_owned()))
    }

    /// Returns the stored signing key. If there is none, stores the result of `make` with mode 0600.
    ///
    /// # Errors
    /// If the file cannot be read or written.
    pub fn signing_key(&self, make: impl FnOnce() -> String) -> Result<String, ConfigError> {
        let path = self.0.join(KEY_FILE);
        let unusable = |error: io::Error| ConfigError::invalid(path.display(), error.to_string());
        // `try_exists`, not `exists`: a file that cannot be examined must not look like a missing one,
        // or a new key would invalidate all sessions.
        if !path.try_exists().map_err(unusable)? {
            store(&self.0, &path, &make()).map_err(unusable)?;
        }
        // Read back: another server that started at once may have stored its key first, and both
        // must sign with the same one.
        read_secret(&path).map(|text| text.trim_end().to_owned())
    }
}

/// Writes `secret` to `path` in `folder` with mode 0600, unless the file exists.
///
/// The file is written under a temporary name and renamed: a crash cannot leave half a key, which
/// every later start would reject.
fn store(folder: &Path, path: &Path, secret: &str) -> io::Result<()> {
    let mut file = NamedTempFile::new_in(folder)?;
    writeln!(file, "{secret}")?;
    file.as_file().sync_all()?;
    // `NamedTempFile` creates files with mode 0600.
    match file.persist_noclobber(path) {
        Err(refused) if refused.error.kind() != io::ErrorKind::AlreadyExists => Err(refused.error),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Reads a file that holds a secret. Warns if other users can read it.
///
/// # Errors
/// If the file cannot be read.
pub fn read_secret(path: &Path) -> Result<String, ConfigError> {
    let text = fs::read_to_string(path).map_err(|error| {
        ConfigError::invalid(path.display(), format!("cannot be read: {error}"))
    })?;
    if is_open_to_others(path) {
        let file = path.display();
        tracing::warn!(%file, "signing key is readable by other users of this machine; run chmod 600");
    }
    Ok(text)
}

fn private_folder() -> DirBuilder {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}

#[cfg(unix)]
fn is_open_to_others(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn is_open_to_others(_: &Path) -> bool {
    false
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;
    use std::thread;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("it exists").permissions().mode() & 0o777
    }

    #[test]
    fn folder_and_key_are_created_once_and_only_for_their_owner() {
        let place = tempfile::tempdir().expect("a temporary folder");
        let path = place.path().join("a/kanso-data");
        let first = DataDir::open(&path).and_then(|dir| dir.signing_key(|| "first".into()));
        let second = DataDir::open(&path).and_then(|dir| dir.signing_key(|| "second".into()));
        assert_eq!((first, second), (Ok("first".into()), Ok("first".into())));
        assert_eq!(mode(&path), 0o700);
        assert_eq!(mode(&path.join(KEY_FILE)), 0o600);
    }

    #[test]
    fn concurrent_starts_agree_on_the_key() {
        for _ in 0..50 {
            let place = tempfile::tempdir().expect("a temporary folder");
            let path = place.path().join("kanso-data");
            let open = |nth: usize| {
                let dir = DataDir::open(&path).expect("it can be written to");
                dir.signing_key(|| format!("key {nth}")).expect("a key")
            };
            let keys: Vec<_> = thread::scope(|scope| {
                let started: Vec<_> = (0..4)
                    .map(|nth| {
                        scope.spawn({
                            let open = &open;
                            move || open(nth)
                        })
                    })
                    .collect();
                started
                    .into_iter()
                    .map(|one| one.join().expect("it ends"))
                    .collect()
            });
            assert!(
                keys[0].starts_with("key ") && keys.iter().all(|key| *key == keys[0]),
                "{keys:?}"
            );
            let names = fs::read_dir(&path)
                .expect("a folder")
                .flatten()
                .map(|file| file.file_name());
            assert_eq!(
                names.collect::<Vec<_>>(),
                [KEY_FILE],
                "no other file remains"
            );
        }
    }

    #[test]
    fn error_of_a_folder_names_the_remedy() {
        let place = tempfile::tempdir().expect("a temporary folder");
        let file = place.path().join("file");
        fs::write(&file, "").expect("a file");
        let problem = DataDir::open(&file.join("data")).expect_err("a file is in the way");
        let problem = problem.to_string();
        assert!(
            problem.contains("set KANSO_DATA_DIR to another folder"),
            "{problem}"
        );
        assert!(!problem.contains('\n'), "{problem}");
    }
}
