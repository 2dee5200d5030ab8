//! Reader of the zip file.
//!
//! The file may come from anywhere, so it is treated as hostile: nothing is written to disk, sizes
//! and numbers are limited, and only two known file names are read.

use std::collections::BTreeMap;
use std::io::{Read, Seek};

use zip::ZipArchive;

use super::ImportError;

/// Limit of the number of files. An export has three files for each habit.
const MAX_FILES: usize = 20_000;
/// Limit of one unpacked file. The history of one habit over a century takes about 2 MB.
const MAX_FILE_BYTES: u64 = 16 * 1024 * 1024;
/// Limit of all unpacked files together.
const MAX_TOTAL_BYTES: u64 = 128 * 1024 * 1024;

/// Files of an export that the import needs.
#[derive(Debug)]
pub(super) struct Archive {
    /// `Habits.csv`.
    pub(super) habits: Vec<u8>,
    /// `Checkmarks.csv` of each habit's folder, by the number with which the folder's name begins.
    pub(super) checkmarks: BTreeMap<u32, Result<Vec<u8>, String>>,
    /// Problems of the archive as a whole.
    pub(super) problems: Vec<String>,
}

/// Use of a file in the archive.
enum FileRole {
    Habits,
    Checkmarks(u32),
    Other,
    Suspicious,
}

pub(super) fn read(file: impl Read + Seek) -> Result<Archive, ImportError> {
    let mut zip = ZipArchive::new(file).map_err(|error| ImportError::NotAZip {
        reason: error.to_string(),
    })?;
    if zip.len() > MAX_FILES {
        return Err(ImportError::TooLarge {
            what: format!("{} files, at most {MAX_FILES} are allowed", zip.len()),
        });
    }
    let mut habits = None;
    let mut checkmarks = BTreeMap::new();
    let mut problems = Vec::new();
    let mut total = 0;
    for index in 0..zip.len() {
        // The raw bytes: the name that the crate decodes may differ from them.
        let raw = zip.by_index_raw(index).map(|file| file.name_raw().to_vec());
        let raw = raw.map_err(|error| ImportError::NotAZip {
            reason: error.to_string(),
        })?;
        let name = String::from_utf8_lossy(&raw);
        match role(&name) {
            FileRole::Other => {}
            FileRole::Suspicious => problems.push(format!("the file {name:?} is ignored")),
            FileRole::Habits => {
                let bytes = unpack(&mut zip, index, &name, &mut total)?;
                habits = Some(bytes.map_err(|reason| ImportError::NotAZip { reason })?);
            }
            FileRole::Checkmarks(position) => {
                let bytes = unpack(&mut zip, index, &name, &mut total)?;
                if checkmarks.insert(position, bytes).is_some() {
                    problems.push(format!("more than one folder has the number {position}"));
                }
            }
        }
    }
    Ok(Archive {
        habits: habits.ok_or(ImportError::NotAnExport)?,
        checkmarks,
        problems,
    })
}

fn role(name: &str) -> FileRole {
    let parts: Vec<&str> = name.split('/').collect();
    // Such a name could only be meant to escape from a folder when it is unpacked.
    if parts.contains(&"..") || name.starts_with('/') || name.contains(['\\', '\0']) {
        return FileRole::Suspicious;
    }
    match parts.as_slice() {
        ["Habits.csv"] => FileRole::Habits,
        [folder, "Checkmarks.csv"] => {
            let digits = folder.find(|c: char| !c.is_ascii_digit());
            let number = &folder[..digits.unwrap_or(folder.len())];
            number.parse().map_or(FileRole::Other, FileRole::Checkmarks)
        }
        _ => FileRole::Other,
    }
}

/// Unpacks one file. The inner error concerns this file alone.
///
/// The size in the header is ignored, since a hostile archive can state any number there. The bytes
/// are counted while they are unpacked.
fn unpack<R: Read + Seek>(
    zip: &mut ZipArchive<R>,
    index: usize,
    name: &str,
    total: &mut u64,
) -> Result<Result<Vec<u8>, String>, ImportError> {
    let file = match zip.by_index(index) {
        Ok(file) => file,
        Err(error) => return Ok(Err(error.to_string())),
    };
    let mut bytes = Vec::new();
    // One byte more than the limit shows that the limit is exceeded.
    if let Err(error) = file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes) {
        return Ok(Err(format!("{name} is damaged: {error}")));
    }
    let size = bytes.len() as u64;
    *total += size;
    if size > MAX_FILE_BYTES || *total > MAX_TOTAL_BYTES {
        return Err(ImportError::TooLarge {
            what: format!("{name} is larger than any file of an export"),
        });
    }
    Ok(Ok(bytes))
}
