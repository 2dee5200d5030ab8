use kanso_application::ports::storage::{AccountStore as _, Storage as _};
use kanso_postgres::OpenError;
use kanso_testkit::PostgresServer;
use kanso_testkit::build::{new_account, user};

use crate::store::{open, try_open};

pub(crate) async fn refusal(url: &str) -> OpenError {
    let error = try_open(url).await.unwrap_err();
    let line = error.to_string();
    assert!(!line.contains('\n'), "one line: {line}");
    assert!(!line.contains("canary"), "no password: {line}");
    error
}

#[tokio::test]
async fn a_wrong_password_is_refused_and_not_printed() {
    let database = PostgresServer::shared().database();
    let (before, after) = database.url().split_once("://").map(own).unwrap();
    let (account, place) = after.split_once('@').unwrap();
    let user = account.split(':').next().unwrap();
    let refused = refusal(&format!("{before}://{user}:canary@{place}")).await;
    let line = refused.to_string();
    assert!(matches!(refused, OpenError::Unreachable { .. }), "{line}");
    assert!(line.contains("password authentication failed"), "{line}");
    assert!(!refused.is_passing(), "{refused:?}");
}

fn own((before, after): (&str, &str)) -> (String, String) {
    (before.to_owned(), after.to_owned())
}

#[tokio::test]
async fn an_unreachable_host_is_named() {
    // Port 9 (discard) has no server on a machine that runs tests.
    let refused = refusal("postgres://me:canary@127.0.0.1:9/kanso").await;
    let line = refused.to_string();
    assert!(matches!(refused, OpenError::Unreachable { .. }), "{line}");
    assert!(line.contains("me@127.0.0.1:9/kanso: "), "{line}");
    assert!(refused.is_passing(), "{refused:?}");
}

#[tokio::test]
async fn required_encryption_that_is_missing_is_refused() {
    let server = PostgresServer::start();
    let database = server.database();
    for mode in ["require", "verify-full"] {
        let url = format!("{}?sslmode={mode}", database.url());
        let refused = refusal(&url).await;
        assert!(
            matches!(
                refused,
                OpenError::Unreachable { .. } | OpenError::Certificates { .. }
            ),
            "{refused:?}"
        );
        assert!(!refused.is_passing(), "{refused:?}");
    }
}

#[tokio::test]
async fn another_programs_tables_are_refused_and_left_alone() {
    let database = PostgresServer::shared().database();
    database.run("CREATE TABLE users (id bigint)");
    let refused = refusal(&database.url()).await;
    assert!(matches!(refused, OpenError::Foreign { .. }), "{refused:?}");
    database.run("SELECT id FROM users");
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let database = PostgresServer::shared().database();
    drop(open(&database.url()).await);
    database.run(
        "INSERT INTO refinery_schema_history (version, name, applied_on, checksum)
         VALUES (999, 'from_the_future', '2030-01-01T00:00:00Z', '1')",
    );
    let refused = refusal(&database.url()).await;
    assert!(
        matches!(refused, OpenError::Newer { found: 999, known, .. } if known < 999),
        "{refused:?}"
    );
}

/// Release 0.1.0 stored an address as it was typed, in lower case.
#[tokio::test]
async fn an_older_spelling_of_an_address_becomes_the_present_one() {
    let database = PostgresServer::shared().database();
    let storage = open(&database.url()).await;
    for number in 1..=3 {
        assert!(storage.create_account(new_account(number)).await.unwrap());
    }
    storage.close().await.unwrap();
    let stored = [
        "ju\u{308}rgen@example.org",
        "o\u{308}@example.org",
        "\u{f6}@example.org",
    ];
    for (place, email) in stored.into_iter().enumerate() {
        let id = user(place as u128 + 1).uuid();
        database.run(&format!(
            "UPDATE emails SET email = '{email}' WHERE user_id = '{id}';
             UPDATE users SET email = '{email}' WHERE user_id = '{id}'"
        ));
    }
    for _ in 0..2 {
        let storage = open(&database.url()).await;
        for (typed, number) in [
            ("ju\u{308}rgen@example.org", 1),
            ("J\u{fc}rgen@example.org", 1),
            // Two accounts of one address: the typed text decides.
            ("o\u{308}@example.org", 2),
            ("\u{f6}@example.org", 3),
        ] {
            let found = storage.credentials(&typed.parse().unwrap()).await.unwrap();
            let found = found.map(|found| found.user_id);
            assert_eq!(found, Some(user(number)), "{typed:?}");
        }
        let account = storage.account(user(1)).await.unwrap().unwrap();
        assert_eq!(account.email.as_str(), "j\u{fc}rgen@example.org");
        storage.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_database_that_cannot_store_every_text_is_refused() {
    let server = PostgresServer::shared();
    let name = server.database().name().to_owned() + "_latin";
    let create = format!("CREATE DATABASE {name} ENCODING LATIN1 LOCALE 'C' TEMPLATE template0");
    server.ask("postgres", &create);
    let refused = refusal(&server.url(&name)).await;
    assert!(matches!(refused, OpenError::Encoding { .. }), "{refused}");
    assert!(refused.to_string().contains("ENCODING 'UTF8'"), "{refused}");
    server.ask("postgres", &format!("DROP DATABASE {name} WITH (FORCE)"));
}
