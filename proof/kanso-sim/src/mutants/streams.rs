//! Bugs of answers that arrive in pieces.

use bytes::Bytes;

use super::Bug;

impl Bug {
    /// Changes a piece of an answer before it leaves its server, if the bug is one of these.
    pub fn mutate_piece(self, piece: &mut Bytes) {
        match self {
            Self::MarkBeforePiece => *piece = mark_first(piece),
            Self::ByeLeftOut if piece.starts_with(b"retry: ") => piece.clear(),
            _ => {}
        }
    }
}

/// A mark stands after what it is about.
fn mark_first(piece: &Bytes) -> Bytes {
    let lines = || piece.split_inclusive(|byte| *byte == b'\n');
    let is_mark = |line: &&[u8]| line.starts_with(br#"{"type":"mark""#);
    let marks = lines().filter(is_mark);
    let others = lines().filter(|line| !is_mark(line));
    marks.chain(others).flatten().copied().collect()
}
