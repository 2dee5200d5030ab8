//! Statements, prepared once for each connection.

use rusqlite::{CachedStatement, Connection};

/// Prepares a statement, or returns it from the cache of the connection.
pub(crate) fn prepare<'c>(
    connection: &'c Connection,
    sql: &'static str,
) -> rusqlite::Result<CachedStatement<'c>> {
    #[cfg(test)]
    tests::PREPARED.with_borrow_mut(|prepared| prepared.insert(sql));
    connection.prepare_cached(sql)
}

#[cfg(test)]
mod tests;
