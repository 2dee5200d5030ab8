use kanso_application::ports::storage::Storage as _;
use kanso_postgres::OpenError;
use kanso_testkit::{Database, PostgresServer};

use crate::opening::refusal;
use crate::store::open;

/// Fails if no connection of a store is encrypted.
const IS_ENCRYPTED: &str = "SELECT 1 / count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
     WHERE ssl AND application_name = 'kanso'";

/// Returns the URL of a host that is not this machine by its name, and is by its address.
fn elsewhere(database: &Database) -> String {
    let url = database.url().replace("127.0.0.1", "db.example.org");
    format!("{url}?hostaddr=127.0.0.1")
}

/// The certificate is valid for the address and signed by the authority.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_is_checked_as_sslmode_demands() {
    let server = PostgresServer::start_with_tls();
    let database = server.database();
    let url = database.url();
    let by_name = url.replace("127.0.0.1", "localhost");
    let roots = format!("sslrootcert={}", server.authority().display());
    let full = format!("sslmode=verify-full&{roots}");
    let chain = format!("sslmode=verify-ca&{roots}");
    for url in [
        format!("{url}?sslmode=require"),
        format!("{url}?sslmode=prefer"),
        format!("{url}?{full}"),
        format!("{url}?ca={}", server.authority().display()),
        format!("{url}?{chain}"),
        format!("{by_name}?{chain}"),
        url.clone(),
    ] {
        let storage = open(&url).await;
        database.run(IS_ENCRYPTED);
        storage.close().await.unwrap();
    }
    let [certificate, _] = server.client_certificate();
    let other = certificate.display();
    for url in [
        format!("{url}?sslmode=verify-full"),
        format!("{url}?sslrootcert=system"),
        format!("{by_name}?{full}"),
        format!("{by_name}?{roots}"),
        format!("{url}?sslmode=verify-full&sslrootcert=/nowhere"),
        format!("{url}?sslmode=verify-ca&sslrootcert={other}"),
    ] {
        let refused = refusal(&url).await;
        assert!(!refused.is_passing(), "{url}: {refused:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_shows_its_own_certificate() {
    let server = PostgresServer::start_with_tls();
    let database = server.database();
    let [certificate, key] = server.client_certificate();
    let url = format!(
        "{}?sslmode=require&sslcert={}&sslkey={}",
        database.url(),
        certificate.display(),
        key.display()
    );
    let storage = open(&url).await;
    database.run(
        "SELECT 1 / count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
         WHERE client_dn = '/CN=kanso-server' AND application_name = 'kanso'",
    );
    storage.close().await.unwrap();
    let missing = url.replace("client.key", "nowhere.key");
    let refused = refusal(&missing).await;
    assert!(
        matches!(refused, OpenError::Certificates { .. }),
        "{refused:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_of_version_1_is_accepted_where_none_is_checked() {
    let server = PostgresServer::start_with_old_certificate();
    let database = server.database();
    for mode in ["require", "prefer"] {
        let storage = open(&format!("{}?sslmode={mode}", database.url())).await;
        database.run(IS_ENCRYPTED);
        storage.close().await.unwrap();
    }
    let authority = server.authority();
    let roots = authority.display();
    refusal(&format!("{}?sslrootcert={roots}", database.url())).await;
}

/// Neither a server without encryption nor one with a foreign certificate is taken for the right one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_elsewhere_has_to_be_verified() {
    for server in [PostgresServer::start(), PostgresServer::start_with_tls()] {
        let database = server.database();
        let url = elsewhere(&database);
        for _ in 0..2 {
            let refused = refusal(&url).await;
            assert!(
                matches!(refused, OpenError::Unverified { .. }),
                "{refused:?}"
            );
            assert!(refused.to_string().contains("sslmode=verify-full"));
            assert!(!refused.is_passing());
            // The second time, this release has made the database.
            open(&database.url()).await.close().await.unwrap();
        }
        let chosen = open(&format!("{url}&sslmode=prefer")).await;
        chosen.close().await.unwrap();
    }
}

/// Its operator named no mode, and the upgrade has to start.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_of_0_1_0_is_opened_as_before_until_the_upgrade_ends() {
    let server = PostgresServer::start();
    let database = server.database();
    let url = elsewhere(&database);
    open(&database.url()).await.close().await.unwrap();
    database.run("INSERT INTO mixed_phase (id, oldest_server) VALUES (1, '0.1.0')");
    open(&url).await.close().await.unwrap();
    kanso_postgres::finish_mixed_phase(&url.parse().unwrap())
        .await
        .unwrap();
    let refused = refusal(&url).await;
    assert!(
        matches!(refused, OpenError::Unverified { .. }),
        "{refused:?}"
    );
}
