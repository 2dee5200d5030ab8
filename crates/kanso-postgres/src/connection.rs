//! A connection taken from the pool.

use futures::TryStreamExt as _;
use kanso_domain::sync::Epoch;
use tokio_postgres::{Row, Statement};

use crate::columns::Parameter;
use crate::error::DatabaseError;
use crate::pipeline::{Pipeline, sent};
use crate::pool::PooledConnection;
use crate::statements;

/// A connection, and the epoch of the database behind it.
pub(crate) struct Connection {
    /// Present until the connection is dropped.
    client: Option<PooledConnection>,
    pub(crate) epoch: Epoch,
    /// True outside a transaction: only then may the pool hand the connection to another caller.
    is_idle: bool,
}

impl Connection {
    /// Wraps a connection for single statements.
    pub(crate) fn idle(client: PooledConnection) -> Self {
        Self {
            epoch: client.epoch,
            client: Some(client),
            is_idle: true,
        }
    }

    /// Wraps a connection for a transaction. Unless [`ended`](Self::ended) is called, dropping it
    /// closes the connection, and the server rolls back.
    pub(crate) fn for_transaction(client: PooledConnection) -> Self {
        Self {
            epoch: client.epoch,
            client: Some(client),
            is_idle: false,
        }
    }

    /// Returns the connection to the pool. Its transaction has ended.
    pub(crate) fn ended(mut self) {
        self.is_idle = true;
    }

    pub(crate) fn client(&self) -> Result<&PooledConnection, DatabaseError> {
        self.client.as_ref().ok_or(DatabaseError::Closed)
    }

    /// Returns an error if this connection leads to a history that was replaced. A transaction that
    /// changed something checks this before it commits.
    pub(crate) fn ensure_newest(&self) -> Result<(), DatabaseError> {
        self.client()?.ensure_newest()
    }

    /// Returns an empty pipeline.
    pub(crate) const fn pipeline(&self) -> Pipeline<'_> {
        Pipeline::new(self)
    }

    /// Prepares a statement, or returns it from the connection's cache without waiting.
    pub(crate) async fn prepare(&self, sql: &'static str) -> Result<Statement, DatabaseError> {
        Ok(statements::prepare(self.client()?, sql).await?)
    }

    /// Runs a command without parameters.
    pub(crate) async fn command(&self, sql: &'static str) -> Result<(), tokio_postgres::Error> {
        match &self.client {
            Some(client) => client.batch_execute(sql).await,
            // Unreachable: only `drop` takes the client.
            None => Ok(()),
        }
    }

    /// Sends a command and returns the future of its answer.
    pub(crate) async fn start_command(
        &self,
        sql: &'static str,
    ) -> impl Future<Output = Result<(), tokio_postgres::Error>> {
        sent(self.command(sql)).await
    }

    /// Runs a statement and returns its rows.
    pub(crate) async fn rows(
        &self,
        sql: &'static str,
        parameters: Vec<Parameter>,
    ) -> Result<Vec<Row>, DatabaseError> {
        let statement = self.prepare(sql).await?;
        let rows = self.client()?.query_raw(&statement, parameters).await?;
        Ok(rows.try_collect().await?)
    }

    /// Runs a statement and reads every row.
    pub(crate) async fn all<T>(
        &self,
        sql: &'static str,
        parameters: Vec<Parameter>,
        read: impl Fn(&Row) -> Result<T, DatabaseError>,
    ) -> Result<Vec<T>, DatabaseError> {
        self.rows(sql, parameters).await?.iter().map(read).collect()
    }

    /// Runs a statement and reads the first row.
    pub(crate) async fn first<T>(
        &self,
        sql: &'static str,
        parameters: Vec<Parameter>,
        read: impl Fn(&Row) -> Result<T, DatabaseError>,
    ) -> Result<Option<T>, DatabaseError> {
        self.rows(sql, parameters)
            .await?
            .first()
            .map(read)
            .transpose()
    }

    /// Runs a statement and returns true if it has a row.
    pub(crate) async fn exists(
        &self,
        sql: &'static str,
        parameters: Vec<Parameter>,
    ) -> Result<bool, DatabaseError> {
        Ok(!self.rows(sql, parameters).await?.is_empty())
    }

    /// Runs a statement and returns the number of rows that it changed.
    pub(crate) async fn execute(
        &self,
        sql: &'static str,
        parameters: Vec<Parameter>,
    ) -> Result<u64, DatabaseError> {
        let statement = self.prepare(sql).await?;
        let client = self.client()?;
        Ok(client.execute_raw(&statement, parameters).await?)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(client) = self.client.take()
            && !self.is_idle
        {
            // `take` removes the connection from the pool, so it closes here. The task was
            // cancelled or panicked inside a transaction: the next caller must not run in it.
            drop(PooledConnection::take(client));
        }
    }
}
