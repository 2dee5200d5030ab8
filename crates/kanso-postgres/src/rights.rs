//! Rights that a server needs on the tables.
//!
//! A server runs with the rights to read and change rows once the schema is up to date. Only the role
//! that migrates needs more.

use tokio_postgres::{Client, Error};

/// Tables that a server reads and changes.
const TABLES: [&str; 15] = [
    "devices",
    "emails",
    "entries",
    "epochs",
    "events",
    "graves",
    "habits",
    "history_starts",
    "invitations",
    "mixed_phase",
    "receipts",
    "server",
    "sessions",
    "streak_dirty",
    "users",
];

/// Returns the rights that the role of this connection lacks, such as `INSERT on habits`.
pub(crate) async fn missing(client: &Client) -> Result<Vec<String>, Error> {
    // `to_regclass` finds a table as the server's statements do, by the search path. A table that is
    // missing lacks no right: the first statement on it fails.
    let sql = "SELECT needed.privilege || ' on ' || needed.name
               FROM (SELECT name, privilege, to_regclass(name) AS relation
                     FROM unnest($1::text[]) AS name,
                          unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS privilege) AS needed
               WHERE relation IS NOT NULL AND NOT has_table_privilege(relation, privilege)
               ORDER BY needed.name, needed.privilege";
    let rows = client.query(sql, &[&TABLES.as_slice()]).await?;
    rows.iter().map(|row| row.try_get(0)).collect()
}
