//! A manual clock for the programs under test.

use kanso_client::clock::Clock as _;
use kanso_client::domain::Timestamp;
use kanso_client::system::SystemClock;
use kanso_testkit::FakeTime;
use tempfile::TempDir;

/// Environment of the programs.
pub(crate) type Variables = Vec<(&'static str, String)>;

/// A clock for programs, which a test moves.
pub(crate) struct Times {
    clock: FakeTime,
    _folder: TempDir,
}

impl Times {
    /// A clock on which it is now `instant`, such as `2026-01-10T12:00:00Z`.
    pub(crate) fn at(instant: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = FakeTime::in_folder(folder.path()).expect("`cargo xtask test` installs it");
        let times = Self {
            clock,
            _folder: folder,
        };
        times.move_to(instant);
        times
    }

    /// Sets the clock to `instant`, also for running programs.
    pub(crate) fn move_to(&self, instant: &str) {
        let instant: Timestamp = instant.parse().expect("an instant");
        let ahead = instant.seconds_since(SystemClock.now());
        self.clock.jump(ahead).expect("the clock can be moved");
    }

    pub(crate) fn variables(&self) -> Variables {
        self.clock.variables().into()
    }
}
