//! Rows of graves: what is left of tombstones that were purged.

use kanso_domain::Entity;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::columns::{Columns, named};
use crate::error::Failure;

/// Those of some ids ($2) that are buried.
pub(crate) const AMONG: &str = "SELECT entity, id FROM graves WHERE user_id = $1 AND id = ANY ($2)";

pub(crate) fn read(row: &Row) -> Result<(Entity, Uuid), Failure> {
    let mut columns = Columns::of(row);
    let entity: String = columns.take()?;
    let entity = named(&[Entity::Habit, Entity::Entry], Entity::as_str, &entity)?;
    Ok((entity, columns.take()?))
}
