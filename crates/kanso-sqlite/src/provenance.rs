//! Columns of a record's provenance: the last editor, and the last edit of each field.

use kanso_domain::record::{FieldEdit, Provenance, Stamp};
use kanso_domain::{DeviceId, Version};
use rusqlite::types::{FromSqlError, FromSqlResult, ToSqlOutput, Value, ValueRef};
use uuid::Uuid;

use crate::columns::{Column, Columns};

/// The last edit of each field, in the order of the fields.
struct FieldEdits(Vec<FieldEdit>);

/// Size of one edit: a version and a device. The nil UUID stands for an unknown device.
const BYTES: usize = size_of::<i64>() + size_of::<Uuid>();

impl Column for FieldEdits {
    fn store(&self) -> ToSqlOutput<'_> {
        let mut bytes = Vec::with_capacity(BYTES * self.0.len());
        for edit in &self.0 {
            bytes.extend(edit.version.get().to_be_bytes());
            bytes.extend(edit.device.map_or(Uuid::nil(), DeviceId::uuid).as_bytes());
        }
        ToSqlOutput::Owned(Value::Blob(bytes))
    }

    fn read(stored: ValueRef<'_>) -> FromSqlResult<Self> {
        let (edits, rest) = stored.as_blob()?.as_chunks::<BYTES>();
        let edits = edits.iter().map(read_edit).collect::<FromSqlResult<_>>()?;
        rest.is_empty()
            .then_some(Self(edits))
            .ok_or(FromSqlError::InvalidType)
    }
}

fn read_edit(bytes: &[u8; BYTES]) -> FromSqlResult<FieldEdit> {
    let invalid = FromSqlError::InvalidType;
    let (version, device) = bytes.split_first_chunk().ok_or(invalid)?;
    let number = i64::from_be_bytes(*version);
    let version = Version::new(number).ok_or(FromSqlError::OutOfRange(number))?;
    let device = Uuid::from_slice(device).map_err(FromSqlError::other)?;
    let device = (!device.is_nil()).then(|| DeviceId::new(device));
    Ok(FieldEdit { version, device })
}

/// Reads both columns.
//
// A field that was added to the domain after the row was written has no edit there. It counts as
// edited with the record, which is the safe side: a concurrent edit of it is a conflict.
pub(crate) fn read<const N: usize>(
    columns: &mut Columns<'_, '_>,
    stamp: &Stamp,
) -> rusqlite::Result<Provenance<N>> {
    let stored: Option<FieldEdits> = columns.take()?;
    let device = columns.take()?;
    let newest = FieldEdit {
        version: stamp.version,
        device,
    };
    Ok(match stored {
        None => Provenance::at(stamp.version, device),
        Some(FieldEdits(edits)) => {
            let edit = |field| edits.get(field).copied().unwrap_or(newest);
            Provenance::apart(device, std::array::from_fn(edit))
        }
    })
}

/// Encodes the edit of each field; `None` if the last edit touched every field.
//
// That is true for most records: they are never edited after creation, and NULL costs one byte.
pub(crate) fn stored<const N: usize>(provenance: &Provenance<N>) -> Option<impl Column + use<N>> {
    let edits = provenance.fields_apart()?;
    Some(FieldEdits(edits.to_vec()))
}
