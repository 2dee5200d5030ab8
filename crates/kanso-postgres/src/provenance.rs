//! Columns that say who edited a record, and when each of its fields was.

use kanso_domain::record::{FieldEdit, Provenance, Stamp};
use kanso_domain::{DeviceId, Version};
use uuid::Uuid;

use crate::columns::Columns;
use crate::error::{Failure, Invalid};

/// A version and a device; the nil device is one that is not known.
const BYTES: usize = size_of::<i64>() + size_of::<Uuid>();

/// The edits of the fields as they are stored, by their numbers: nothing when the newest was one
/// of all of them.
pub(crate) fn stored<const N: usize>(provenance: &Provenance<N>) -> Option<Vec<u8>> {
    let edits = provenance.fields_apart()?;
    let mut bytes = Vec::with_capacity(BYTES * N);
    for edit in edits {
        bytes.extend(edit.version.get().to_be_bytes());
        bytes.extend(edit.device.map_or(Uuid::nil(), DeviceId::uuid).as_bytes());
    }
    Some(bytes)
}

/// Reads both columns. A field that was not there when they were written is as new as the record.
pub(crate) fn read<const N: usize>(
    columns: &mut Columns<'_>,
    stamp: &Stamp,
) -> Result<Provenance<N>, Failure> {
    let stored: Option<Vec<u8>> = columns.take()?;
    let device = columns.take()?;
    let newest = FieldEdit {
        version: stamp.version,
        device,
    };
    let Some(stored) = stored else {
        return Ok(Provenance::at(stamp.version, device));
    };
    let (edits, rest) = stored.as_chunks::<BYTES>();
    if !rest.is_empty() {
        return Err(incomplete().into());
    }
    let edits = edits.iter().map(read_edit).collect::<Result<Vec<_>, _>>()?;
    let edit = |field| edits.get(field).copied().unwrap_or(newest);
    Ok(Provenance::apart(device, std::array::from_fn(edit)))
}

fn read_edit(bytes: &[u8; BYTES]) -> Result<FieldEdit, Invalid> {
    let (version, device) = bytes.split_first_chunk().ok_or_else(incomplete)?;
    let number = i64::from_be_bytes(*version);
    let out_of_range = || Invalid::new(format!("{number} is no version"));
    let version = Version::new(number).ok_or_else(out_of_range)?;
    let device = Uuid::from_slice(device).map_err(Invalid::of)?;
    let device = (!device.is_nil()).then(|| DeviceId::new(device));
    Ok(FieldEdit { version, device })
}

fn incomplete() -> Invalid {
    Invalid::new("an incomplete edit of a field".to_owned())
}
