//! Access tokens that must be refused, each with its reason, through HTTP.
//!
//! The variants are generated for each key of a server: of each claim, of each header parameter, of the
//! signature and of the compact form (RFC 7519, RFC 7515, and the attacks of RFC 8725). Each differs from
//! an accepted token by the one thing that its reason names.

mod claims;
mod forge;
mod forms;
mod headers;
mod signatures;

use std::collections::BTreeSet;

use kanso_server::config::{FormerKeys, Secret, Signing};
use reqwest::header::HeaderValue;

use self::forge::{Forge, Key, Variant};
use crate::support::App;

/// Fewest different variants that both servers refuse.
const FEWEST: usize = 150;

async fn status(app: &App, authorization: &[u8]) -> u16 {
    let value = HeaderValue::from_bytes(authorization).expect("it can be sent");
    let call = app
        .client
        .get(format!("{}/api/v1/auth/validate", app.url()));
    let answer = call.header("authorization", value).send().await;
    answer.expect("an answer").status().as_u16()
}

/// Returns the tokens to accept and the variants to refuse, for the keys of a server.
async fn corpus(app: &App, keys: &[Key]) -> (Vec<(String, String)>, Vec<Variant>) {
    let (user, other) = (app.user().await, app.user().await);
    let forges: Vec<Forge<'_>> = keys
        .iter()
        .map(|key| Forge::like(key, &user.token))
        .collect();
    let current = &forges[0];
    let mut refused = claims::variants(current, &Forge::like(&keys[0], &other.token));
    refused.extend(forms::variants(current));
    for forge in &forges {
        refused.extend(headers::variants(forge));
        refused.extend(signatures::variants(forge));
    }
    for (forge, stranger) in forges.iter().zip(forges.iter().cycle().skip(1)) {
        refused.extend(headers::confusions(forge, stranger));
    }
    for (reason, text) in [
        ("refresh token", &user.refresh_token),
        ("id of the user", &user.email),
    ] {
        refused.push(Variant::new(reason, text.clone()));
    }
    let accepted = forges.iter().flat_map(Forge::accepted).collect();
    (accepted, refused)
}

async fn check(app: &App, keys: &[Key]) -> BTreeSet<String> {
    let (accepted, refused) = corpus(app, keys).await;
    for (reason, token) in accepted {
        let found = status(app, format!("Bearer {token}").as_bytes()).await;
        assert_eq!(found, 200, "{reason}: {token}");
    }
    let mut reasons = BTreeSet::new();
    for Variant { reason, token } in refused {
        let found = status(app, &[b"Bearer ", &*token].concat()).await;
        let shown = String::from_utf8_lossy(&token);
        assert_eq!(found, 401, "{reason}: {shown}");
        assert!(reasons.insert(reason.clone()), "twice: {reason}");
    }
    reasons
}

#[tokio::test]
async fn every_variant_of_a_token_is_refused() {
    let app = App::with(|config| {
        config.signing = Signing::Secret(Secret::new(forge::SECRET.to_owned()));
        config.former_keys.key_file = Some(forge::RSA.into());
    })
    .await;
    let mut reasons = check(&app, &[Key::secret(), Key::rsa()]).await;

    let app = App::with(|config| {
        config.signing = Signing::PrivateKeyFile(forge::P256.into());
        config.former_keys = FormerKeys {
            secret: Some(Secret::new(forge::SECRET.to_owned())),
            key_file: Some(forge::ED25519.into()),
        };
    })
    .await;
    let keys = [Key::p256(), Key::ed25519(), Key::secret()];
    reasons.extend(check(&app, &keys).await);
    assert!(reasons.len() >= FEWEST, "{} variants", reasons.len());
}

/// The token is right, and the header is not.
#[tokio::test]
async fn a_token_counts_only_as_one_bearer_token() {
    let app = App::start().await;
    let token = app.user().await.token;
    for right in [
        format!("Bearer {token}"),
        format!("bearer {token}"),
        format!("BEARER  {token} "),
    ] {
        assert_eq!(status(&app, right.as_bytes()).await, 200, "{right}");
    }
    for wrong in [
        token.clone(),
        format!("Basic {token}"),
        format!("Token {token}"),
        format!("DPoP {token}"),
        format!("Bearer{token}"),
        format!("Bearer\t{token}"),
        format!("Bearer: {token}"),
        format!("Bearer Bearer {token}"),
        format!("Bearer {token}, Bearer {token}"),
        format!("Bearer {token} {token}"),
        format!("Bearer \"{token}\""),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        String::new(),
    ] {
        assert_eq!(status(&app, wrong.as_bytes()).await, 401, "{wrong}");
    }
    let call = app.get(&format!("/api/v1/auth/validate?access_token={token}"));
    assert_ne!(call.await.status, 200, "a token in the address");
    let twice = app.get("/api/v1/auth/validate");
    let twice = twice.header("authorization", &format!("Bearer {token}"));
    let twice = twice.header("authorization", &format!("Bearer {token}"));
    twice.await.refused(401, "unauthorized");
}
