//! Detection of placeholder secrets.

/// Minimum length of a secret: the size of the hash output (RFC 7518 §3.2).
pub(crate) const MIN_SECRET_BYTES: usize = 32;
/// Minimum number of characters that remain after the words of placeholders are removed.
const MIN_REST: usize = 16;
/// Minimum number of different bytes; fewer are a pattern.
const MIN_DIFFERENT: usize = 8;

/// Words in example secrets of manuals. Longer words come first: a short word would otherwise split a
/// longer one.
const PLACEHOLDER_WORDS: [&str; 35] = [
    "development",
    "placeholder",
    "production",
    "characters",
    "password",
    "changeme",
    "signing",
    "example",
    "default",
    "replace",
    "insecure",
    "random",
    "string",
    "secret",
    "change",
    "please",
    "kanso",
    "super",
    "least",
    "bytes",
    "token",
    "value",
    "hs256",
    "very",
    "this",
    "your",
    "long",
    "test",
    "with",
    "some",
    "jwt",
    "key",
    "256",
    "bit",
    "dev",
];

/// Returns true if a secret of sufficient length is a placeholder or a pattern.
pub(crate) fn is_guessable(secret: &[u8]) -> bool {
    let mut different = secret.to_vec();
    different.sort_unstable();
    different.dedup();
    if different.len() < MIN_DIFFERENT {
        return true;
    }
    if secret.is_ascii() && (is_run(secret) || is_repeated(secret)) {
        return true;
    }
    let text = String::from_utf8_lossy(secret).to_lowercase();
    let mut rest: String = text.chars().filter(|c| c.is_alphanumeric()).collect();
    // Words are removed, not searched for: a random secret may contain one by chance or as a prefix.
    for word in PLACEHOLDER_WORDS {
        rest = rest.replace(word, "");
    }
    // A binary secret has few letters, so the rest says nothing about it. Its length is checked elsewhere.
    text.is_ascii() && rest.len() < MIN_REST
}

/// Returns true if most characters follow the one before them, as in `abcdefgh` or `01234567`.
fn is_run(secret: &[u8]) -> bool {
    let follows = |pair: &&[u8]| pair[1].wrapping_sub(pair[0]) == 1;
    let following = secret.windows(2).filter(follows).count();
    2 * following > secret.len()
}

/// Returns true if the secret repeats a shorter text.
fn is_repeated(secret: &[u8]) -> bool {
    let repeats = |unit: usize| (unit..secret.len()).all(|nth| secret[nth] == secret[nth - unit]);
    (1..=secret.len() / 2).any(repeats)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_and_patterns_are_guessable() {
        for secret in [
            "changemechangemechangemechangeme",
            "your-super-secret-jwt-key-change-in-production",
            "this-is-a-very-long-secret-key-of-at-least-32-bytes",
            "secretsecretsecretsecretsecretsecret",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "12345671234567123456712345671234567",
            "YOUR_JWT_SECRET_PLEASE_CHANGE_THIS_VALUE",
            "0123456789abcdef0123456789abcdef",
            "abcdefghijklmnopqrstuvwxyz012345",
            "q1HhXW0s5F0yZr1jq1HhXW0s5F0yZr1j",
        ] {
            assert!(is_guessable(secret.as_bytes()), "{secret}");
        }
    }

    #[test]
    fn random_secrets_are_not() {
        for secret in [
            "q1HhXW0s5F0yZr1j8m3c0cQXo2i7mBk7jVtYzKq9aPw",
            "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "correct horse battery staple and a few more words",
            "kanso-secret-key-8Zq2mV7xW3rT5yU1",
        ] {
            assert!(!is_guessable(secret.as_bytes()), "{secret}");
        }
        let binary: Vec<u8> = (200..=255).collect();
        assert!(!is_guessable(&binary));
    }
}
