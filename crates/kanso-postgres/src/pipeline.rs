//! Statements that are sent together, in one round trip.

use std::task::Poll;

use futures::future::{Either, ready, try_join_all};
use futures::{TryStreamExt as _, pin_mut, poll};
use tokio_postgres::{Row, Statement};

use crate::attempts::COMMIT;
use crate::columns::Parameter;
use crate::connection::Connection;
use crate::error::DatabaseError;

/// Statements and commands in the order in which the server runs them.
///
/// Adding a statement also registers it for preparation, and [`send`](Self::send) prepares all of
/// them before it sends the first. So no statement can be forgotten and then be prepared, and sent,
/// after the ones that follow it.
pub(crate) struct Pipeline<'c> {
    connection: &'c Connection,
    statements: Vec<&'static str>,
    requests: Vec<Request>,
}

enum Request {
    Command(&'static str),
    Statement {
        /// Index in [`Pipeline::statements`].
        statement: usize,
        parameters: Vec<Parameter>,
        explain: Option<Explain>,
    },
}

/// Turns the error of a statement into one that names its cause.
type Explain = Box<dyn FnOnce(DatabaseError) -> DatabaseError + Send>;

/// Position of a statement's answer; none if the statement was skipped.
#[derive(Clone, Copy)]
pub(crate) struct Query(Option<usize>);

impl<'c> Pipeline<'c> {
    pub(crate) const fn new(connection: &'c Connection) -> Self {
        Self {
            connection,
            statements: Vec::new(),
            requests: Vec::new(),
        }
    }

    /// Prepares these statements together with the rest, for a later pipeline of the same
    /// transaction. A statement that is left out here costs that pipeline a round trip the first
    /// time a connection meets it; the order of requests never depends on it.
    pub(crate) fn prepare_also(&mut self, statements: &[&'static str]) {
        for sql in statements {
            self.register(sql);
        }
    }

    /// Adds a command without parameters. It needs no preparation.
    pub(crate) fn command(&mut self, sql: &'static str) {
        self.requests.push(Request::Command(sql));
    }

    /// Adds a statement.
    pub(crate) fn add(&mut self, sql: &'static str, parameters: Vec<Parameter>) -> Query {
        self.push(sql, parameters, None)
    }

    /// Adds a statement if `is_needed`, and prepares it in any case: all preparations of a new
    /// connection then take one round trip.
    pub(crate) fn add_if(
        &mut self,
        is_needed: bool,
        sql: &'static str,
        parameters: Vec<Parameter>,
    ) -> Query {
        if is_needed {
            self.add(sql, parameters)
        } else {
            self.register(sql);
            Query(None)
        }
    }

    /// Adds a statement whose error is passed through `explain`.
    pub(crate) fn add_explained(
        &mut self,
        sql: &'static str,
        parameters: Vec<Parameter>,
        explain: impl FnOnce(DatabaseError) -> DatabaseError + Send + 'static,
    ) {
        self.push(sql, parameters, Some(Box::new(explain)));
    }

    fn push(
        &mut self,
        sql: &'static str,
        parameters: Vec<Parameter>,
        explain: Option<Explain>,
    ) -> Query {
        let statement = self.register(sql);
        self.requests.push(Request::Statement {
            statement,
            parameters,
            explain,
        });
        Query(Some(self.requests.len() - 1))
    }

    fn register(&mut self, sql: &'static str) -> usize {
        let known = self.statements.iter().position(|known| *known == sql);
        known.unwrap_or_else(|| {
            self.statements.push(sql);
            self.statements.len() - 1
        })
    }

    /// Sends everything in order and waits for the answers. Fails with the error of the first
    /// request that failed.
    pub(crate) async fn send(self) -> Result<Answers, DatabaseError> {
        let mut answers = Vec::with_capacity(self.requests.len());
        for answer in self.start().await? {
            answers.push(answer.await?);
        }
        Ok(Answers(answers))
    }

    /// Sends everything and, without waiting for the answers, the commit. Fails with the error of
    /// the first request that failed.
    ///
    /// The commit may be sent early because a failed statement aborts the transaction: the server
    /// then answers COMMIT with a rollback.
    pub(crate) async fn commit(self) -> Result<(), DatabaseError> {
        let connection = self.connection;
        connection.ensure_newest()?;
        let answers = self.start().await?;
        let committed = connection.start_command(COMMIT).await;
        for answer in answers {
            // The commit is on its way, so a connection that breaks here leaves its outcome open.
            let answer = answer.await;
            answer.map_err(DatabaseError::after_commit_was_sent)?;
        }
        committed.await.map_err(DatabaseError::at_commit)
    }

    /// Prepares the statements, then sends each request, and returns the futures of the answers.
    async fn start(
        self,
    ) -> Result<Vec<impl Future<Output = Result<Answer, DatabaseError>> + 'c>, DatabaseError> {
        let connection = self.connection;
        let prepared = self.statements.iter().map(|sql| connection.prepare(sql));
        let prepared = try_join_all(prepared).await?;
        let mut answers = Vec::with_capacity(self.requests.len());
        for request in self.requests {
            answers.push(sent(run(connection, request, &prepared)).await);
        }
        Ok(answers)
    }
}

/// Makes the future of one request. Everything before its first wait is the sending.
fn run<'c>(
    connection: &'c Connection,
    request: Request,
    prepared: &[Statement],
) -> impl Future<Output = Result<Answer, DatabaseError>> + use<'c> {
    let request = match request {
        Request::Command(sql) => Either::Left(sql),
        Request::Statement {
            statement,
            parameters,
            explain,
        } => Either::Right((prepared.get(statement).cloned(), parameters, explain)),
    };
    async move {
        match request {
            Either::Left(sql) => {
                connection.command(sql).await?;
                Ok(Answer::default())
            }
            Either::Right((statement, parameters, explain)) => {
                // Always there: every request registered its statement.
                let statement = statement.ok_or(DatabaseError::Closed)?;
                let answer = execute(connection, &statement, parameters).await;
                answer.map_err(|error| match explain {
                    Some(explain) => explain(error),
                    None => error,
                })
            }
        }
    }
}

/// Runs a prepared statement.
async fn execute(
    connection: &Connection,
    statement: &Statement,
    parameters: Vec<Parameter>,
) -> Result<Answer, DatabaseError> {
    let rows = connection.client()?.query_raw(statement, parameters);
    let stream = rows.await?;
    pin_mut!(stream);
    let mut rows = Vec::new();
    while let Some(row) = stream.try_next().await? {
        rows.push(row);
    }
    let affected = stream.rows_affected().unwrap_or_default();
    Ok(Answer { rows, affected })
}

#[derive(Default)]
struct Answer {
    rows: Vec<Row>,
    affected: u64,
}

/// The answers to the requests of a pipeline. A skipped statement has no rows.
pub(crate) struct Answers(Vec<Answer>);

impl Answers {
    /// Reads every row.
    pub(crate) fn all<T>(
        &self,
        query: Query,
        read: impl Fn(&Row) -> Result<T, DatabaseError>,
    ) -> Result<Vec<T>, DatabaseError> {
        self.rows(query).iter().map(read).collect()
    }

    /// Reads the first row.
    pub(crate) fn first<T>(
        &self,
        query: Query,
        read: impl Fn(&Row) -> Result<T, DatabaseError>,
    ) -> Result<Option<T>, DatabaseError> {
        self.rows(query).first().map(read).transpose()
    }

    /// Number of rows that a statement changed.
    pub(crate) fn affected(&self, query: Query) -> u64 {
        self.answer(query).map_or(0, |answer| answer.affected)
    }

    pub(crate) fn rows(&self, query: Query) -> &[Row] {
        self.answer(query).map_or(&[], |answer| &answer.rows)
    }

    fn answer(&self, Query(index): Query) -> Option<&Answer> {
        self.0.get(index?)
    }
}

/// Sends a request and returns the future of its answer.
///
/// The driver queues a request when its future is polled for the first time, so polling once in
/// order is sending in order. The server runs the requests of a connection one after the other.
/// This holds only for requests that wait for nothing before they are queued: commands, and
/// statements that are already prepared.
pub(crate) async fn sent<F: Future>(request: F) -> impl Future<Output = F::Output> {
    let mut request = Box::pin(request);
    match poll!(request.as_mut()) {
        Poll::Ready(answer) => Either::Left(ready(answer)),
        Poll::Pending => Either::Right(request),
    }
}
