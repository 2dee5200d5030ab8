//! The schema with every table of user data hash-partitioned by user.

use std::fmt::Write as _;

const MIGRATION: &str = include_str!("../../migrations/V1__accounts_records_and_sync.sql");
/// Changes of the same tables by later migrations.
const CHANGES: &str = concat!(
    include_str!("../../migrations/V3__history_start.sql"),
    include_str!("../../migrations/V6__deleted_accounts.sql"),
    include_str!("../../migrations/V7__usage.sql"),
    include_str!("../../migrations/V8__admission.sql"),
    include_str!("../../migrations/V10__session_origins.sql"),
    include_str!("../../migrations/V13__push.sql")
);

/// Number of partitions of each table.
pub(crate) const PARTITIONS: u32 = 16;

/// Returns statements that replace the migrated tables by partitioned ones. The name of a partition
/// is that of its table with a number.
pub(crate) fn schema() -> String {
    let mut sql = String::new();
    let mut tables = Vec::new();
    for statement in MIGRATION.split_inclusive(";\n") {
        let Some((_, definition)) = statement.split_once("CREATE TABLE ") else {
            sql.push_str(statement);
            continue;
        };
        let (table, _) = definition.split_once(' ').unwrap();
        tables.push(table);
        if ["server", "emails"].contains(&table) {
            sql.push_str(statement);
            continue;
        }
        sql.push_str(statement.trim_end().trim_end_matches(';'));
        sql.push_str(" PARTITION BY HASH (user_id);\n");
        for number in 0..PARTITIONS {
            writeln!(
                sql,
                "CREATE TABLE {table}_p{number} PARTITION OF {table}
                 FOR VALUES WITH (MODULUS {PARTITIONS}, REMAINDER {number});"
            )
            .unwrap();
        }
    }
    format!("DROP TABLE {} CASCADE;\n{sql}{CHANGES}", tables.join(", "))
}
