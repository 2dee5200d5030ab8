//! The devices that sync with the account.

use kanso_protocol::devices::{DeviceRecord, DevicesResponse};
use uuid::Uuid;

use super::{CallError, done, read};
use crate::Client;
use crate::transport::{Method, Request, Transport};

impl Client {
    /// The devices that sync with the account, the last seen first.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn devices(&self, transport: &dyn Transport) -> Result<Vec<DeviceRecord>, CallError> {
        let request = Request {
            method: Method::Get,
            path: "/api/v1/devices".into(),
            bearer: None,
            body: None,
        };
        let reply = self.authorized(transport, request).await?;
        Ok(read::<DevicesResponse>(&reply)?.devices)
    }

    /// Lets the server forget a device that is not used any more. It is not logged out; when it
    /// syncs again it is a new one.
    ///
    /// # Errors
    /// See [`CallError`]; a device that the server does not know is `Refused` with status 404.
    pub async fn forget_device(
        &self,
        transport: &dyn Transport,
        device: Uuid,
    ) -> Result<(), CallError> {
        let request = Request {
            method: Method::Delete,
            path: format!("/api/v1/devices/{device}").into(),
            bearer: None,
            body: None,
        };
        done(&self.authorized(transport, request).await?)
    }
}
