//! A file beside the database that knows how far it had come, so that an older copy which was put
//! in its place shows.
//!
//! A copy has a history that clients are ahead of, and will give out the same positions again for
//! other changes; only a new epoch keeps the two apart. The copy is found out in three ways: it has
//! seen fewer commits than this file was told of, it is of another epoch (put back after an older
//! one, it may have seen more), or it is another file than the one that this file was written beside
//! (a folder that was copied back as a whole). Each commit costs one small write here, without a
//! flush: what a power failure takes away can only make this file forget, never accuse, unless it
//! takes the first word of a new epoch; then that history gets one more.

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
    epoch: Epoch,
    identity: [u8; 16],
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
    /// It is of another history than the one that was there before.
    Other,
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
            Self::Other => "a copy from another history",
            Self::Moved => "a copy",
        }
    }
}

impl Witness {
    /// Hears the witness of the database at `path`, whose history is of `epoch` and which has seen
    /// `commits`.
    pub(crate) fn hear(path: &Path, epoch: Epoch, commits: u64) -> io::Result<(Self, Testimony)> {
        let identity = identity(&std::fs::metadata(path)?);
        let mut file = open_private(&witness_path(path))?;
        let mut content = Vec::new();
        file.read_to_end(&mut content)?;
        let testimony = match told(&content) {
            None => Testimony::Absent,
            Some((told, ..)) if told > commits => Testimony::Older,
            Some((_, stored, _)) if stored != identity => Testimony::Moved,
            Some((.., of)) if of != epoch => Testimony::Other,
            Some(_) => Testimony::Same,
        };
        let witness = Self {
            file,
            epoch,
            identity,
        };
        Ok((witness, testimony))
    }

    /// From now on the history is of `epoch`. It is written down with the next commit.
    pub(crate) const fn follow(&mut self, epoch: Epoch) {
        self.epoch = epoch;
    }

    /// Tells it that the database has seen `commits`, all of them durable.
    pub(crate) fn tell(&mut self, commits: u64) -> io::Result<()> {
        let mut content = [0; LENGTH];
        content[..8].copy_from_slice(&MARK);
        content[8..16].copy_from_slice(&commits.to_be_bytes());
        content[16..32].copy_from_slice(&self.identity);
        content[32..].copy_from_slice(&self.epoch.get().to_be_bytes());
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(&content)
    }
}

/// What the file says: how many commits there were, in which file, and of which epoch. Nothing, if it
/// is none of ours.
fn told(content: &[u8]) -> Option<(u64, [u8; 16], Epoch)> {
    let content: &[u8; LENGTH] = content.try_into().ok()?;
    let (mark, rest) = content.split_first_chunk::<8>()?;
    let (commits, rest) = rest.split_first_chunk::<8>()?;
    let (identity, epoch) = rest.split_first_chunk::<16>()?;
    let epoch = Epoch::new(u64::from_be_bytes(epoch.try_into().ok()?));
    (*mark == MARK).then(|| (u64::from_be_bytes(*commits), *identity, epoch))
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
