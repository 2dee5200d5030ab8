//! A fake wall clock for child processes.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Paths of the preloaded library in Debian's package `libfaketime`.
const LIBRARIES: [&str; 2] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
];
/// File system of Linux for shared memory.
const SHARED: &str = "/dev/shm";

/// A wall clock for programs that are started with its [`variables`](Self::variables): an offset to
/// the machine's clock. Only the time of day differs; timeouts and sleeps are unchanged.
#[derive(Debug)]
pub struct FakeTime {
    preloaded: &'static str,
    file: PathBuf,
}

impl FakeTime {
    /// Creates a correct clock with its file in `folder`.
    ///
    /// # Errors
    ///
    /// `NotFound` if the library is not installed; other errors if the file is not writable.
    pub fn in_folder(folder: &Path) -> io::Result<Self> {
        let installed = |path: &&str| Path::new(path).is_file();
        let preloaded = LIBRARIES.into_iter().find(installed).ok_or_else(|| {
            let what = "a fake clock needs Debian's package `libfaketime`";
            io::Error::new(io::ErrorKind::NotFound, what)
        })?;
        let file = folder.join("clock");
        let clock = Self { preloaded, file };
        clock.jump(0)?;
        Ok(clock)
    }

    /// Sets the clock `ahead` seconds ahead of the machine's, also for running programs.
    ///
    /// # Errors
    ///
    /// The file is not writable.
    pub fn jump(&self, ahead: i64) -> io::Result<()> {
        // Written to another file and renamed, so that a program that reads meanwhile gets the old
        // or the new text, never a part.
        let whole = self.file.with_extension("new");
        fs::write(&whole, format!("{ahead:+}"))?;
        fs::rename(&whole, &self.file)
    }

    /// Returns the environment variables for a program.
    pub fn variables(&self) -> [(&'static str, String); 5] {
        let yes = || "1".to_owned();
        [
            ("LD_PRELOAD", self.preloaded.to_owned()),
            ("FAKETIME_TIMESTAMP_FILE", self.file.display().to_string()),
            // Without the cache a running program notices a jump at once. The monotonic clock stays
            // real, because PostgreSQL and tokio measure timeouts with it.
            ("FAKETIME_NO_CACHE", yes()),
            ("DONT_FAKE_MONOTONIC", yes()),
            ("NO_FAKE_STAT", yes()),
        ]
    }

    /// Removes the shared memory that the library leaves after a killed process. It would stop a
    /// later process with the same id from starting.
    pub fn clean_up_after(process: u32) {
        for name in ["faketime_shm_", "sem.faketime_sem_"] {
            // The files are missing after a normal exit, and for a process without this clock.
            let _ = fs::remove_file(Path::new(SHARED).join(format!("{name}{process}")));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// `date` prints a year that is ten years ahead.
    #[test]
    fn a_program_sees_the_fake_time() {
        let year = |clock: Option<&FakeTime>| -> i64 {
            let mut date = Command::new("date");
            date.args(["-u", "+%Y"]);
            date.envs(clock.into_iter().flat_map(FakeTime::variables));
            let output = date.output().unwrap();
            String::from_utf8(output.stdout)
                .unwrap()
                .trim()
                .parse()
                .unwrap()
        };
        let folder = std::env::temp_dir().join(format!("kanso-clock-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let clock = FakeTime::in_folder(&folder).unwrap();
        clock.jump(3653 * 86_400).unwrap();
        assert!((9..=11).contains(&(year(Some(&clock)) - year(None))));
        fs::remove_dir_all(folder).unwrap();
    }
}
