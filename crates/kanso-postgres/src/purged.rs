//! Rows of purged records, in the table `graves`: the ids of tombstones that were removed.

use kanso_domain::Entity;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::columns::{Columns, named};
use crate::error::DatabaseError;

/// Selects the purged ones among some ids ($2).
pub(crate) const AMONG: &str = "SELECT entity, id FROM graves WHERE user_id = $1 AND id = ANY ($2)";

pub(crate) fn read(row: &Row) -> Result<(Entity, Uuid), DatabaseError> {
    let mut columns = Columns::of(row);
    let entity: String = columns.take()?;
    let entity = named(&[Entity::Habit, Entity::Entry], Entity::as_str, &entity)?;
    Ok((entity, columns.take()?))
}
