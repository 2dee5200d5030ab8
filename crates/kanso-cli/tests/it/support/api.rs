//! The server's own interface, for what the program does not do and for comparing with it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::{Value, json};

use super::{EMAIL, PASSWORD};

fn credentials() -> Value {
    json!({"email": EMAIL, "password": PASSWORD})
}

/// A user who calls the server's API without a device.
pub(crate) struct Api {
    /// `127.0.0.1:8080`
    host: String,
    token: String,
}

impl Api {
    /// Creates the account and logs in.
    pub(crate) fn register(server: &str) -> Self {
        let stranger = Self::at(server);
        stranger.send("POST", "/auth/register", &credentials());
        stranger.logged_in()
    }

    /// Logs in to the account that is there.
    pub(crate) fn login(server: &str) -> Self {
        Self::at(server).logged_in()
    }

    fn at(server: &str) -> Self {
        let host = server.trim_start_matches("http://").trim_end_matches('/');
        Self {
            host: host.to_owned(),
            token: String::new(),
        }
    }

    fn logged_in(self) -> Self {
        let session = self.send("POST", "/auth/login", &credentials());
        let token = session["token"].as_str().expect("a token").to_owned();
        Self { token, ..self }
    }

    pub(crate) fn get(&self, path: &str) -> Value {
        self.send("GET", path, &Value::Null)
    }

    /// Sends a request, which must succeed.
    pub(crate) fn send(&self, method: &str, path: &str, body: &Value) -> Value {
        let body = match body {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        let (host, length) = (&self.host, body.len());
        let mut head = vec![
            format!("{method} /api/v1{path} HTTP/1.1"),
            format!("Host: {host}"),
            "Connection: close".to_owned(),
            format!("Content-Length: {length}"),
        ];
        if !body.is_empty() {
            head.push("Content-Type: application/json".to_owned());
        }
        if !self.token.is_empty() {
            head.push(format!("Authorization: Bearer {}", self.token));
        }
        let mut stream = TcpStream::connect(&self.host).expect("the server is there");
        let request = format!("{}\r\n\r\n{body}", head.join("\r\n"));
        stream.write_all(request.as_bytes()).expect("it listens");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        let (head, body) = answer.split_once("\r\n\r\n").expect("an answer");
        assert!(head.starts_with("HTTP/1.1 2"), "{method} {path}: {answer}");
        serde_json::from_str(body).expect("JSON")
    }
}
