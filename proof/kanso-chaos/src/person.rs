//! Somebody with an account.

use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use anyhow::Context as _;
use kanso_domain::Date;
use kanso_protocol::accounts::{CredentialsRequest, TokenResponse};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::wire::{Failed, Wire};

/// How long anything may take that has to succeed in the end, in the face of faults.
pub const PATIENCE: Duration = Duration::from_secs(90);
const PAUSE: Duration = Duration::from_millis(50);

const PASSWORD: &str = "two carrots and a slow kettle";

/// An account, and a session of it.
#[derive(Debug)]
pub struct Person {
    number: u32,
    token: RwLock<String>,
}

impl Person {
    /// Registers and logs in.
    ///
    /// # Errors
    /// It cannot be done within [`PATIENCE`].
    pub async fn join(wire: &Wire, number: u32) -> anyhow::Result<Self> {
        let person = Self {
            number,
            token: RwLock::default(),
        };
        let credentials = person.credentials();
        let register = || async {
            let registered = wire.post("/api/v1/auth/register", None, &credentials);
            match registered.await {
                // The answer to an earlier attempt was lost.
                Err(Failed::Problem { code, .. }) if code == "email_taken" => Ok(Value::Null),
                other => other,
            }
        };
        patiently(register).await.context("cannot register")?;
        person.log_in(wire).await?;
        Ok(person)
    }

    /// Begins another session.
    ///
    /// # Errors
    /// It cannot be done within [`PATIENCE`].
    pub async fn log_in(&self, wire: &Wire) -> anyhow::Result<()> {
        let credentials = self.credentials();
        let log_in = || wire.post("/api/v1/auth/login", None, &credentials);
        let session: TokenResponse = patiently(log_in).await.context("cannot log in")?;
        *self.token.write().unwrap_or_else(PoisonError::into_inner) = session.token;
        Ok(())
    }

    fn credentials(&self) -> CredentialsRequest {
        CredentialsRequest {
            email: format!("person-{}@chaos.example", self.number),
            password: PASSWORD.to_owned(),
        }
    }

    /// Who this is among the people of a round.
    pub const fn number(&self) -> u32 {
        self.number
    }

    /// The access token of the newest session.
    pub fn token(&self) -> String {
        let token = self.token.read();
        token.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Which day it is, where the server is, for this person.
    ///
    /// # Errors
    /// The server does not say so within [`PATIENCE`].
    pub async fn today(&self, wire: &Wire) -> anyhow::Result<Date> {
        let token = self.token();
        let ask = || wire.get("/api/v1/today", &token);
        let today: Value = patiently(ask).await.context("cannot ask for the day")?;
        Ok(today["date"].as_str().context("a date")?.parse()?)
    }
}

/// Tries until it succeeds.
///
/// # Errors
/// How it failed after [`PATIENCE`].
pub async fn patiently<T, F>(mut attempt: impl FnMut() -> F) -> anyhow::Result<T>
where
    F: Future<Output = Result<T, Failed>>,
{
    let began = Instant::now();
    loop {
        match attempt().await {
            Ok(done) => return Ok(done),
            Err(failed) if began.elapsed() > PATIENCE => return Err(failed.into()),
            Err(_) => sleep(PAUSE).await,
        }
    }
}
