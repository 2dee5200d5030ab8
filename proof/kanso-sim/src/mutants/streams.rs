//! Bugs of streamed answers.

use bytes::Bytes;

use super::Bug;

impl Bug {
    /// Changes a piece before it leaves its server, if the bug is one of these.
    pub fn mutate_piece(self, piece: &mut Bytes) {
        // A mark that is sent first is durable before its records: a reader that is cut off between
        // the two skips them when it resumes. Check 5 sees the difference to the digest.
        match self {
            Self::MarkBeforePiece => *piece = mark_first(piece),
            // Streams that end without `bye` reconnect with back-off instead of at the given time;
            // check 12 expects the event.
            Self::ByeLeftOut if piece.starts_with(b"retry: ") => piece.clear(),
            _ => {}
        }
    }
}

/// Moves the marks of a piece to its beginning; they belong after the records that they cover.
fn mark_first(piece: &Bytes) -> Bytes {
    let lines = || piece.split_inclusive(|byte| *byte == b'\n');
    let is_mark = |line: &&[u8]| line.starts_with(br#"{"type":"mark""#);
    let marks = lines().filter(is_mark);
    let others = lines().filter(|line| !is_mark(line));
    marks.chain(others).flatten().copied().collect()
}
