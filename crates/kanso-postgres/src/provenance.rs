//! Columns of a record's provenance: the last editor, and the last edit of each field.

use kanso_domain::record::{FieldEdit, Provenance, Stamp};
use kanso_domain::{DeviceId, Version};
use uuid::Uuid;

use crate::columns::Columns;
use crate::error::{DatabaseError, InvalidColumn};

/// Size of one edit: a version and a device. The nil UUID stands for an unknown device.
const BYTES: usize = size_of::<i64>() + size_of::<Uuid>();

/// Encodes the edit of each field, in the order of the fields; `None` if the last edit touched every
/// field.
//
// That is true for most records: they are never edited after creation, and NULL costs no bytes.
pub(crate) fn stored<const N: usize>(provenance: &Provenance<N>) -> Option<Vec<u8>> {
    let edits = provenance.fields_apart()?;
    let mut bytes = Vec::with_capacity(BYTES * N);
    for edit in edits {
        bytes.extend(edit.version.get().to_be_bytes());
        bytes.extend(edit.device.map_or(Uuid::nil(), DeviceId::uuid).as_bytes());
    }
    Some(bytes)
}

/// Reads both columns.
//
// A field that was added to the domain after the row was written has no edit there. It counts as
// edited with the record, which is the safe side: a concurrent edit of it is a conflict.
pub(crate) fn read<const N: usize>(
    columns: &mut Columns<'_>,
    stamp: &Stamp,
) -> Result<Provenance<N>, DatabaseError> {
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

fn read_edit(bytes: &[u8; BYTES]) -> Result<FieldEdit, InvalidColumn> {
    let (version, device) = bytes.split_first_chunk().ok_or_else(incomplete)?;
    let number = i64::from_be_bytes(*version);
    let out_of_range = || InvalidColumn::new(format!("{number} is not a version"));
    let version = Version::new(number).ok_or_else(out_of_range)?;
    let device = Uuid::from_slice(device).map_err(InvalidColumn::of)?;
    let device = (!device.is_nil()).then(|| DeviceId::new(device));
    Ok(FieldEdit { version, device })
}

fn incomplete() -> InvalidColumn {
    InvalidColumn::new("an incomplete field edit".to_owned())
}
