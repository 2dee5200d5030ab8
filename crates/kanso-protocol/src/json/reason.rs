//! The words in which a member is refused: those of the contract, not those of serde or Rust.

/// The reason of a member that stands twice in an object.
pub(super) const REPEATED: &str = "must be given once";

/// Returns the reason for a value where serde expected `expected`.
pub(super) fn wanted(expected: &str) -> String {
    /// The bounds of an integer type, as text.
    macro_rules! integer {
        ($type:ty) => {
            format!(
                "must be an integer from {} to {}",
                <$type>::MIN,
                <$type>::MAX
            )
        };
    }
    match expected {
        "i8" => integer!(i8),
        "i16" => integer!(i16),
        "i32" => integer!(i32),
        "i64" => integer!(i64),
        "u8" => integer!(u8),
        "u16" => integer!(u16),
        "u32" => integer!(u32),
        "u64" | "usize" => integer!(u64),
        "f32" | "f64" => "must be a number".to_owned(),
        "a boolean" => "must be true or false".to_owned(),
        "a string" => "must be a string".to_owned(),
        "a sequence" => "must be an array".to_owned(),
        "a map" | "an object" => "must be an object".to_owned(),
        // `struct CreateHabit`: a type of this crate means nothing to a client.
        other if other.starts_with("struct ") => "must be an object".to_owned(),
        _ => "is of the wrong type".to_owned(),
    }
}

/// Returns the reason for a text that is none of `known`.
pub(super) fn one_of(known: &[&str]) -> String {
    let quoted: Vec<_> = known.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        None => "is unknown".to_owned(),
        Some((last, [])) => format!("must be {last}"),
        Some((last, others)) => format!("must be {} or {last}", others.join(", ")),
    }
}

/// Returns the reason for a value whose syntax is right and which the parser still refused with
/// `message`: JSON allows more texts and numbers than any program can hold.
pub(super) fn unreadable(message: &str) -> &'static str {
    if message.starts_with("number out of range") {
        "is too large a number"
    } else {
        "has half of a surrogate pair, which is no character"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_in_the_words_of_the_contract() {
        assert_eq!(wanted("u8"), "must be an integer from 0 to 255");
        assert_eq!(wanted("struct HabitMembers"), "must be an object");
        assert_eq!(wanted("a nonzero u128"), "is of the wrong type");
        assert_eq!(one_of(&["a"]), "must be `a`");
        assert_eq!(one_of(&["a", "b", "c"]), "must be `a`, `b` or `c`");
    }
}
