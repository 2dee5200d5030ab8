//! Statements, prepared once a connection.

use rusqlite::{CachedStatement, Connection};

/// A prepared statement; prepared before, it is taken from the connection's cache.
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
