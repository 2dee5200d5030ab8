//! A connection that was taken from the pool, and requests that are sent before they are waited
//! for.

use std::task::Poll;

use deadpool_postgres::Object;
use futures::future::{BoxFuture, Either, ready, try_join_all};
use futures::poll;
use kanso_domain::sync::Epoch;
use tokio_postgres::Row;

use crate::attempts::COMMIT;
use crate::columns::Parameter;
use crate::error::Failure;
use crate::statements::prepare;

/// A connection, and which history the database behind it has.
pub(crate) struct Connection {
    /// Only dropping takes it.
    client: Option<Object>,
    pub(crate) epoch: Epoch,
    /// Whether it is in no transaction, so that others may use it next.
    is_idle: bool,
}

impl Connection {
    /// For single statements.
    pub(crate) const fn idle(client: Object, epoch: Epoch) -> Self {
        Self {
            client: Some(client),
            epoch,
            is_idle: true,
        }
    }

    /// For a transaction. Unless it is said to have [`ended`](Self::ended), the connection is
    /// closed, and the server rolls back.
    pub(crate) const fn for_transaction(client: Object, epoch: Epoch) -> Self {
        Self {
            client: Some(client),
            epoch,
            is_idle: false,
        }
    }

    /// Gives it back for others to use.
    pub(crate) fn ended(mut self) {
        self.is_idle = true;
    }

    fn client(&self) -> Result<&Object, Failure> {
        self.client.as_ref().ok_or(Failure::Closed)
    }

    /// Sees to it that these are prepared, so that a request with one of them is sent at its first
    /// poll.
    pub(crate) async fn prepare(&self, statements: &[&'static str]) -> Result<(), Failure> {
        let client = self.client()?;
        let prepared = statements.iter().map(|sql| prepare(client, sql));
        try_join_all(prepared).await?;
        Ok(())
    }

    /// Runs a command without parameters.
    pub(crate) async fn command(&self, sql: &'static str) -> Result<(), tokio_postgres::Error> {
        match &self.client {
            Some(client) => client.batch_execute(sql).await,
            // It is there until it is dropped.
            None => Ok(()),
        }
    }

    /// The rows that a statement returns.
    pub(crate) async fn rows(
        &self,
        sql: &'static str,
        parameters: Vec<Parameter>,
    ) -> Result<Vec<Row>, Failure> {
        use futures::TryStreamExt as _;
        let client = self.client()?;
        let statement = prepare(client, sql).await?;
        let rows = client.query_raw(&statement, parameters).await?;
        Ok(rows.try_collect().await?)
    }

    /// The rows, each read.
    pub(crate) async fn all<T>(
        &self,
        sql: &'static str,
        parameters: Vec<Parameter>,
        read: impl Fn(&Row) -> Result<T, Failure>,
    ) -> Result<Vec<T>, Failure> {
        self.rows(sql, parameters).await?.iter().map(read).collect()
    }

    /// The first row, read.
    pub(crate) async fn first<T>(
        &self,
        sql: &'static str,
        parameters: Vec<Parameter>,
        read: impl Fn(&Row) -> Result<T, Failure>,
    ) -> Result<Option<T>, Failure> {
        self.rows(sql, parameters)
            .await?
            .first()
            .map(read)
            .transpose()
    }

    /// Whether there is a row.
    pub(crate) async fn exists(
        &self,
        sql: &'static str,
        parameters: Vec<Parameter>,
    ) -> Result<bool, Failure> {
        Ok(!self.rows(sql, parameters).await?.is_empty())
    }

    /// Sends steps of a transaction and, without waiting for them, the commit. Fails with the first
    /// that failed; the server then has rolled back.
    pub(crate) async fn commit_after(
        &self,
        steps: Vec<BoxFuture<'_, Result<(), Failure>>>,
    ) -> Result<(), Failure> {
        let mut answers = Vec::with_capacity(steps.len());
        for step in steps {
            answers.push(sent(step).await);
        }
        let committed = sent(self.command(COMMIT)).await;
        for answer in answers {
            answer.await.map_err(Failure::after_commit_was_sent)?;
        }
        committed.await.map_err(Failure::at_commit)
    }

    /// How many rows a statement changed.
    pub(crate) async fn execute(
        &self,
        sql: &'static str,
        parameters: Vec<Parameter>,
    ) -> Result<u64, Failure> {
        let client = self.client()?;
        let statement = prepare(client, sql).await?;
        Ok(client.execute_raw(&statement, parameters).await?)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(client) = self.client.take()
            && !self.is_idle
        {
            drop(Object::take(client));
        }
    }
}

/// Sends a request, and gives what waits for the answer. The server carries requests out in the
/// order in which they were sent, each beginning when the one before has ended. One with a
/// statement that is not [prepared](Connection::prepare) yet is sent later, and out of order.
pub(crate) async fn sent<F: Future>(request: F) -> impl Future<Output = F::Output> {
    let mut request = Box::pin(request);
    match poll!(request.as_mut()) {
        Poll::Ready(answer) => Either::Left(ready(answer)),
        Poll::Pending => Either::Right(request),
    }
}
