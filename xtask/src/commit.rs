//! The commit that is checked out, as a number.
//!
//! CI derives its random seeds from it. Each change meets new cases, and a failure can be repeated on any
//! machine.

use anyhow::Context as _;

use crate::process::{command, output};

/// Returns the first 32 bits of the commit's hash.
///
/// # Errors
/// This is not a work tree of git, or git is missing.
pub(crate) fn number() -> anyhow::Result<u32> {
    let name = output(command("git").args(["rev-parse", "HEAD"]))?;
    let name = String::from_utf8(name)?;
    first_bits(&name).with_context(|| format!("{} is not a commit hash", name.trim()))
}

fn first_bits(name: &str) -> Option<u32> {
    // Eight hexadecimal digits are 32 bits.
    u32::from_str_radix(name.get(..8)?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_commit_begins_with_a_number() {
        let name = "dd7c3c6f00000000000000000000000000000000";
        assert_eq!(first_bits(name), Some(0xdd7c_3c6f));
        assert_eq!(first_bits("HEAD is"), None);
        assert_eq!(first_bits("dd7c"), None);
    }
}
