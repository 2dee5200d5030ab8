//! Columns of a replica for its next log-in and its refreshes.

use uuid::Uuid;

use super::{Replica, ReplicaError};

impl Replica {
    /// Returns the proof of the last session, also after a log-out.
    pub(crate) fn device_proof(&self) -> Result<Option<String>, ReplicaError> {
        let sql = "SELECT device_proof FROM replica";
        Ok(self.connection.query_row(sql, [], |row| row.get(0))?)
    }

    /// Returns the nonce for the refreshes of this replica. `drawn` becomes it if there is none.
    pub(crate) fn refresh_nonce(&self, drawn: Uuid) -> Result<String, ReplicaError> {
        let stored = || {
            let sql = "SELECT refresh_nonce FROM replica";
            let nonce = self.connection.query_row(sql, [], |row| row.get(0));
            nonce.map_err(ReplicaError::from)
        };
        if let Some(nonce) = stored()? {
            return Ok(nonce);
        }
        // Another process on the folder may draw one too: the first one stays.
        let sql = "UPDATE replica SET refresh_nonce = ?1 WHERE refresh_nonce IS NULL";
        self.connection.execute(sql, [drawn.to_string()])?;
        Ok(stored()?.unwrap_or_else(|| drawn.to_string()))
    }

    /// Returns the address of the server to which this replica may speak in clear text.
    pub(crate) fn clear_text_server(&self) -> Result<Option<String>, ReplicaError> {
        let sql = "SELECT clear_text_server FROM replica";
        Ok(self.connection.query_row(sql, [], |row| row.get(0))?)
    }

    pub(crate) fn allow_clear_text(&self, server: &str) -> Result<(), ReplicaError> {
        let sql = "UPDATE replica SET clear_text_server = ?1";
        self.connection.execute(sql, [server])?;
        Ok(())
    }
}
