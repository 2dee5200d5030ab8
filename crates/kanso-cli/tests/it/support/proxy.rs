//! A proxy before the server, which changes requests and answers.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::Value;

/// A request as it arrived at the proxy.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    method: String,
    pub(crate) path: String,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// An answer, of the server or of the proxy.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// A page for people, as of a hotel's network.
    pub(crate) fn page(status: u16) -> Self {
        Self {
            status,
            headers: vec![("Content-Type".to_owned(), "text/html".to_owned())],
            body: b"<html><body>Please log in</body></html>".to_vec(),
        }
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same with a body that `change` has changed, if it is JSON.
    pub(crate) fn changed(mut self, change: impl FnOnce(&mut Value)) -> Self {
        if let Ok(mut value) = serde_json::from_slice(&self.body) {
            change(&mut value);
            self.body = value.to_string().into_bytes();
        }
        self
    }
}

type Rule = Box<dyn Fn(&Asked, &dyn Fn() -> Answer) -> Answer + Send + Sync>;

/// A proxy on a free port. It ends with the test.
pub(crate) struct Proxy {
    address: String,
    rule: Arc<Mutex<Rule>>,
}

impl Proxy {
    /// A proxy that passes everything on.
    pub(crate) fn before(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let server = server
            .trim_start_matches("http://")
            .trim_end_matches('/')
            .to_owned();
        let rule: Arc<Mutex<Rule>> = Arc::new(Mutex::new(Box::new(|_, forward| forward())));
        let rules = Arc::clone(&rule);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                serve(stream, &server, &rules.lock().expect("no rule panicked"));
            }
        });
        Self {
            address: format!("http://{address}"),
            rule,
        }
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Answers requests by `rule` from now on; its second argument asks the server.
    pub(crate) fn by(
        &self,
        rule: impl Fn(&Asked, &dyn Fn() -> Answer) -> Answer + Send + Sync + 'static,
    ) {
        *self.rule.lock().expect("no rule panicked") = Box::new(rule);
    }

    /// Passes everything on again.
    pub(crate) fn plain(&self) {
        self.by(|_, forward| forward());
    }

    /// Changes the JSON of each answer to a path under `/api/v1/`.
    pub(crate) fn rewriting(&self, change: impl Fn(&mut Value) + Send + Sync + 'static) {
        self.by(move |_, forward| forward().changed(&change));
    }
}

fn serve(mut stream: TcpStream, server: &str, rule: &Rule) {
    let Some(asked) = read_request(&mut stream) else {
        return;
    };
    let answer = rule(&asked, &|| forward(&asked, server));
    let mut head = format!("HTTP/1.1 {} Answer\r\n", answer.status);
    for (name, value) in &answer.headers {
        head.extend([name.as_str(), ": ", value, "\r\n"]);
    }
    let length = answer.body.len();
    let end = format!("Content-Length: {length}\r\nConnection: close\r\n\r\n");
    head.push_str(&end);
    // The client may be gone.
    let _ = stream.write_all(head.as_bytes());
    let _ = stream.write_all(&answer.body);
}

fn read_request(stream: &mut TcpStream) -> Option<Asked> {
    let (head, mut body) = read_head(stream)?;
    let mut lines = head.lines();
    let mut words = lines.next()?.split(' ').map(str::to_owned);
    let (method, path) = (words.next()?, words.next()?);
    let headers = headers(lines);
    let length = headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length = length.map_or(0, |(_, value)| value.parse().expect("a length"));
    while body.len() < length {
        let mut piece = [0; 8192];
        let read = stream.read(&mut piece).ok().filter(|read| *read > 0)?;
        body.extend_from_slice(&piece[..read]);
    }
    Some(Asked {
        method,
        path,
        headers,
        body,
    })
}

fn read_head(stream: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut read = Vec::new();
    loop {
        if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&read[..end]).into_owned();
            return Some((head, read[end + 4..].to_vec()));
        }
        let mut piece = [0; 4096];
        let count = stream.read(&mut piece).ok().filter(|count| *count > 0)?;
        read.extend_from_slice(&piece[..count]);
    }
}

fn headers<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<(String, String)> {
    let pair = |line: &str| {
        let (name, value) = line.split_once(':')?;
        Some((name.trim().to_owned(), value.trim().to_owned()))
    };
    lines.filter_map(pair).collect()
}

fn forward(asked: &Asked, server: &str) -> Answer {
    let mut stream = TcpStream::connect(server).expect("the server is there");
    // 1.0, so that the answer ends with the connection and has no chunks.
    let mut head = format!(
        "{} {} HTTP/1.0\r\nHost: {server}\r\n",
        asked.method, asked.path
    );
    let hidden = ["host", "connection", "accept-encoding"];
    for (name, value) in &asked.headers {
        if !hidden.contains(&name.to_lowercase().as_str()) {
            head.extend([name.as_str(), ": ", value, "\r\n"]);
        }
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).expect("it listens");
    stream.write_all(&asked.body).expect("it listens");
    let (head, mut body) = read_head(&mut stream).expect("an answer");
    stream.read_to_end(&mut body).expect("the whole answer");
    let mut lines = head.lines();
    let status = lines
        .next()
        .and_then(|line| line.split(' ').nth(1)?.parse().ok());
    let mut headers = headers(lines);
    let own = ["content-length", "connection", "transfer-encoding"];
    headers.retain(|(name, _)| !own.contains(&name.to_lowercase().as_str()));
    Answer {
        status: status.expect("a status"),
        headers,
        body,
    }
}
