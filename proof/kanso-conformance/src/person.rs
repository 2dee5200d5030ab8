//! A throw-away account, and what its devices say.

use reqwest::Method;
use serde_json::{Value, json};

use crate::answer::{Answer, Failure, Outcome};
use crate::ids::new_id;
use crate::wire::{Call, Wire};

/// What everybody's password is.
pub(crate) const PASSWORD: &str = "a password for one run";

/// Somebody who is logged in on one device. Paths begin after `/api/v1`.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    wire: Wire,
    pub(crate) email: String,
    pub(crate) token: String,
    pub(crate) refresh_token: String,
    pub(crate) device: String,
}

/// Registers somebody new and logs in.
pub(crate) async fn somebody(wire: &Wire) -> Result<Person, Failure> {
    let email = new_email();
    let body = json!({"email": email, "password": PASSWORD});
    wire.post("/api/v1/auth/register", &body)
        .await?
        .status(201)?;
    log_in(wire, &email).await
}

/// Another device of somebody.
pub(crate) async fn log_in(wire: &Wire, email: &str) -> Result<Person, Failure> {
    let body = json!({"email": email, "password": PASSWORD});
    let answer = wire.post("/api/v1/auth/login", &body).await?;
    answer.status(200)?;
    Ok(Person {
        wire: wire.clone(),
        email: email.to_owned(),
        token: answer.text("/token").to_owned(),
        refresh_token: answer.text("/refresh_token").to_owned(),
        device: new_id(),
    })
}

/// An address that nobody has.
pub(crate) fn new_email() -> String {
    format!("conformance-{}@example.org", new_id())
}

/// The id of a record, as it stands in paths.
pub(crate) fn id(record: &Value) -> &str {
    record["id"].as_str().unwrap_or_default()
}

impl Person {
    pub(crate) fn call(&self, method: Method, path: &str) -> Call {
        let path = format!("/api/v1{path}");
        self.wire.call(method, &path).bearer(&self.token)
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Answer, Failure> {
        self.call(Method::GET, path).send().await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Answer, Failure> {
        self.call(Method::POST, path).json(body).send().await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Result<Answer, Failure> {
        self.call(Method::PUT, path).json(body).send().await
    }

    pub(crate) async fn patch(&self, path: &str, body: &Value) -> Result<Answer, Failure> {
        self.call(Method::PATCH, path).json(body).send().await
    }

    pub(crate) async fn delete(&self, path: &str) -> Result<Answer, Failure> {
        self.call(Method::DELETE, path).send().await
    }

    /// The same person on a device of its own, with the same session.
    pub(crate) fn on_another_device(&self) -> Self {
        Self {
            device: new_id(),
            ..self.clone()
        }
    }

    /// A new habit with this title.
    pub(crate) async fn habit(&self, title: &str) -> Result<Value, Failure> {
        self.habit_with(&json!({"title": title})).await
    }

    /// A new habit with these members.
    pub(crate) async fn habit_with(&self, members: &Value) -> Result<Value, Failure> {
        Ok(self.post("/habits", members).await?.status(201)?.clone())
    }

    /// A new entry of a habit, of this date or instant.
    pub(crate) async fn entry(&self, habit: &Value, when: &str) -> Result<Value, Failure> {
        let body = json!({"habit_id": habit["id"], "completion_date": when});
        Ok(self.post("/entries", &body).await?.status(201)?.clone())
    }

    /// The person's day, as the server sees it now.
    pub(crate) async fn today(&self) -> Result<String, Failure> {
        let answer = self.get("/today").await?;
        answer.status(200)?;
        Ok(answer.text("/date").to_owned())
    }

    /// A pull that must succeed.
    pub(crate) async fn pull(&self, query: &str) -> Result<Answer, Failure> {
        let answer = self.get(&format!("/sync{query}")).await?;
        answer.status(200)?;
        Ok(answer)
    }

    /// A push of this device, each of whose results must have the status beside it.
    pub(crate) async fn push(&self, outbox: &[(Value, &str)]) -> Result<Answer, Failure> {
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
            let is_its_own = operation["op_id"] == result["op_id"];
            answer.must(is_its_own, "each result under the `op_id` of its operation")?;
        }
        Ok(answer)
    }

    /// The record as a first pull has it; `Null` when it is not among the live ones.
    pub(crate) async fn stored(&self, record: &Value) -> Result<Value, Failure> {
        let page = self.pull("").await?;
        let mut records = page.list("/changes").iter().map(|change| &change["record"]);
        let found = records.find(|it| it["id"] == record["id"]);
        Ok(found.cloned().unwrap_or_default())
    }

    /// The record must be stored with these members.
    pub(crate) async fn holds(&self, record: &Value, members: &Value) -> Outcome {
        let stored = self.stored(record).await?;
        for (name, expected) in members.as_object().into_iter().flatten() {
            if !crate::answer::is_same(&stored[name], expected) {
                let expected = format!("`{name}` to be {expected} in the end");
                return Err(Failure::new(expected, &stored));
            }
        }
        Ok(())
    }

    /// The record must not be among those that live.
    pub(crate) async fn holds_no(&self, record: &Value) -> Outcome {
        match self.stored(record).await? {
            Value::Null => Ok(()),
            stored => Err(Failure::new("the record to be deleted in the end", stored)),
        }
    }
}

/// An operation of an outbox under a new `op_id`, with these members besides.
pub(crate) fn operation(entity: &str, action: &str, id: &Value, members: &Value) -> Value {
    let operation = json!({"op_id": new_id(), "entity": entity, "action": action, "id": id});
    with(operation, members)
}

/// A create of a habit with this title, under a new id.
pub(crate) fn create(title: &str) -> Value {
    let fields = json!({"fields": {"title": title}});
    operation("habit", "create", &json!(new_id()), &fields)
}

/// A create of an entry of a habit, under a new id. It is an explicit "no", so that no streak changes
/// and the habit does not move in the order of changes by itself.
pub(crate) fn entry_of(habit: &Value) -> Value {
    let fields = json!({"habit_id": habit, "completion_date": "2026-03-02", "value": 0});
    operation(
        "entry",
        "create",
        &json!(new_id()),
        &json!({"fields": fields}),
    )
}

/// An update of a record that builds on this version.
pub(crate) fn update(entity: &str, record: &Value, base: i64, fields: &Value) -> Value {
    let members = json!({"base_version": base, "fields": fields});
    operation(entity, "update", &record["id"], &members)
}

/// The object with these members besides.
pub(crate) fn with(mut object: Value, members: &Value) -> Value {
    for (name, value) in members.as_object().into_iter().flatten() {
        object[name] = value.clone();
    }
    object
}
