//! A file beside the database that knows how far it had come, so that an older copy which was put
//! in its place shows.
//!
//! A copy has a history that clients are ahead of, and will give out the same positions again for
//! other changes; only a new epoch keeps the two apart. The copy is found out in three ways: it has
//! seen fewer commits than this file was told of; it has another epoch, since a copy had been put back
//! before and its history got a new one; or it is another file than the one that this file was
//! written beside (a folder that was copied back as a whole). Each commit costs one small write here,
//! without a flush: what a power failure takes away can only make this file forget commits. Right
//! after a new epoch it may accuse, which costs another one.

use std::fs::{File, Metadata};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use kanso_domain::sync::Epoch;

use crate::guard::open_private;

/// What the file begins with: its kind and its version.
const MARK: [u8; 8] = *b"KNSOWIT2";
const LENGTH: usize = 40;

/// The open file.
#[derive(Debug)]
pub(crate) struct Witness {
    file: File,
    identity: [u8; 16],
    epoch: Epoch,
}

/// What the witness says of a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Testimony {
    /// It is the one that was there before, as far as it had come.
    Same,
    /// There was no witness.
    Absent,
    /// It has seen fewer commits than the one that was there before.
    Older,
    /// Its history is another than that of the one that was there before.
    Foreign,
    /// It is another file than the one that was there before.
    Moved,
}

impl Testimony {
    /// In a word, for the log.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Absent => "no witness beside it",
            Self::Older => "an older copy",
            Self::Foreign => "a copy with another history",
            Self::Moved => "a copy",
        }
    }
}

impl Witness {
    /// Hears the witness of the database at `path`, which has seen `commits` of the history `epoch`.
    pub(crate) fn hear(path: &Path, epoch: Epoch, commits: u64) -> io::Result<(Self, Testimony)> {
        let identity = identity(&std::fs::metadata(path)?);
        let mut file = open_private(&witness_path(path))?;
        let mut content = Vec::new();
        file.read_to_end(&mut content)?;
        let testimony = match Told::read(&content) {
            None => Testimony::Absent,
            Some(told) if told.commits > commits => Testimony::Older,
            Some(told) if told.epoch != epoch => Testimony::Foreign,
            Some(told) if told.identity != identity => Testimony::Moved,
            Some(_) => Testimony::Same,
        };
        let witness = Self {
            file,
            identity,
            epoch,
        };
        Ok((witness, testimony))
    }

    /// Tells it that the history is `epoch` from now on. Made durable, as the epoch itself is.
    pub(crate) fn begin(&mut self, epoch: Epoch, commits: u64) -> io::Result<()> {
        self.epoch = epoch;
        self.tell(commits)?;
        self.file.sync_data()
    }

    /// Tells it that the database has seen `commits`, all of them durable.
    pub(crate) fn tell(&mut self, commits: u64) -> io::Result<()> {
        let told = Told {
            commits,
            epoch: self.epoch,
            identity: self.identity,
        };
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(&told.written())
    }
}

/// What the file says.
struct Told {
    commits: u64,
    epoch: Epoch,
    identity: [u8; 16],
}

impl Told {
    /// None of what this version did not write.
    fn read(content: &[u8]) -> Option<Self> {
        let (mark, rest) = content.split_first_chunk::<8>()?;
        let (commits, rest) = rest.split_first_chunk()?;
        let (epoch, rest) = rest.split_first_chunk()?;
        let identity = rest.try_into().ok()?;
        (*mark == MARK).then(|| Self {
            commits: u64::from_be_bytes(*commits),
            epoch: Epoch::new(u64::from_be_bytes(*epoch)),
            identity,
        })
    }

    fn written(&self) -> [u8; LENGTH] {
        let mut content = [0; LENGTH];
        content[..8].copy_from_slice(&MARK);
        content[8..16].copy_from_slice(&self.commits.to_be_bytes());
        content[16..24].copy_from_slice(&self.epoch.get().to_be_bytes());
        content[24..].copy_from_slice(&self.identity);
        content
    }
}

fn witness_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".witness");
    name.into()
}

/// What tells a file from a copy of it: its number on its device, and when it was made, because
/// numbers are used again.
fn identity(metadata: &Metadata) -> [u8; 16] {
    #[cfg(unix)]
    let number = std::os::unix::fs::MetadataExt::ino(metadata);
    #[cfg(not(unix))]
    let number = 0_u64;
    let made = metadata.created().ok();
    let made = made.and_then(|made| made.duration_since(SystemTime::UNIX_EPOCH).ok());
    let made = made.map_or(0, |since| since.as_nanos());
    let made = u64::try_from(made).unwrap_or_default();
    let mut identity = [0; 16];
    identity[..8].copy_from_slice(&number.to_be_bytes());
    identity[8..].copy_from_slice(&made.to_be_bytes());
    identity
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The file of an older server is read by a newer one, so its bytes only change with the mark.
    #[test]
    fn the_file_has_its_golden_bytes() {
        let told = Told {
            commits: 258,
            epoch: Epoch::new(0x0123_4567_89ab_cdef),
            identity: std::array::from_fn(|place| u8::try_from(place).unwrap_or_default()),
        };
        let golden = include_str!("../tests/golden/witness.hex");
        let written = told.written();
        let digits = written.iter().map(|byte| format!("{byte:02x}"));
        let written: String = digits.collect();
        assert_eq!(written, golden.trim_end());
        let read = Told::read(&told.written()).expect("what was written");
        assert_eq!(
            (read.commits, read.epoch, read.identity),
            (told.commits, told.epoch, told.identity)
        );
    }
}
