//! Calls about the account's devices.

use kanso_protocol::devices::{DeviceRecord, DevicesResponse};
use uuid::Uuid;

use super::{CallError, check_success, read};
use crate::client::Client;
use crate::transport::{Method, Request, Transport};

impl Client {
    /// Returns the devices that sync with the account, the last seen first.
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

    /// Removes a device from the server's list, for one that is no longer used.
    ///
    /// The device stays logged in. If it syncs again, the server lists it as a new one.
    ///
    /// # Errors
    /// See [`CallError`]. An unknown device is `Refused` with status 404.
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
        check_success(&self.authorized(transport, request).await?)
    }
}
