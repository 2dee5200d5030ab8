//! The mode of registration, and the code for the first account.

use std::sync::Arc;

use kanso_application::operator::{Operator, OperatorPorts};
use kanso_application::ports::storage::Storage;
use kanso_application::{Fault, Outcome};
use kanso_credentials::RandomInvitations;
use kanso_http::RegistrationMode;
use tokio::runtime::Handle;

use crate::start::{StartError, StartOptions};

/// Returns the mode of registration. Logs a code for the first account if the server wants invitations and
/// has no account. Blocks.
pub(crate) fn mode(
    setting: Option<RegistrationMode>,
    storage: &Arc<dyn Storage>,
    options: &StartOptions,
) -> Result<RegistrationMode, StartError> {
    let mode = async {
        let mode = match setting {
            Some(mode) => mode,
            None => default(&**storage).await?,
        };
        if mode == RegistrationMode::Invite {
            announce_first(&operator(storage, options)).await?;
        }
        Ok(mode)
    };
    let mode: Outcome<_> = Handle::current().block_on(mode);
    mode.map_err(StartError::Registration)
}

/// Returns the commands of the operator on `storage`.
pub(crate) fn operator(storage: &Arc<dyn Storage>, options: &StartOptions) -> Operator {
    Operator::new(OperatorPorts {
        storage: Arc::clone(storage),
        clock: Arc::clone(&options.clock),
        ids: Arc::clone(&options.ids),
        invitation_codes: Arc::new(RandomInvitations::new(Arc::clone(&options.entropy))),
    })
}

async fn default(storage: &dyn Storage) -> Outcome<RegistrationMode> {
    let state = storage.admission_state().await.map_err(Fault::from)?;
    if !state.was_open {
        return Ok(RegistrationMode::Invite);
    }
    // An upgrade must not keep clients out that could register before. But the operator has to know it.
    tracing::warn!(
        "every client that reaches this server can register an account, as before the upgrade; set \
         KANSO_REGISTRATION to invite or closed, or to open if that is what you want"
    );
    Ok(RegistrationMode::Open)
}

async fn announce_first(operator: &Operator) -> Outcome<()> {
    if let Some(invitation) = operator.invite_first().await? {
        // In the log although it is a secret: there is no other way to an operator who only starts a
        // container. It makes one account, and none once there is one.
        tracing::warn!(
            invite = invitation.code,
            valid_until = %invitation.expires_at,
            "this server has no account yet: register the first one on this machine, or from elsewhere \
             with this invitation"
        );
    }
    Ok(())
}
