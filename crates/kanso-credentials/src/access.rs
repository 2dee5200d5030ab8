//! Access tokens: JSON Web Tokens (RFC 7519) with a lifetime of minutes.

use std::sync::Arc;

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Header, Validation, decode, decode_header, encode};
use kanso_application::ports::credentials::{
    AccessToken, AccessTokens, Identity, SigningFault, TokenRefused,
};
use kanso_application::ports::ids::Ids;
use kanso_domain::{SessionId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::keys::SigningKey;

/// Maximum size of a token. Tokens of this server have about 400 bytes, and 900 with a long RSA key.
/// Longer ones are refused before they cost any work.
const MAX_TOKEN_BYTES: usize = 4096;

/// Type of an access token (RFC 9068 §2.1). It tells one from a token for another purpose that was signed
/// with the same key.
const TYPE: &str = "at+jwt";
/// Type that release 0.1.0 sets.
const FORMER_TYPE: &str = "JWT";

/// Longest time in seconds from `iat` to `exp`. A longer one was not set by a server of this kind.
const LONGEST_LIFETIME_SECONDS: i64 = 86_400;

/// Contents of a token besides the user and the session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRules {
    /// `iss`: the server that signs.
    pub issuer: String,
    /// `aud`: the service that accepts the tokens.
    pub audience: String,
    /// Seconds from `iat` to `exp`.
    pub lifetime_seconds: i64,
    /// Maximum difference between the clocks of two servers in seconds.
    pub leeway_seconds: i64,
}

impl TokenRules {
    /// Returns the rules for tokens of `issuer`: a lifetime of 15 minutes, a leeway of 5 seconds.
    pub fn of(issuer: impl Into<String>) -> Self {
        Self {
            issuer: issuer.into(),
            audience: "kanso-sync".into(),
            lifetime_seconds: 15 * 60,
            leeway_seconds: 5,
        }
    }
}

/// Signs with one key and verifies with that and former ones, so that a key can be replaced without
/// logging users out.
pub struct JwtTokens {
    signing: SigningKey,
    former: Vec<SigningKey>,
    rules: TokenRules,
    ids: Arc<dyn Ids>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: Uuid,
    sid: Uuid,
    jti: Uuid,
    iat: i64,
    exp: i64,
    /// Not set by this server. Another signer with the same key may set it (RFC 7519 §4.1.5).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nbf: Option<i64>,
}

impl JwtTokens {
    /// Makes tokens signed with `signing`, and accepts those of the `former` keys too.
    pub fn new(
        signing: SigningKey,
        former: Vec<SigningKey>,
        rules: TokenRules,
        ids: Arc<dyn Ids>,
    ) -> Self {
        Self {
            signing,
            former,
            rules,
            ids,
        }
    }

    /// Returns the public keys as a JSON Web Key Set (RFC 7517 §5), for `/.well-known/jwks.json`. With
    /// HS256 the set is empty, because a shared secret has no public half.
    pub fn jwks(&self) -> serde_json::Value {
        let keys = self
            .keys()
            .filter_map(|key| key.public().cloned())
            .collect();
        serde_json::to_value(JwkSet { keys }).unwrap_or_else(|_| serde_json::json!({ "keys": [] }))
    }

    fn keys(&self) -> impl Iterator<Item = &SigningKey> {
        std::iter::once(&self.signing).chain(&self.former)
    }

    /// Returns the claims of a token if its signature, issuer and audience are valid.
    fn claims(&self, token: &str) -> Option<Claims> {
        if token.len() > MAX_TOKEN_BYTES {
            return None;
        }
        let header = decode_header(token).ok()?;
        // `crit` lists extensions that must be understood (RFC 7515 §4.1.11). This server knows none.
        if header.crit.is_some() {
            return None;
        }
        let has_type = |name: &str| {
            let found = header.typ.as_deref();
            // A media type, with or without its prefix (RFC 7515 §4.1.9).
            let found = found.map(|typ| typ.strip_prefix("application/").unwrap_or(typ));
            found.is_some_and(|typ| typ.eq_ignore_ascii_case(name))
        };
        if !has_type(TYPE) && !has_type(FORMER_TYPE) {
            return None;
        }
        // Required: trying every key would cost a forged token one verification for each.
        let id = header.kid?;
        let key = self.keys().find(|key| key.id() == id)?;
        // The algorithm comes from the key, never from the header: else a token could choose `none`, or
        // HS256 with the public RSA key as its secret (RFC 8725 §2.1).
        let mut rules = Validation::new(key.algorithm());
        rules.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        rules.set_issuer(&[&self.rules.issuer]);
        rules.set_audience(&[&self.rules.audience]);
        // `verify` compares the times with the clock of its caller. The library would read the system
        // clock, which tests and the simulation cannot move.
        rules.validate_exp = false;
        decode(token, key.decoding(), &rules)
            .ok()
            .map(|token| token.claims)
    }
}

impl AccessTokens for JwtTokens {
    fn issue(&self, identity: Identity, now: Timestamp) -> Result<AccessToken, SigningFault> {
        let issued_at = now.as_micros().div_euclid(1_000_000);
        let claims = Claims {
            iss: self.rules.issuer.clone(),
            aud: self.rules.audience.clone(),
            sub: identity.user_id.uuid(),
            sid: identity.session_id.uuid(),
            jti: self.ids.uuid(),
            iat: issued_at,
            exp: issued_at.saturating_add(self.rules.lifetime_seconds),
            nbf: None,
        };
        let mut header = Header::new(self.signing.algorithm());
        header.typ = Some(TYPE.to_owned());
        header.kid = Some(self.signing.id().to_owned());
        let token = encode(&header, &claims, self.signing.encoding())
            .map_err(|error| SigningFault(error.into()))?;
        Ok(AccessToken {
            token,
            expires_in: self.rules.lifetime_seconds,
        })
    }

    fn verify(&self, token: &str, now: Timestamp) -> Result<Identity, TokenRefused> {
        let claims = self.claims(token).ok_or(TokenRefused)?;
        let now = now.as_micros().div_euclid(1_000_000);
        let leeway = self.rules.leeway_seconds;
        let is_over = claims.exp.saturating_add(leeway) <= now;
        // A token from the future has no valid reason: it was signed with a wrong clock or a stolen key.
        let begins = claims.nbf.unwrap_or(claims.iat).max(claims.iat);
        let is_from_the_future = begins.saturating_sub(leeway) > now;
        let is_long = claims.exp.saturating_sub(claims.iat) > LONGEST_LIFETIME_SECONDS;
        if is_over || is_from_the_future || is_long {
            return Err(TokenRefused);
        }
        Ok(Identity {
            user_id: UserId::new(claims.sub),
            session_id: SessionId::new(claims.sid),
        })
    }
}

#[cfg(test)]
mod tests;
