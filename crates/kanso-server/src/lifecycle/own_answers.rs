//! The answers that hyper writes by itself, to requests that it cannot read: 400, 414 and 431.
//!
//! They reach no service, and hyper has no setting for their headers. So they are recognised in the
//! bytes that are written.

/// Length above which no answer is one of hyper's own.
const LONGEST: usize = 512;

/// An answer that is written in place of one of hyper's own.
pub(super) struct OwnAnswer {
    /// Bytes to write.
    pub(super) text: Vec<u8>,
    /// Number of them that are written.
    pub(super) written: usize,
    /// Length of the answer that it replaces.
    pub(super) replaces: usize,
}

impl OwnAnswer {
    /// Returns the answer with the security headers; `None` if `bytes` are not one of hyper's own.
    pub(super) fn in_place_of(bytes: &[u8]) -> Option<Self> {
        let is_refusal = bytes.starts_with(b"HTTP/1.1 4") && bytes.len() <= LONGEST;
        // A whole head without a body. Those of the router have the security headers already.
        let head = bytes.strip_suffix(b"\r\n\r\n").filter(|_| is_refusal)?;
        let head = str::from_utf8(head).ok()?.to_ascii_lowercase();
        if !head.contains("\r\ncontent-length: 0") || head.contains("\r\nx-content-type-options:") {
            return None;
        }
        let mut text = bytes[..bytes.len() - 2].to_vec();
        for (name, value) in &kanso_http::security_headers() {
            text.extend_from_slice(name.as_str().as_bytes());
            text.extend_from_slice(b": ");
            text.extend_from_slice(value.as_bytes());
            text.extend_from_slice(b"\r\n");
        }
        text.extend_from_slice(b"\r\n");
        Some(Self {
            text,
            written: 0,
            replaces: bytes.len(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_bare_refusals_are_replaced() {
        let own = "HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\n\r\n";
        let replaced = OwnAnswer::in_place_of(own.as_bytes()).expect("one of hyper's own");
        let text = String::from_utf8(replaced.text).expect("ASCII");
        assert!(text.starts_with(&own[..own.len() - 2]), "{text}");
        assert!(text.contains("\r\nx-content-type-options: nosniff\r\n"));
        assert!(text.ends_with("\r\n\r\n") && !text.contains("\r\n\r\n\r\n"));
        for other in [
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\nno",
            "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nX-Content-Type-Options: nosniff\r\n\r\n",
            "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n",
            "",
        ] {
            assert!(
                OwnAnswer::in_place_of(other.as_bytes()).is_none(),
                "{other}"
            );
        }
    }
}
