//! Accounts, sessions and settings.

mod delete;
mod email;
mod export;
mod login;
mod logout;
mod password;
mod profile;
mod reauthentication;
mod refresh;
mod register;
mod settings;
mod validate;

use kanso_application::accounts::Grant;
use kanso_protocol::accounts::{AccountSummary, TokenResponse};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::parts::Api;

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(register::register))
        .routes(routes!(login::login))
        .routes(routes!(refresh::refresh))
        .routes(routes!(logout::logout))
        .routes(routes!(validate::validate))
        .routes(routes!(password::password))
        .routes(routes!(email::email))
        .routes(routes!(export::export, export::export_with_password))
        .routes(routes!(
            profile::profile,
            settings::settings,
            delete::delete
        ))
}

fn token_response(grant: Grant) -> TokenResponse {
    TokenResponse {
        token: grant.access.token,
        expires_in: grant.access.expires_in,
        refresh_token: grant.refresh_token,
        device_proof: Some(grant.device_proof),
        user: AccountSummary::from(&grant.account),
    }
}
