//! `cargo xtask openapi`: generates the API description from the code.
//!
//! `kanso-server openapi` prints it; docs/openapi.json is that output, byte for byte.

use std::fs;
use std::path::PathBuf;

use anyhow::Context;

use crate::process::{output, root};
use crate::{Verdict, build};

const PAGE: &str = "docs/openapi.json";

/// Writes the page.
pub(crate) fn write() -> anyhow::Result<Verdict> {
    let Some(generated) = generated()? else {
        return Ok(Verdict::Failed);
    };
    let path = path();
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    fs::write(&path, generated).with_context(|| format!("cannot write {PAGE}"))?;
    eprintln!("openapi: wrote {PAGE}");
    Ok(Verdict::Passed)
}

/// Fails if the page differs from the generated description.
pub(crate) fn check() -> anyhow::Result<Verdict> {
    let Some(generated) = generated()? else {
        return Ok(Verdict::Failed);
    };
    // A missing page counts as empty, so it differs in line 1.
    let written = fs::read(path()).unwrap_or_default();
    match first_difference(&written, &generated) {
        None => Ok(Verdict::Passed),
        Some(line) => {
            println!(
                "{PAGE}:{line}: differs from the code; run `cargo xtask openapi` and commit it"
            );
            Ok(Verdict::Failed)
        }
    }
}

fn path() -> PathBuf {
    root().join(PAGE)
}

/// Returns the description that the server prints. None if the server does not build.
fn generated() -> anyhow::Result<Option<Vec<u8>>> {
    if build::everything()? != Verdict::Passed {
        return Ok(None);
    }
    let printed = output(build::binary("kanso-server")?.arg("openapi"))?;
    // An empty page would be committed without notice.
    anyhow::ensure!(
        !printed.is_empty(),
        "`kanso-server openapi` printed nothing"
    );
    Ok(Some(printed))
}

/// Returns the number of the first line in which the two differ.
fn first_difference(written: &[u8], generated: &[u8]) -> Option<usize> {
    if written == generated {
        return None;
    }
    let lines = |bytes| <[u8]>::split(bytes, |byte| *byte == b'\n');
    let same = lines(written)
        .zip(lines(generated))
        .take_while(|(a, b)| a == b)
        .count();
    Some(same + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_bytes_do_not_differ() {
        assert_eq!(first_difference(b"{\n}\n", b"{\n}\n"), None);
    }

    #[test]
    fn the_first_line_that_differs_is_named() {
        let cases: [(&[u8], &[u8], usize); 4] = [
            (b"", b"{}\n", 1),
            (b"{\n  \"a\": 1\n}\n", b"{\n  \"a\": 2\n}\n", 2),
            (b"{}", b"{}\n", 2),
            (b"{}\r\n", b"{}\n", 1),
        ];
        for (written, generated, line) in cases {
            assert_eq!(
                first_difference(written, generated),
                Some(line),
                "{written:?}"
            );
        }
    }
}
