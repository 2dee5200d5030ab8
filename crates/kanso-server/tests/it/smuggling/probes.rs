//! The probes. `hidden` is the request that nothing may take for one.

/// A request with an ambiguous end.
pub(super) struct Probe {
    pub(super) name: &'static str,
    pub(super) bytes: fn(&str) -> Vec<u8>,
}

const fn probe(name: &'static str, bytes: fn(&str) -> Vec<u8>) -> Probe {
    Probe { name, bytes }
}

/// A request with these header lines and this body.
fn post(lines: &str, body: &str) -> Vec<u8> {
    request("POST /api/v1/auth/login HTTP/1.1", lines, body)
}

fn request(line: &str, lines: &str, body: &str) -> Vec<u8> {
    format!(
        "{line}\r\nHost: kanso.example.org\r\nContent-Type: application/json\r\n{lines}\r\n{body}"
    )
    .into_bytes()
}

/// The end of a chunked body, and what is hidden behind it.
fn ended(hidden: &str) -> String {
    format!("0\r\n\r\n{hidden}")
}

/// The lines of two readings: the body ends by its length, or at the last chunk.
fn both(line: &str, hidden: &str) -> Vec<u8> {
    let body = ended(hidden);
    post(
        &format!("{line}\r\nContent-Length: {}\r\n", body.len()),
        &body,
    )
}

/// A chunked body.
fn chunked(body: &str) -> Vec<u8> {
    post("Transfer-Encoding: chunked\r\n", body)
}

/// A request whose body is the hidden one.
fn with_body(line: &str, lines: &str, hidden: &str) -> Vec<u8> {
    request(
        line,
        &format!("{lines}Content-Length: {}\r\n", hidden.len()),
        hidden,
    )
}

/// A request with this value of `Content-Length`, and the hidden one behind it.
fn of_length(value: &str, hidden: &str) -> Vec<u8> {
    post(&format!("Content-Length: {value}\r\n"), hidden)
}

pub(super) const PROBES: &[Probe] = &[
    probe("chunked and a length", |hidden| {
        both("Transfer-Encoding: chunked", hidden)
    }),
    probe("chunked in capitals and a length", |hidden| {
        both("Transfer-Encoding: CHUNKED", hidden)
    }),
    probe("a tab before chunked", |hidden| {
        both("Transfer-Encoding:\tchunked", hidden)
    }),
    probe("a vertical tab before chunked", |hidden| {
        both("Transfer-Encoding: \x0bchunked", hidden)
    }),
    probe("a space before the colon", |hidden| {
        both("Transfer-Encoding : chunked", hidden)
    }),
    probe("a tab before the colon", |hidden| {
        both("Transfer-Encoding\t: chunked", hidden)
    }),
    probe("an unknown coding", |hidden| {
        both("Transfer-Encoding: xchunked", hidden)
    }),
    probe("chunked is not the last coding", |hidden| {
        both("Transfer-Encoding: chunked, identity", hidden)
    }),
    probe("identity before chunked", |hidden| {
        both("Transfer-Encoding: identity, chunked", hidden)
    }),
    probe("chunked twice in one line", |hidden| {
        both("Transfer-Encoding: chunked, chunked", hidden)
    }),
    probe("two codings in two lines", |hidden| {
        both("Transfer-Encoding: chunked\r\nTransfer-Encoding: x", hidden)
    }),
    probe("two codings in two lines, the other way", |hidden| {
        both("Transfer-Encoding: x\r\nTransfer-Encoding: chunked", hidden)
    }),
    probe("a quoted coding", |hidden| {
        both("Transfer-Encoding: \"chunked\"", hidden)
    }),
    probe("a coding with a comma", |hidden| {
        both("Transfer-Encoding: ,chunked", hidden)
    }),
    probe("a NUL behind chunked", |hidden| {
        both("Transfer-Encoding: chunked\0", hidden)
    }),
    probe("a coding in a folded line", |hidden| {
        both("X-A: b\r\n Transfer-Encoding: chunked", hidden)
    }),
    probe("a folded coding", |hidden| {
        both("Transfer-Encoding:\r\n chunked", hidden)
    }),
    probe("a coding behind a bare line feed", |hidden| {
        both("X-A: b\nTransfer-Encoding: chunked", hidden)
    }),
    probe("a coding behind a bare carriage return", |hidden| {
        both("X-A: b\rTransfer-Encoding: chunked", hidden)
    }),
    probe("a coding that the connection names", |hidden| {
        both(
            "Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked",
            hidden,
        )
    }),
    probe("an underscore in the name", |hidden| {
        both("Transfer_Encoding: chunked", hidden)
    }),
    probe("a short length and a chunk", |hidden| {
        let body = format!("{:x}\r\n{hidden}\r\n0\r\n\r\n", hidden.len());
        post("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", &body)
    }),
    probe("two lengths", |hidden| {
        let lines = format!("Content-Length: 0\r\nContent-Length: {}\r\n", hidden.len());
        post(&lines, hidden)
    }),
    probe("two lengths, the other way", |hidden| {
        let lines = format!("Content-Length: {}\r\nContent-Length: 0\r\n", hidden.len());
        post(&lines, hidden)
    }),
    probe("a list of lengths", |hidden| of_length("0, 5", hidden)),
    probe("a length with a sign", |hidden| of_length("+0", hidden)),
    probe("a negative length", |hidden| of_length("-1", hidden)),
    probe("a hexadecimal length", |hidden| of_length("0x0", hidden)),
    probe("a length with a fraction", |hidden| {
        of_length("0.0", hidden)
    }),
    probe("a length with a second number", |hidden| {
        of_length("0 5", hidden)
    }),
    probe("a length beyond 64 bits", |hidden| {
        of_length("18446744073709551616", hidden)
    }),
    probe("an empty length", |hidden| of_length("", hidden)),
    probe("a length with a NUL", |hidden| of_length("0\0", hidden)),
    probe("a length with a letter", |hidden| of_length("0a", hidden)),
    probe("a chunk size with a prefix", |hidden| {
        chunked(&format!("0x0\r\n\r\n{hidden}"))
    }),
    probe("a negative chunk size", |hidden| {
        chunked(&format!("-0\r\n\r\n{hidden}"))
    }),
    probe("a chunk size beyond 64 bits", |hidden| {
        chunked(&format!("10000000000000000\r\n\r\n{hidden}"))
    }),
    probe("a chunk that is longer than its size", |hidden| {
        chunked(&format!("1\r\nab\r\n0\r\n\r\n{hidden}"))
    }),
    probe("a chunk without a line break", |hidden| {
        chunked(&format!("1\r\na0\r\n\r\n{hidden}"))
    }),
    probe("a chunk size that ends with a carriage return", |hidden| {
        chunked(&format!("0\r\r{hidden}"))
    }),
    probe("a bare line feed in a chunk extension", |hidden| {
        chunked(&format!("1;a\nb\r\n0\r\n\r\n{hidden}"))
    }),
    probe("an empty chunk size", |hidden| {
        chunked(&format!("\r\n\r\n{hidden}"))
    }),
    probe("chunked in HTTP/1.0", |hidden| {
        let line = "POST /api/v1/auth/login HTTP/1.0";
        request(line, "Transfer-Encoding: chunked\r\n", &ended(hidden))
    }),
    probe("a request of HTTP/0.9", |hidden| {
        format!("GET /health/live\r\n{hidden}").into_bytes()
    }),
    probe("a line without a colon", |hidden| {
        request("GET /health/live HTTP/1.1", "no colon\r\n", hidden)
    }),
    probe("two versions", |hidden| {
        request("GET /health/live HTTP/1.1 HTTP/1.1", "", hidden)
    }),
    probe("the body of a GET", |hidden| {
        with_body("GET /health/live HTTP/1.1", "", hidden)
    }),
    probe("the body of a HEAD", |hidden| {
        with_body("HEAD /health/live HTTP/1.1", "", hidden)
    }),
    probe("the body of a route that does not exist", |hidden| {
        with_body("POST /nowhere HTTP/1.1", "", hidden)
    }),
    probe("the body of a refused method", |hidden| {
        with_body("TRACE /health/live HTTP/1.1", "", hidden)
    }),
    probe("a body that is announced", |hidden| {
        with_body(
            "POST /api/v1/auth/login HTTP/1.1",
            "Expect: 100-continue\r\n",
            hidden,
        )
    }),
    probe("a length that the connection names", |hidden| {
        with_body(
            "POST /api/v1/auth/login HTTP/1.1",
            "Connection: Content-Length\r\n",
            hidden,
        )
    }),
    probe("a second length with an underscore", |hidden| {
        with_body(
            "POST /api/v1/auth/login HTTP/1.1",
            "Content_Length: 0\r\n",
            hidden,
        )
    }),
    probe("an upgrade to HTTP/2", |hidden| {
        with_body(
            "GET /health/live HTTP/1.1",
            "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n",
            hidden,
        )
    }),
    probe("an upgrade to a socket", |hidden| {
        with_body(
            "GET /health/live HTTP/1.1",
            "Connection: Upgrade\r\nUpgrade: websocket\r\n",
            hidden,
        )
    }),
    probe("a whole URL of another host", |hidden| {
        with_body(
            "POST http://other.example.org/api/v1/auth/login HTTP/1.1",
            "",
            hidden,
        )
    }),
    probe("line breaks in the path", |hidden| {
        let encoded: Vec<_> = hidden.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let encoded = encoded.concat();
        request(&format!("GET /health/live%0d%0a{encoded} HTTP/1.1"), "", "")
    }),
];
