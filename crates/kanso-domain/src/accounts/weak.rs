//! Passwords that attackers try first (NIST SP 800-63B §5.1.1.2: common values, repetitive or sequential
//! characters, words of the context).

use std::sync::LazyLock;

use super::Email;

/// Common passwords and the words from which they are made, in lower case and in byte order.
///
/// The list is that of zxcvbn-ts 4.1 (MIT, see `common_passwords.LICENSE`), without those that the rules
/// below make from another one.
static COMMON: LazyLock<Vec<&str>> =
    LazyLock::new(|| include_str!("common_passwords.txt").lines().collect());

/// Name of this service: its users choose it for a password.
const SERVICE: &str = "kanso";

/// Most characters beside a common word. `sunshine2024` is as weak as `sunshine`, and a long number is not.
const MOST_BESIDE: usize = 5;

/// Fewest characters that a password must have beside parts of the address.
const FEWEST_BESIDE: usize = 6;

/// Fewest characters of a part that counts: a name such as `Al` is in many good passwords.
const SHORTEST_PART: usize = 3;

/// Longest unit whose repetition makes no password.
const LONGEST_UNIT: usize = 5;

/// Returns true if `password` is common, or is a common word with a few digits or signs around it, or with
/// digits and signs that look like letters in it.
pub(super) fn is_common(password: &str) -> bool {
    let folded = password.to_lowercase();
    let word = word_of(&folded);
    // `p@ssw0rd1` is `passwordl` as a whole, and `password` without the digit at its end.
    [&*folded, word].into_iter().any(|text| {
        let spellings = ['l', 'i'].map(|one| spelled_out(text, one));
        is_listed(text)
            || spellings
                .iter()
                .any(|text| is_listed(text) || is_listed(word_of(text)))
    })
}

fn is_listed(text: &str) -> bool {
    COMMON.binary_search(&text).is_ok()
}

/// Returns the word in the middle of `text`, or `text` if there is much beside it.
fn word_of(text: &str) -> &str {
    // Letters of any script: the list has Latin words only, but a word must not count as signs.
    let word = text.trim_matches(|c: char| !c.is_alphabetic());
    let beside = text.chars().count() - word.chars().count();
    if beside <= MOST_BESIDE { word } else { text }
}

/// Replaces the signs that look like letters. `1` looks like two of them: `one` is the one that is meant.
fn spelled_out(text: &str, one: char) -> String {
    let letter = |sign| match sign {
        '0' => 'o',
        '1' => one,
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' => 't',
        '!' => 'i',
        other => other,
    };
    text.chars().map(letter).collect()
}

/// Returns true if `password` repeats a few characters, or is a run such as `abcdefgh` or `87654321`.
pub(super) fn is_simple(password: &str) -> bool {
    let characters: Vec<char> = password.chars().collect();
    let repeats = |unit: usize| {
        let place = characters.iter().enumerate();
        place
            .into_iter()
            .all(|(nth, found)| *found == characters[nth % unit])
    };
    // At least two whole units: every text is one unit of its own length.
    let longest = LONGEST_UNIT.min(characters.len() / 2);
    if (1..=longest).any(repeats) {
        return true;
    }
    let mut steps = characters
        .windows(2)
        .map(|pair| i64::from(u32::from(pair[1])) - i64::from(u32::from(pair[0])));
    let Some(first) = steps.next() else {
        return true;
    };
    first.abs() == 1 && steps.all(|step| step == first)
}

/// Returns true if little of `password` is left without the parts of `email` and the name of the service.
pub(super) fn is_personal(password: &str, email: Option<&Email>) -> bool {
    let folded = password.to_lowercase();
    let address = email.map_or("", Email::as_str);
    let (local, domain) = address.split_once('@').unwrap_or_default();
    // Without `com` or `org`, which says nothing of the user.
    let labels = domain.rsplit_once('.').map_or("", |(labels, _)| labels);
    // The whole first: `ada.lovelace` has the parts `ada` and `lovelace`.
    let mut parts = vec![address, local, domain, SERVICE];
    parts.extend(
        [local, labels]
            .iter()
            .flat_map(|text| text.split(|c: char| !c.is_alphanumeric())),
    );
    let mut left = folded.clone();
    for part in parts {
        if part.chars().count() >= SHORTEST_PART {
            left = left.replace(part, "");
        }
    }
    // Without a part of the address in it, even a short rest says nothing of the user.
    left != folded && left.chars().count() < FEWEST_BESIDE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_in_order_and_in_lower_case() {
        assert!(COMMON.len() > 30_000, "{}", COMMON.len());
        assert!(COMMON.is_sorted());
        assert!(COMMON.iter().all(|word| *word == word.to_lowercase()));
    }

    #[test]
    fn common_passwords_and_their_variants_are_found() {
        for common in [
            "changeme",
            "changeme1",
            "Password1!",
            "P@ssw0rd1",
            "Welcome123",
            "Summer2024",
            "qwerty12345",
            "iloveyou1",
            "123456789a",
            "chocolate",
            "MINECRAFT",
            "test1234",
            "kanso123",
            "1q2w3e4r5t",
            "zaq12wsx",
            "trustno1",
            "$unshine",
            "W1nter2024",
            "Password2024!",
        ] {
            assert!(is_common(common), "{common}");
        }
        for uncommon in [
            "correct horse",
            "two slow kettles",
            "sunshine49201773",
            "мойпароль-длинный",
            "gW8#kTr2",
        ] {
            assert!(!is_common(uncommon), "{uncommon}");
        }
    }

    #[test]
    fn repeats_and_runs_are_simple() {
        for simple in [
            "aaaaaaaa",
            "        ",
            "testtest",
            "kansokanso",
            "abcabcabca",
            "abcdefgh",
            "87654321",
            "😀😀😀😀😀😀😀😀",
        ] {
            assert!(is_simple(simple), "{simple:?}");
        }
        for other in ["aaaaaaab", "abcdefgi", "two slow kettles"] {
            assert!(!is_simple(other), "{other:?}");
        }
    }

    #[test]
    fn the_address_and_the_service_are_personal() {
        let email: Email = "ada.lovelace@engine.example.org"
            .parse()
            .expect("an address");
        let is_hers = |password: &str| is_personal(password, Some(&email));
        for personal in [
            "ada.lovelace@engine.example.org",
            "AdaLovelace",
            "lovelace123",
            "engine-example",
            "kanso-ada!!",
            "engine!!kanso",
        ] {
            assert!(is_hers(personal), "{personal}");
        }
        for other in [
            "lovelace in london",
            "correct horse",
            "canada trip",
            "Xk#org9!p@",
        ] {
            assert!(!is_hers(other), "{other}");
        }
        assert!(is_personal("kanso!!1", None));
        assert!(!is_personal("!!!!!!!-", None), "it has no part of them");
    }
}
