//! Sessions of the server in memory.

use kanso_client::transport::Reply;
use serde_json::json;

use super::super::EMAIL;
use super::{State, problem, reply};

impl State {
    /// Returns the tokens that follow on `used`: the same each time, as within the grace period.
    /// With another nonce the use is a reuse, which ends the session.
    pub(super) fn renewed(&mut self, used: &str, nonce: Option<String>) -> Reply {
        if let Some((number, first)) = self.successors.get(used).cloned() {
            if first.is_none() || first == nonce {
                return self.tokens(number);
            }
            self.revoke();
        }
        if !self.refresh_tokens.remove(used) {
            return problem(401, "unauthorized");
        }
        let successor = (self.issued + 1, nonce);
        self.successors.insert(used.to_owned(), successor);
        self.new_tokens()
    }

    pub(super) fn new_tokens(&mut self) -> Reply {
        self.issued += 1;
        self.refresh_tokens
            .insert(format!("refresh-{}", self.issued));
        self.tokens(self.issued)
    }

    fn tokens(&mut self, number: u32) -> Reply {
        let access = format!("access-{number}");
        self.access_tokens.insert(access.clone());
        let user = json!({"id": self.account, "email": EMAIL});
        reply(
            200,
            &json!({"token": access, "expires_in": 900, "refresh_token": format!("refresh-{number}"),
                    "device_proof": format!("proof-{number}"), "user": user}),
        )
    }

    /// Returns true if the body has a member that the server does not know.
    pub(super) fn is_unknown_to_it(&self, body: &str) -> bool {
        let mut unknown = self.unknown_members.iter();
        unknown.any(|member| body.contains(&format!("\"{member}\"")))
    }

    /// Ends every session.
    pub(crate) fn revoke(&mut self) {
        self.access_tokens.clear();
        self.refresh_tokens.clear();
        self.successors.clear();
    }

    /// Expires the access tokens but not the refresh token.
    pub(crate) fn expire_access(&mut self) {
        self.access_tokens.clear();
    }
}
