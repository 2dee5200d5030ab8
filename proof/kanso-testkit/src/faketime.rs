//! The time that programs take for the machine's.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Where Debian's package `libfaketime` keeps what is preloaded into a program.
const LIBRARIES: [&str; 2] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
];
/// Where Linux keeps the memory that processes share, as files.
const SHARED: &str = "/dev/shm";

/// A clock for the programs that are started with its [`variables`](Self::variables): it goes as
/// the machine's does, so many seconds ahead of it or behind. Only the time of day is another;
/// waiting takes as long as ever.
#[derive(Debug)]
pub struct FakeTime {
    preloaded: &'static str,
    file: PathBuf,
}

impl FakeTime {
    /// A clock that is right, which keeps its file in `folder`.
    ///
    /// # Errors
    /// `NotFound` when the library is not installed, or the file cannot be written.
    pub fn in_folder(folder: &Path) -> io::Result<Self> {
        let installed = |path: &&str| Path::new(path).is_file();
        let preloaded = LIBRARIES.into_iter().find(installed).ok_or_else(|| {
            let what = "a clock that is wrong takes Debian's package `libfaketime`";
            io::Error::new(io::ErrorKind::NotFound, what)
        })?;
        let file = folder.join("clock");
        let clock = Self { preloaded, file };
        clock.jump(0)?;
        Ok(clock)
    }

    /// Lets the clock be `ahead` seconds ahead of the machine's, from now on and for the programs
    /// that run too.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn jump(&self, ahead: i64) -> io::Result<()> {
        // A program that reads the time meanwhile finds the old text or the new one, not half of it.
        let whole = self.file.with_extension("new");
        fs::write(&whole, format!("{ahead:+}"))?;
        fs::rename(&whole, &self.file)
    }

    /// What a program has to be started with.
    pub fn variables(&self) -> [(&'static str, String); 5] {
        let yes = || "1".to_owned();
        [
            ("LD_PRELOAD", self.preloaded.to_owned()),
            ("FAKETIME_TIMESTAMP_FILE", self.file.display().to_string()),
            ("FAKETIME_NO_CACHE", yes()),
            ("DONT_FAKE_MONOTONIC", yes()),
            ("NO_FAKE_STAT", yes()),
        ]
    }

    /// Removes what the library leaves behind of a process that was killed, and which would keep
    /// another one that is given the same number from starting.
    pub fn clean_up_after(process: u32) {
        for name in ["faketime_shm_", "sem.faketime_sem_"] {
            // It is not there after a process that ended by itself, or that had no such clock.
            let _ = fs::remove_file(Path::new(SHARED).join(format!("{name}{process}")));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// What `date` takes for the year, ten years ahead.
    #[test]
    fn a_program_is_told_another_time() {
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
