//! A server runs with the rights to read and change rows, once the schema is up to date.

use std::process::Command;
use std::sync::Arc;

use kanso_application::ports::storage::Storage;
use kanso_postgres::OpenError;
use kanso_testkit::{Database, PostgresServer};

use crate::opening::refusal;
use crate::store::{make_habit, open, register};

/// Role that owns nothing. Roles belong to a server and not to a database, so all tests share it.
const ROLE: &str = "kanso_test_rows";

/// Grants the role what docs/deployment.md grants to the role of the server.
pub(crate) fn grant(database: &Database) {
    database.run(&format!(
        "DO $$ BEGIN
             CREATE ROLE {ROLE} LOGIN PASSWORD 'correct-horse';
         EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
         END $$;
         GRANT USAGE ON SCHEMA public TO {ROLE};
         GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {ROLE}"
    ));
}

/// Returns the URL of a database for the role.
pub(crate) fn url(database: &Database) -> String {
    let url = database.url();
    let (_, place) = url.split_once('@').unwrap();
    format!("postgres://{ROLE}:correct-horse@{place}")
}

#[tokio::test]
async fn a_role_without_the_right_to_migrate_is_refused_while_a_step_is_pending() {
    let database = PostgresServer::shared().database();
    grant(&database);
    let refused = refusal(&url(&database)).await;
    assert!(
        matches!(refused, OpenError::MayNotMigrate { .. }),
        "{refused:?}"
    );
    assert!(refused.to_string().contains("kanso-server migrate"));
    assert!(!refused.is_passing());
}

#[tokio::test]
async fn a_role_that_may_change_rows_only_reads_and_writes() {
    let database = PostgresServer::shared().database();
    let owner = open(&database.url()).await;
    grant(&database);
    let storage = open(&url(&database)).await;
    let user = register(&storage, 1).await;
    make_habit(&storage, user, 1).await.unwrap();
    storage.ping().await.unwrap();
    storage.close().await.unwrap();
    let again = open(&url(&database)).await;
    let _: Arc<dyn Storage> = Arc::new(again);
    make_habit(&owner, user, 2).await.unwrap();
    let refused = database.try_run(&format!("SET ROLE {ROLE}; CREATE TABLE mine (id bigint)"));
    assert!(refused.unwrap_err().contains("permission denied"));
}

#[tokio::test]
async fn a_missing_right_is_named_at_the_start() {
    let database = PostgresServer::shared().database();
    open(&database.url()).await.close().await.unwrap();
    grant(&database);
    database.run(&format!("REVOKE INSERT, DELETE ON receipts FROM {ROLE}"));
    let refused = refusal(&url(&database)).await;
    let line = refused.to_string();
    assert!(matches!(refused, OpenError::MissingRights { .. }), "{line}");
    assert!(
        line.contains("DELETE on receipts, INSERT on receipts"),
        "{line}"
    );
    assert!(!refused.is_passing());
}

/// A table that a later migration makes has to be checked too.
#[tokio::test]
async fn every_table_of_the_schema_is_checked() {
    let database = PostgresServer::shared().database();
    open(&database.url()).await.close().await.unwrap();
    grant(&database);
    database.run(&format!(
        "REVOKE DELETE ON ALL TABLES IN SCHEMA public FROM {ROLE}"
    ));
    let line = refusal(&url(&database)).await.to_string();
    let checked = line.matches("DELETE on ").count();
    // Those of the migrations themselves are read by the migration only.
    database.run(&format!(
        "SELECT 1 / (count(*) = {checked})::int FROM pg_tables
         WHERE schemaname = 'public' AND tablename NOT IN ('schema_lock', 'refinery_schema_history')"
    ));
}

/// The script that docker-compose.yml runs, on a new database and on one of an earlier release.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_roles_of_the_deployment_migrate_and_serve() {
    let server = PostgresServer::start();
    for is_old in [false, true] {
        let database = server.database();
        if is_old {
            // Its tables belong to the superuser.
            open(&database.url()).await.close().await.unwrap();
        }
        make_roles(&database);
        let of = |role: &str| {
            let url = database.url();
            let (_, place) = url.split_once('@').unwrap();
            format!("postgres://{role}:{role}-password@{place}")
        };
        let owner = of("kanso_owner").parse().unwrap();
        let steps = kanso_postgres::migrate(&owner).await.unwrap();
        assert!(!steps.is_empty());
        let storage = open(&of("kanso_server")).await;
        let user = register(&storage, 1).await;
        make_habit(&storage, user, 1).await.unwrap();
        storage.close().await.unwrap();
        database.run(
            "SELECT 1 / (count(*) = 2)::int FROM pg_roles
             WHERE rolname IN ('kanso_owner', 'kanso_server') AND NOT rolsuper AND NOT rolcreaterole",
        );
    }
}

fn make_roles(database: &Database) {
    let url = database.url();
    let (account, place) = url["postgres://".len()..].split_once('@').unwrap();
    let (user, password) = account.split_once(':').unwrap();
    let (host, name) = place.split_once('/').unwrap();
    let (host, port) = host.split_once(':').unwrap();
    let folder = tempfile::tempdir().unwrap();
    for role in ["owner", "server"] {
        let file = folder.path().join(format!("{role}-password"));
        std::fs::write(file, format!("kanso_{role}-password")).unwrap();
    }
    let script = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../deploy/postgres/roles.sh"
    );
    let made = Command::new("sh")
        .arg(script)
        .env("KANSO_SECRETS", folder.path())
        .envs([("POSTGRES_USER", user), ("POSTGRES_DB", name)])
        .envs([("PGHOST", host), ("PGPORT", port), ("PGPASSWORD", password)])
        .output()
        .unwrap();
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
}
