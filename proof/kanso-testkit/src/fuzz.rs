//! Hostile bytes: mutations of valid inputs.

use std::path::Path;

use proptest::prelude::*;
use proptest::test_runner::{Config, FileFailurePersistence, TestCaseError, TestRunner};

/// Factor on `PROPTEST_CASES` (256 by default): a fuzz case costs microseconds, so more of them are
/// affordable.
const EACH: u32 = 8;
/// Longest input, in bytes.
const LONGEST: usize = 8 * 1024;

/// One mutation of an input.
#[derive(Clone, Debug)]
enum Edit {
    Put(prop::sample::Index, u8),
    Insert(prop::sample::Index, Vec<u8>),
    Remove(prop::sample::Index, u8),
    Repeat(prop::sample::Index, u8, u8),
    Cut(prop::sample::Index),
    /// Inserts a piece of another input.
    Splice(
        prop::sample::Index,
        prop::sample::Index,
        prop::sample::Index,
    ),
}

/// Calls `check` with each file of the folder, and then with mixtures and mutations of them.
///
/// The file beside the folder with the ending `.dict` has pieces with a meaning in the format, in the
/// notation of libFuzzer, which reads it too. An input that makes `check` panic is shrunk
/// and printed; add it to the folder, so that every later run starts with it. `PROPTEST_CASES` sets
/// the number of inputs.
///
/// # Panics
///
/// If `check` panics, the folder is empty, or the dictionary is missing or malformed.
pub fn withstands(corpus: &str, check: impl Fn(&[u8])) {
    let seeds = read(Path::new(corpus));
    let tokens = dictionary(&Path::new(corpus).with_extension("dict"));
    // The corpus runs unchanged first: it contains every input that once failed.
    for seed in &seeds {
        check(seed);
    }
    let config = Config {
        cases: Config::default().cases.saturating_mul(EACH),
        // No persistence file: the failing input is printed to be added to the corpus, which is
        // under version control.
        failure_persistence: None::<Box<FileFailurePersistence>>.map(|it| it as _),
        ..Config::default()
    };
    let outcome = TestRunner::new(config).run(&inputs(seeds, &tokens), |input| {
        // Caught here, so that the failure shows the input as text and not as a list of numbers.
        let checked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| check(&input)));
        checked.map_err(|_| TestCaseError::fail(format!("{:?}", String::from_utf8_lossy(&input))))
    });
    if let Err(error) = outcome {
        panic!("{error}\nadd the input to {corpus}");
    }
}

/// Returns the files of the folder, by name.
fn read(folder: &Path) -> Vec<Vec<u8>> {
    let name = folder.display();
    let files = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{name}: {error}"));
    let mut paths: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "{name} is empty");
    paths
        .iter()
        .map(|path| std::fs::read(path).unwrap())
        .collect()
}

/// Returns the tokens of a dictionary: one in quotation marks on each line, with the escapes `\\`,
/// `\"` and `\xAB`, and lines of comment that start with `#`.
fn dictionary(file: &Path) -> Vec<Vec<u8>> {
    let name = file.display();
    let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{name}: {error}"));
    let lines = text.lines().filter(|line| !line.is_empty());
    let tokens = lines.filter(|line| !line.starts_with('#')).map(|line| {
        let quoted = line.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
        let token = quoted.and_then(unescaped);
        token.unwrap_or_else(|| panic!("{name}: {line} is not a token"))
    });
    tokens.collect()
}

fn unescaped(quoted: &str) -> Option<Vec<u8>> {
    let mut bytes = quoted.bytes();
    let mut token = Vec::new();
    while let Some(byte) = bytes.next() {
        token.push(match byte {
            b'\\' => match bytes.next()? {
                b'x' => {
                    let digits = [bytes.next()?, bytes.next()?];
                    u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
                }
                escaped @ (b'\\' | b'"') => escaped,
                _ => return None,
            },
            plain => plain,
        });
    }
    Some(token)
}

fn inputs(seeds: Vec<Vec<u8>>, tokens: &[Vec<u8>]) -> impl Strategy<Value = Vec<u8>> + use<> {
    let others = seeds.clone();
    let mutated = (
        prop::sample::select(seeds),
        prop::collection::vec(edit(tokens), 1..8),
    );
    let mutated = mutated.prop_map(move |(mut bytes, edits)| {
        for edit in edits {
            apply(edit, &mut bytes, &others);
            // Repetitions grow exponentially, and a parser's limits are tested elsewhere.
            bytes.truncate(LONGEST);
        }
        bytes
    });
    let any_bytes = prop::collection::vec(any::<u8>(), 0..256);
    // One input in ten is not derived from a seed: a parser must survive bytes without any
    // structure.
    prop_oneof![9 => mutated, 1 => any_bytes]
}

fn edit(tokens: &[Vec<u8>]) -> impl Strategy<Value = Edit> + use<> {
    let place = any::<prop::sample::Index>;
    let token = prop::sample::select(tokens.to_vec());
    prop_oneof![
        (place(), any::<u8>()).prop_map(|(at, byte)| Edit::Put(at, byte)),
        (place(), token).prop_map(|(at, bytes)| Edit::Insert(at, bytes)),
        (place(), prop::collection::vec(any::<u8>(), 1..4))
            .prop_map(|(at, bytes)| Edit::Insert(at, bytes)),
        (place(), any::<u8>()).prop_map(|(at, length)| Edit::Remove(at, length)),
        (place(), any::<u8>(), 0..9_u8)
            .prop_map(|(at, length, times)| Edit::Repeat(at, length, times)),
        place().prop_map(Edit::Cut),
        (place(), place(), place()).prop_map(|(at, other, from)| Edit::Splice(at, other, from)),
    ]
}

fn apply(edit: Edit, bytes: &mut Vec<u8>, seeds: &[Vec<u8>]) {
    let within = |at: prop::sample::Index, length: usize| at.index(length + 1);
    match edit {
        Edit::Put(at, byte) => {
            if !bytes.is_empty() {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
        }
        Edit::Insert(at, new) => insert(bytes, within(at, bytes.len()), &new),
        Edit::Remove(at, length) => {
            let from = within(at, bytes.len());
            let to = (from + usize::from(length)).min(bytes.len());
            bytes.drain(from..to);
        }
        Edit::Repeat(at, length, times) => {
            let from = within(at, bytes.len());
            let to = (from + usize::from(length)).min(bytes.len());
            let piece = bytes[from..to].repeat(usize::from(times));
            insert(bytes, to, &piece);
        }
        Edit::Cut(at) => bytes.truncate(within(at, bytes.len())),
        Edit::Splice(at, other, from) => {
            let other = &seeds[other.index(seeds.len())];
            let piece = &other[within(from, other.len())..];
            insert(bytes, within(at, bytes.len()), piece);
        }
    }
}

fn insert(bytes: &mut Vec<u8>, at: usize, new: &[u8]) {
    bytes.splice(at..at, new.iter().copied());
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::BTreeSet;

    use super::*;

    const SEEDS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/corpus/self");

    #[test]
    fn each_file_is_tried_and_then_many_mutations() {
        let seen = RefCell::new(BTreeSet::new());
        withstands(SEEDS, |input| {
            seen.borrow_mut().insert(input.to_vec());
        });
        let seen = seen.into_inner();
        assert!(seen.contains(b"{\"a\":1}".as_slice()) && seen.contains(b"[2]".as_slice()));
        assert!(seen.len() > 1_000, "{}", seen.len());
        assert!(
            seen.iter()
                .any(|input| input.windows(5).any(|five| five == b"token"))
        );
    }

    #[test]
    fn dictionary_is_read_with_its_escapes() {
        let tokens = dictionary(&Path::new(SEEDS).with_extension("dict"));
        assert_eq!(tokens, [&b"token"[..], b"boom", b"\0\"\\"]);
        for malformed in ["\\", "\\n", "\\x", "\\x0", "\\xgg"] {
            assert_eq!(unescaped(malformed), None, "{malformed}");
        }
    }

    #[test]
    fn a_panic_is_found_and_its_input_shown() {
        let found = std::panic::catch_unwind(|| {
            withstands(SEEDS, |input| {
                assert!(!input.windows(4).any(|four| four == b"boom"), "found");
            });
        });
        let shown = found.unwrap_err();
        let shown = shown.downcast_ref::<String>().unwrap();
        assert!(
            shown.contains("boom") && shown.contains("add the input to"),
            "{shown}"
        );
    }
}
