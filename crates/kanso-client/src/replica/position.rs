//! The replica's position in the server's history: its cursor, and a resync that is under way.

use kanso_domain::Seq;
use kanso_protocol::parse_cursor;
use rusqlite::Connection;

use super::ReplicaError;

/// The point up to which the replica has read the server's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Position {
    /// Reason of the resync that is under way, if there is one.
    pub(super) resync: Option<ResyncReason>,
    /// Cursor for the next pull: of the resync while one is under way.
    pub(super) cursor: Option<String>,
}

/// Reason for reading all records again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResyncReason {
    /// The server's database was restored from a backup. The replica offers the records that the
    /// server lost back to it.
    HistoryLost,
    /// The cursor is no longer valid, for example after a long absence. Records that the server
    /// lacks were deleted, so the replica removes them.
    CursorLost,
}

/// Reads the current position.
pub(super) fn position(connection: &Connection) -> Result<Position, ReplicaError> {
    let sql = "SELECT is_resyncing, offers_back,
                      CASE is_resyncing WHEN 1 THEN resync_cursor ELSE cursor END
               FROM replica";
    Ok(connection.prepare_cached(sql)?.query_row([], |row| {
        let (is_resyncing, offers_back): (bool, bool) = (row.get(0)?, row.get(1)?);
        let why = if offers_back {
            ResyncReason::HistoryLost
        } else {
            ResyncReason::CursorLost
        };
        Ok(Position {
            resync: is_resyncing.then_some(why),
            cursor: row.get(2)?,
        })
    })?)
}

/// Returns true if the mirror's history began with a restore of the server, as far as this replica
/// knows: a replica of a new device does not know what was before it.
pub(super) fn was_restored(connection: &Connection) -> Result<bool, ReplicaError> {
    let sql = "SELECT was_restored FROM replica";
    let mut statement = connection.prepare_cached(sql)?;
    Ok(statement.query_row([], |row| row.get(0))?)
}

/// Returns the newest position that the mirror's history shares with the server's present one. Both
/// are the same up to it. `cursor` is a cursor of the present history.
///
/// `None` if the position is unknown: the server does not report it, or the two are one history. A
/// server can lose its newest changes without a new epoch, and then it does not know that it did.
pub(super) fn shared_up_to(
    connection: &Connection,
    cursor: &str,
) -> Result<Option<Seq>, ReplicaError> {
    let sql = "SELECT history_start, cursor FROM replica";
    let (start, before): (Option<i64>, Option<String>) = connection
        .prepare_cached(sql)?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let epoch = |cursor: &str| parse_cursor(cursor).ok().map(|cursor| cursor.epoch);
    let is_other_history = before.as_deref().and_then(epoch) != epoch(cursor);
    Ok(start.filter(|_| is_other_history).and_then(Seq::new))
}
