//! Files that hold the value of one secret setting, as container engines mount them.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

/// Most bytes of a secret. Longer files are something else, such as a disk image by a wrong path.
const LONGEST: usize = 16 * 1024;

/// Reads the secret in a file, without the line break that editors put at its end.
///
/// # Errors
/// The file cannot be read, is empty, too long or not UTF-8. The message never repeats its content.
pub(super) fn read(path: &Path) -> Result<String, String> {
    let problem = |what: &str| format!("{}: {what}", path.display());
    let file = File::open(path).map_err(|error| problem(&format!("cannot be read: {error}")))?;
    let mut bytes = Vec::new();
    let limit = LONGEST as u64 + 1;
    let read = file.take(limit).read_to_end(&mut bytes);
    read.map_err(|error| problem(&format!("cannot be read: {error}")))?;
    if bytes.len() > LONGEST {
        return Err(problem(&format!("is longer than {LONGEST} bytes")));
    }
    let text = String::from_utf8(bytes).map_err(|_| problem("is not UTF-8"))?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.is_empty() {
        return Err(problem("is empty"));
    }
    if text.contains('\n') {
        return Err(problem("has several lines; a secret is one"));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_of(content: &[u8]) -> Result<String, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("secret");
        std::fs::write(&path, content).expect("a file");
        read(&path)
    }

    #[test]
    fn one_line_break_at_the_end_is_cut() {
        for content in ["canary", "canary\n", "canary\r\n"] {
            assert_eq!(read_of(content.as_bytes()).as_deref(), Ok("canary"));
        }
        assert_eq!(read_of(b" canary ").as_deref(), Ok(" canary "));
        assert_eq!(
            read_of(&vec![b'x'; LONGEST]).map(|text| text.len()),
            Ok(LONGEST)
        );
    }

    #[test]
    fn a_file_that_holds_no_secret_is_refused_and_not_repeated() {
        for (content, says) in [
            (b"".as_slice(), "is empty"),
            (b"\n", "is empty"),
            (b"canary\ncanary\n", "several lines"),
            (b"canary\n\n", "several lines"),
            (b"canary\xff", "not UTF-8"),
            (&vec![b'x'; LONGEST + 1], "is longer than"),
        ] {
            let problem = read_of(content).expect_err(says);
            assert!(problem.contains(says), "{problem}");
            assert!(!problem.contains("canary"), "{problem}");
        }
        let problem = read(Path::new("/nowhere/secret")).expect_err("no file");
        assert!(problem.starts_with("/nowhere/secret: cannot be read: "));
        assert!(read(Path::new("/")).is_err(), "a folder");
    }
}
