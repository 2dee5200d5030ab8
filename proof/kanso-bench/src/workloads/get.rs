//! A `GET` with an access token: a computation of the server for one user.

use bytes::Bytes;

use crate::connection::{Connection, RequestTemplate};
use crate::load::Workload;
use crate::users::BenchUser;

/// Repeats one request.
#[derive(Debug)]
pub(crate) struct Get {
    template: RequestTemplate,
    bytes: usize,
}

impl Get {
    /// Sends the request once and keeps the length of the answer, with which later answers are
    /// compared.
    pub(crate) async fn new(
        path: &str,
        user: &BenchUser,
        connection: &mut Connection,
    ) -> anyhow::Result<Self> {
        let template = RequestTemplate::get(path)?.authorized(&user.token)?;
        let answer = connection.send(&template, Bytes::new()).await?;
        let bytes = answer.into_success()?.len();
        Ok(Self { template, bytes })
    }

    /// Length of the answer in bytes.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Workload for Get {
    async fn turn(&mut self, connection: &mut Connection) -> anyhow::Result<()> {
        let answer = connection.send(&self.template, Bytes::new()).await?;
        let length = answer.into_success()?.len();
        anyhow::ensure!(
            length == self.bytes,
            "an answer has {length} bytes, and had {}",
            self.bytes
        );
        Ok(())
    }
}
