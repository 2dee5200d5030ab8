//! The zip file. Nothing of it is written to disk; what is too large is not unpacked.

use std::collections::BTreeMap;
use std::io::{Read, Seek};

use zip::ZipArchive;

use super::ImportError;

/// Three files a habit; nobody has thousands of habits.
const MAX_FILES: usize = 20_000;
/// One habit's history of a century is 2 MB.
const MAX_FILE_BYTES: u64 = 16 * 1024 * 1024;
const MAX_TOTAL_BYTES: u64 = 128 * 1024 * 1024;

/// The files that matter.
#[derive(Debug)]
pub(super) struct Archive {
    /// `Habits.csv`.
    pub(super) habits: Vec<u8>,
    /// The `Checkmarks.csv` of each habit's folder, by the number that the folder begins with.
    pub(super) checkmarks: BTreeMap<u32, Result<Vec<u8>, String>>,
    /// What is odd about the archive as a whole.
    pub(super) problems: Vec<String>,
}

enum Role {
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
            what: format!("{} files, at most {MAX_FILES} are read", zip.len()),
        });
    }
    let mut habits = None;
    let mut checkmarks = BTreeMap::new();
    let mut problems = Vec::new();
    let mut total = 0;
    for index in 0..zip.len() {
        let raw = zip.by_index_raw(index).map(|file| file.name_raw().to_vec());
        let raw = raw.map_err(|error| ImportError::NotAZip {
            reason: error.to_string(),
        })?;
        let name = String::from_utf8_lossy(&raw);
        match role(&name) {
            Role::Other => {}
            Role::Suspicious => problems.push(format!("the file name {name:?} is not read")),
            Role::Habits => {
                let bytes = unpack(&mut zip, index, &name, &mut total)?;
                habits = Some(bytes.map_err(|reason| ImportError::NotAZip { reason })?);
            }
            Role::Checkmarks(position) => {
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

fn role(name: &str) -> Role {
    let parts: Vec<&str> = name.split('/').collect();
    if parts.contains(&"..") || name.starts_with('/') || name.contains(['\\', '\0']) {
        return Role::Suspicious;
    }
    match parts.as_slice() {
        ["Habits.csv"] => Role::Habits,
        [folder, "Checkmarks.csv"] => {
            let digits = folder.find(|c: char| !c.is_ascii_digit());
            let number = &folder[..digits.unwrap_or(folder.len())];
            number.parse().map_or(Role::Other, Role::Checkmarks)
        }
        _ => Role::Other,
    }
}

/// The bytes of one file, or what is wrong with it. What its header says of its size is not
/// believed: the bytes are counted.
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
    if let Err(error) = file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes) {
        return Ok(Err(format!("{name} is damaged: {error}")));
    }
    let size = bytes.len() as u64;
    *total += size;
    if size > MAX_FILE_BYTES || *total > MAX_TOTAL_BYTES {
        return Err(ImportError::TooLarge {
            what: format!("{name} unpacks to more than an export has"),
        });
    }
    Ok(Ok(bytes))
}
