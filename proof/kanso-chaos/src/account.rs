//! Accounts of a round, and retries until a deadline.

use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use anyhow::Context as _;
use kanso_domain::Date;
use kanso_harness::requests;
use kanso_protocol::accounts::{CredentialsRequest, TokenResponse};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::api::{ApiClient, RequestError};

/// Time limit for anything that has to succeed in spite of a fault. The longest fault, a silent
/// database connection, lasts 45 s; the rest is for the recovery on a busy machine.
pub const DEADLINE: Duration = Duration::from_secs(90);
const PAUSE: Duration = Duration::from_millis(50);

/// An account with one session.
#[derive(Debug)]
pub struct AccountSession {
    number: u32,
    token: RwLock<String>,
}

impl AccountSession {
    /// Registers the account with this number and logs in.
    ///
    /// # Errors
    /// A request did not succeed within [`DEADLINE`].
    pub async fn register(api: &ApiClient, number: u32) -> anyhow::Result<Self> {
        let account = Self {
            number,
            token: RwLock::default(),
        };
        // A client of its own, because an address may make few accounts. Servers that trust no proxy
        // ignore it.
        let api = &api.forwarded_for(&account.address());
        let credentials = account.credentials();
        let register = || async {
            let registered = api.post("/api/v1/auth/register", None, &credentials);
            match registered.await {
                // An earlier attempt succeeded and its answer was lost.
                Err(RequestError::Problem { code, .. }) if code == "email_taken" => Ok(Value::Null),
                other => other,
            }
        };
        retry(register).await.context("cannot register")?;
        account.log_in(api).await?;
        Ok(account)
    }

    /// Opens a new session, and uses its token from now on.
    ///
    /// # Errors
    /// The login did not succeed within [`DEADLINE`].
    pub async fn log_in(&self, api: &ApiClient) -> anyhow::Result<()> {
        let api = &api.forwarded_for(&self.address());
        let credentials = self.credentials();
        let log_in = || api.post("/api/v1/auth/login", None, &credentials);
        let session: TokenResponse = retry(log_in).await.context("cannot log in")?;
        *self.token.write().unwrap_or_else(PoisonError::into_inner) = session.token;
        Ok(())
    }

    /// Returns an address of the benchmarking network (RFC 2544).
    fn address(&self) -> String {
        let [_, _, high, low] = self.number.to_be_bytes();
        format!("198.18.{high}.{low}")
    }

    fn credentials(&self) -> CredentialsRequest {
        requests::credentials(self.number, "chaos.example")
    }

    /// Number of the account within its round.
    pub const fn number(&self) -> u32 {
        self.number
    }

    /// Access token of the newest session.
    pub fn token(&self) -> String {
        let token = self.token.read();
        token.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns the current calendar day of the account by the server's clock.
    ///
    /// # Errors
    /// The server did not answer within [`DEADLINE`].
    pub async fn today(&self, api: &ApiClient) -> anyhow::Result<Date> {
        let token = self.token();
        let today: Value = retry(|| api.get(requests::TODAY, &token))
            .await
            .context("cannot read the calendar day")?;
        requests::date_of_today(&today)
    }
}

/// Repeats `attempt` until it succeeds.
///
/// # Errors
/// The last failure, after [`DEADLINE`].
pub async fn retry<T, F>(mut attempt: impl FnMut() -> F) -> anyhow::Result<T>
where
    F: Future<Output = Result<T, RequestError>>,
{
    let began = Instant::now();
    loop {
        match attempt().await {
            Ok(done) => return Ok(done),
            Err(error) if began.elapsed() > DEADLINE => return Err(error.into()),
            Err(_) => sleep(PAUSE).await,
        }
    }
}
