//! The commit that is checked out, as a number: what chance CI takes follows from it, so that each
//! change meets cases of its own, and the same ones wherever it is tried.

use anyhow::Context as _;

use crate::process::{command, output};

/// The first 32 bits of the commit's name.
///
/// # Errors
/// This is no work tree of git, or git is missing.
pub(crate) fn number() -> anyhow::Result<u32> {
    let name = output(command("git").args(["rev-parse", "HEAD"]))?;
    let name = String::from_utf8(name)?;
    first_bits(&name).with_context(|| format!("{} is no commit", name.trim()))
}

fn first_bits(name: &str) -> Option<u32> {
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
