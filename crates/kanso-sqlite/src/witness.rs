//! A file beside the database that records the number of commits, to detect a restored copy.
//!
//! Clients may be ahead of the history of a copy, which will then assign the same positions to other
//! changes. A new epoch keeps the two histories apart. A copy is detected in three ways:
//!
//! * it has fewer commits than this file records;
//! * it has another epoch: an older copy was restored before, and its history got a new epoch;
//! * it is another file than the one that this file was written beside: the whole folder was copied.
//!
//! Each commit costs one small write here, without a flush. After a power failure this file may lag
//! behind the database, which is harmless. A crash right after an epoch change can cause a false
//! alarm; the cost is one more epoch.

use std::fs::{File, Metadata};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use kanso_domain::sync::Epoch;

use crate::file_lock::{beside, open_private};
use crate::held_files::created_at;

/// First bytes of the file: its type and its version.
const MARK: [u8; 8] = *b"KNSOWIT2";
const LENGTH: usize = 40;

/// The open witness file.
#[derive(Debug)]
pub(crate) struct Witness {
    file: File,
    identity: [u8; 16],
    epoch: Epoch,
}

/// Result of comparing a database with its witness.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WitnessMatch {
    /// The database is the same as before.
    Same,
    /// There is no witness.
    Absent,
    /// The database has fewer commits than before.
    Older,
    /// The database has another epoch than before.
    Foreign,
    /// The database is another file than before.
    Moved,
}

impl WitnessMatch {
    /// Short description for the log.
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
    /// Compares the database at `path`, with its `epoch` and number of `commits`, with the witness.
    pub(crate) fn check(
        path: &Path,
        epoch: Epoch,
        commits: u64,
    ) -> io::Result<(Self, WitnessMatch)> {
        let identity = identity(&std::fs::metadata(path)?);
        let mut file = open_private(&witness_path(path))?;
        let mut content = Vec::new();
        file.read_to_end(&mut content)?;
        let found = match WitnessRecord::read(&content) {
            None => WitnessMatch::Absent,
            Some(before) if before.commits > commits => WitnessMatch::Older,
            Some(before) if before.epoch != epoch => WitnessMatch::Foreign,
            Some(before) if before.identity != identity => WitnessMatch::Moved,
            Some(_) => WitnessMatch::Same,
        };
        let witness = Self {
            file,
            identity,
            epoch,
        };
        Ok((witness, found))
    }

    /// Records a new epoch, and flushes it to the disk.
    //
    // Flushed, unlike commits: without the new epoch in the file, the next start would find another
    // epoch in the database and report a restored copy.
    pub(crate) fn start_epoch(&mut self, epoch: Epoch, commits: u64) -> io::Result<()> {
        self.epoch = epoch;
        self.record(commits)?;
        self.file.sync_data()
    }

    /// Records the number of commits, all of which are durable in the database.
    pub(crate) fn record(&mut self, commits: u64) -> io::Result<()> {
        let content = WitnessRecord {
            commits,
            epoch: self.epoch,
            identity: self.identity,
        };
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(&content.to_bytes())
    }
}

/// Content of the file.
struct WitnessRecord {
    commits: u64,
    epoch: Epoch,
    identity: [u8; 16],
}

impl WitnessRecord {
    /// Parses the file; `None` if it is empty or of another version.
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

    fn to_bytes(&self) -> [u8; LENGTH] {
        let mut content = [0; LENGTH];
        content[..8].copy_from_slice(&MARK);
        content[8..16].copy_from_slice(&self.commits.to_be_bytes());
        content[16..24].copy_from_slice(&self.epoch.get().to_be_bytes());
        content[24..].copy_from_slice(&self.identity);
        content
    }
}

fn witness_path(path: &Path) -> PathBuf {
    beside(path, ".witness")
}

/// Returns what distinguishes a file from its copy: the inode, and the time of creation, because the
/// file system reuses inodes.
fn identity(metadata: &Metadata) -> [u8; 16] {
    #[cfg(unix)]
    let inode = std::os::unix::fs::MetadataExt::ino(metadata);
    #[cfg(not(unix))]
    let inode = 0_u64;
    let created = u64::try_from(created_at(metadata)).unwrap_or_default();
    let mut identity = [0; 16];
    identity[..8].copy_from_slice(&inode.to_be_bytes());
    identity[8..].copy_from_slice(&created.to_be_bytes());
    identity
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The file of an older server is read by a newer one, so its bytes only change with the mark.
    #[test]
    fn the_file_has_its_golden_bytes() {
        let record = WitnessRecord {
            commits: 258,
            epoch: Epoch::new(0x0123_4567_89ab_cdef),
            identity: std::array::from_fn(|place| u8::try_from(place).unwrap_or_default()),
        };
        let golden = include_str!("../tests/golden/witness.hex");
        let written = record.to_bytes();
        let digits = written.iter().map(|byte| format!("{byte:02x}"));
        let written: String = digits.collect();
        assert_eq!(written, golden.trim_end());
        let read = WitnessRecord::read(&record.to_bytes()).expect("what was written");
        assert_eq!(
            (read.commits, read.epoch, read.identity),
            (record.commits, record.epoch, record.identity)
        );
    }
}
