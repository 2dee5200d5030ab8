//! Accounts that cases register, and the requests of their devices.

use reqwest::Method;
use serde_json::{Value, json};

use crate::answer::{Answer, CaseFailure, CheckResult};
use crate::ids::new_id;
use crate::server::{Call, ServerUnderTest};

/// Password of every account.
pub(crate) const PASSWORD: &str = "a password for one run";

/// An account with a session on one device. Paths of its requests begin after `/api/v1`.
#[derive(Clone, Debug)]
pub(crate) struct TestAccount {
    server: ServerUnderTest,
    pub(crate) email: String,
    pub(crate) token: String,
    pub(crate) refresh_token: String,
    pub(crate) device: String,
}

/// Registers a new account and logs in.
pub(crate) async fn new_account(server: &ServerUnderTest) -> Result<TestAccount, CaseFailure> {
    let email = new_email();
    let body = json!({"email": email, "password": PASSWORD});
    let answer = server.post("/api/v1/auth/register", &body).await?;
    let is_closed = answer.status == 403;
    answer.must(
        !is_closed,
        "open registration, because cases make accounts (kanso-server --registration open)",
    )?;
    answer.status(201)?;
    log_in(server, &email).await
}

/// Logs in to an account on a new device.
pub(crate) async fn log_in(
    server: &ServerUnderTest,
    email: &str,
) -> Result<TestAccount, CaseFailure> {
    let body = json!({"email": email, "password": PASSWORD});
    let answer = server.post("/api/v1/auth/login", &body).await?;
    answer.status(200)?;
    Ok(TestAccount {
        server: server.clone(),
        email: email.to_owned(),
        token: answer.text("/token").to_owned(),
        refresh_token: answer.text("/refresh_token").to_owned(),
        device: new_id(),
    })
}

/// Returns an e-mail address without an account.
pub(crate) fn new_email() -> String {
    // A new address each time: the kit may run again on a server that has its old accounts. The domain
    // is reserved by RFC 2606.
    format!("conformance-{}@example.org", new_id())
}

/// Returns the id of a record as text for a path.
pub(crate) fn id(record: &Value) -> &str {
    record["id"].as_str().unwrap_or_default()
}

impl TestAccount {
    pub(crate) fn call(&self, method: Method, path: &str) -> Call {
        let path = format!("/api/v1{path}");
        self.server.call(method, &path).bearer(&self.token)
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Answer, CaseFailure> {
        self.call(Method::GET, path).send().await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Answer, CaseFailure> {
        self.call(Method::POST, path).json(body).send().await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Result<Answer, CaseFailure> {
        self.call(Method::PUT, path).json(body).send().await
    }

    pub(crate) async fn patch(&self, path: &str, body: &Value) -> Result<Answer, CaseFailure> {
        self.call(Method::PATCH, path).json(body).send().await
    }

    pub(crate) async fn delete(&self, path: &str) -> Result<Answer, CaseFailure> {
        self.call(Method::DELETE, path).send().await
    }

    /// Returns the account on another device with the same session.
    pub(crate) fn on_another_device(&self) -> Self {
        Self {
            device: new_id(),
            ..self.clone()
        }
    }

    /// Creates a habit with this title.
    pub(crate) async fn habit(&self, title: &str) -> Result<Value, CaseFailure> {
        self.habit_with(&json!({"title": title})).await
    }

    /// Creates a habit with these members.
    pub(crate) async fn habit_with(&self, members: &Value) -> Result<Value, CaseFailure> {
        Ok(self.post("/habits", members).await?.status(201)?.clone())
    }

    /// Creates an entry of a habit at a date or instant.
    pub(crate) async fn entry(&self, habit: &Value, when: &str) -> Result<Value, CaseFailure> {
        let body = json!({"habit_id": habit["id"], "completion_date": when});
        Ok(self.post("/entries", &body).await?.status(201)?.clone())
    }

    /// Returns the current day of the account by the server's clock. A case must not use the clock of its own
    /// machine, which may differ.
    pub(crate) async fn today(&self) -> Result<String, CaseFailure> {
        let answer = self.get("/today").await?;
        answer.status(200)?;
        Ok(answer.text("/date").to_owned())
    }

    /// Pulls; the answer must be 200.
    pub(crate) async fn pull(&self, query: &str) -> Result<Answer, CaseFailure> {
        let answer = self.get(&format!("/sync{query}")).await?;
        answer.status(200)?;
        Ok(answer)
    }

    /// Pushes operations, each with its expected status.
    pub(crate) async fn push(&self, outbox: &[(Value, &str)]) -> Result<Answer, CaseFailure> {
        let operations: Vec<_> = outbox.iter().map(|(operation, _)| operation).collect();
        let body = json!({"device_id": self.device, "operations": operations});
        let answer = self.post("/sync", &body).await?;
        answer.status(200)?;
        let expected: Vec<_> = outbox.iter().map(|&(_, status)| status).collect();
        let results = answer.list("/results").iter();
        let found: Vec<_> = results
            .map(|it| it["status"].as_str().unwrap_or("?"))
            .collect();
        answer.must(
            found == expected,
            format_args!("results {expected:?}, not {found:?}"),
        )?;
        for ((operation, _), result) in outbox.iter().zip(answer.list("/results")) {
            // Results are in the order of the operations, so a client may match them by index or by op_id.
            let is_its_own = operation["op_id"] == result["op_id"];
            answer.must(
                is_its_own,
                "each result to have the `op_id` of its operation",
            )?;
        }
        Ok(answer)
    }

    /// Returns a record as a first pull delivers it; `Null` if it is not live.
    pub(crate) async fn stored(&self, record: &Value) -> Result<Value, CaseFailure> {
        let page = self.pull("").await?;
        let mut records = page.list("/changes").iter().map(|change| &change["record"]);
        let found = records.find(|it| it["id"] == record["id"]);
        Ok(found.cloned().unwrap_or_default())
    }

    /// Checks that the server stores a record with these members.
    pub(crate) async fn ensure_stored(&self, record: &Value, members: &Value) -> CheckResult {
        let stored = self.stored(record).await?;
        for (name, expected) in members.as_object().into_iter().flatten() {
            if !crate::answer::is_same(&stored[name], expected) {
                let expected = format!("the stored `{name}` to be {expected}");
                return Err(CaseFailure::new(expected, &stored));
            }
        }
        Ok(())
    }

    /// Checks that a record is not live.
    pub(crate) async fn ensure_deleted(&self, record: &Value) -> CheckResult {
        match self.stored(record).await? {
            Value::Null => Ok(()),
            stored => Err(CaseFailure::new("the record to be deleted", stored)),
        }
    }
}

/// Returns an operation with a new `op_id` and these further members.
pub(crate) fn operation(entity: &str, action: &str, id: &Value, members: &Value) -> Value {
    let operation = json!({"op_id": new_id(), "entity": entity, "action": action, "id": id});
    with(operation, members)
}

/// Returns a create of a habit with this title and a new id.
pub(crate) fn create(title: &str) -> Value {
    let fields = json!({"fields": {"title": title}});
    operation("habit", "create", &json!(new_id()), &fields)
}

/// Returns a create of an entry with a new id. Its value is 0, so no streak changes: a new streak would give
/// the habit a new `seq`, and cases that compare the order of changes would depend on the workers.
pub(crate) fn entry_of(habit: &Value) -> Value {
    let fields = json!({"habit_id": habit, "completion_date": "2026-03-02", "value": 0});
    operation(
        "entry",
        "create",
        &json!(new_id()),
        &json!({"fields": fields}),
    )
}

/// Returns an update of a record with this base version.
pub(crate) fn update(entity: &str, record: &Value, base: i64, fields: &Value) -> Value {
    let members = json!({"base_version": base, "fields": fields});
    operation(entity, "update", &record["id"], &members)
}

/// Returns the object with further members.
pub(crate) fn with(mut object: Value, members: &Value) -> Value {
    for (name, value) in members.as_object().into_iter().flatten() {
        object[name] = value.clone();
    }
    object
}
