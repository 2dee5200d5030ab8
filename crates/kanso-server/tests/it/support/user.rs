use std::future::{Future, IntoFuture};
use std::pin::Pin;

use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};

use super::{Answer, Listener, new_id};

/// A logged-in user. Paths begin after `/api/v1`.
#[derive(Clone)]
pub(crate) struct TestUser {
    pub(crate) client: Client,
    pub(crate) base: String,
    pub(crate) email: String,
    pub(crate) token: String,
    pub(crate) refresh_token: String,
}

impl TestUser {
    pub(crate) fn call(&self, method: Method, path: &str) -> Call {
        let request = self.client.request(method, format!("{}{path}", self.base));
        Call(request.bearer_auth(&self.token))
    }

    pub(crate) fn get(&self, path: &str) -> Call {
        self.call(Method::GET, path)
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Call {
        self.call(Method::POST, path).json(body)
    }

    pub(crate) fn put(&self, path: &str, body: &Value) -> Call {
        self.call(Method::PUT, path).json(body)
    }

    pub(crate) fn patch(&self, path: &str, body: &Value) -> Call {
        self.call(Method::PATCH, path).json(body)
    }

    pub(crate) fn delete(&self, path: &str) -> Call {
        self.call(Method::DELETE, path)
    }

    /// Creates a habit.
    pub(crate) async fn habit(&self, title: &str) -> Value {
        self.post("/habits", &json!({"title": title}))
            .await
            .expect(201)
    }

    /// Creates an entry for today.
    pub(crate) async fn entry(&self, habit: &Value) -> Value {
        let body = json!({"habit_id": habit["id"], "completion_date": "2026-11-22"});
        self.post("/entries", &body).await.expect(201)
    }

    /// Creates a habit with these members.
    pub(crate) async fn habit_with(&self, members: &Value) -> Value {
        self.post("/habits", members).await.expect(201)
    }

    /// Creates an entry of a habit for each date or instant.
    pub(crate) async fn done(&self, habit: &Value, times: &[&str]) {
        for time in times {
            let body = json!({"habit_id": habit["id"], "completion_date": time});
            self.post("/entries", &body).await.expect(201);
        }
    }

    /// Returns the streak of a habit with its explanation.
    pub(crate) async fn stats(&self, habit: &Value) -> Value {
        let id = habit["id"].as_str().expect("an id");
        let path = format!("/stats/habits/{id}?explain=true");
        self.get(&path).await.expect(200)
    }

    /// Opens an event stream and returns it with its first event.
    pub(crate) async fn listen(&self) -> (Listener, i64) {
        let mut listener = self.get("/sync/stream").listen().await;
        let hello = listener.expect("hello").await;
        (listener, hello["head"].as_i64().expect("a position"))
    }

    /// Pushes without a cursor and returns the results.
    pub(crate) async fn push(&self, operations: Value) -> Vec<Value> {
        let body = json!({"operations": operations});
        let mut answer = self.post("/sync", &body).await.expect(200);
        match answer["results"].take() {
            Value::Array(results) => results,
            other => panic!("results are a list, not {other}"),
        }
    }
}

/// Builds an operation with a fresh `op_id` and `members`.
pub(crate) fn operation(entity: &str, action: &str, id: &Value, members: &Value) -> Value {
    let mut operation = json!({"op_id": new_id(), "entity": entity, "action": action, "id": id});
    let members = members.as_object().expect("an object").clone();
    operation
        .as_object_mut()
        .expect("an object")
        .extend(members);
    operation
}

/// A request that is sent when awaited.
pub(crate) struct Call(RequestBuilder);

impl Call {
    pub(crate) const fn new(request: RequestBuilder) -> Self {
        Self(request)
    }

    pub(crate) fn header(self, name: &str, value: &str) -> Self {
        Self(self.0.header(name, value))
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json")
            .body(body.to_string())
    }

    pub(crate) fn body(self, body: impl Into<reqwest::Body>) -> Self {
        Self(self.0.body(body))
    }

    /// Sends the request and returns the response as an event stream.
    pub(crate) async fn listen(self) -> Listener {
        Listener::new(self.0.send().await.expect("an answer"))
    }

    /// Returns the event stream, or `None` if the request is not authenticated.
    pub(crate) async fn listen_if_known(self) -> Option<Listener> {
        let response = self.0.send().await.expect("an answer");
        (response.status() != 401).then(|| Listener::new(response))
    }
}

impl IntoFuture for Call {
    type Output = Answer;
    type IntoFuture = Pin<Box<dyn Future<Output = Answer> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let (client, request) = self.0.build_split();
            let request = request.expect("a request");
            let asked = (request.method().clone(), request.url().path().to_owned());
            let response = client.execute(request).await.expect("an answer");
            Answer::read(asked, response).await
        })
    }
}
