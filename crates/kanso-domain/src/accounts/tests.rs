use super::*;

#[test]
fn emails_are_trimmed_and_lower_cased() {
    for (given, expected) in [
        (" Ada@Example.org ", "ada@example.org"),
        ("a.b+c@sub.example.co", "a.b+c@sub.example.co"),
        ("jürgen@bücher.example", "jürgen@bücher.example"),
    ] {
        assert_eq!(
            given.parse::<Email>().map(|e| e.as_str().to_owned()),
            Ok(expected.into())
        );
    }
}

#[test]
fn malformed_emails_are_refused() {
    let long = format!("{}@example.org", "a".repeat(65));
    for bad in [
        "",
        "a",
        "@",
        "a@",
        "@b.c",
        "a@b",
        "a b@c.d",
        "a@b c.d",
        "a@b..c",
        "a@-b.c",
        "a@b@c.d",
        "a\0@b.c",
        ".a@b.c",
        "a.@b.c",
        "a..b@c.d",
        "<a@b.c>",
        "a@b.c\n<x",
        &long,
    ] {
        assert_eq!(bad.parse::<Email>().map(|_| ()), Err(NotAnEmail), "{bad:?}");
    }
}

#[test]
fn passwords_have_limits_but_no_composition_rules() {
    let check = |text: &str| Password::choose(text).map(|_| ());
    assert_eq!(check("1234567"), Err(PasswordError::TooShort));
    assert_eq!(check("ééééééé"), Err(PasswordError::TooShort));
    assert_eq!(check("aaaaaaab"), Ok(()));
    assert_eq!(check(&"é".repeat(256)), Ok(()));
    assert_eq!(check(&"é".repeat(257)), Err(PasswordError::TooLong));
    assert_eq!(check("PassWord123"), Err(PasswordError::Common));
    assert!(Password::claimed("short").is_some());
    assert!(Password::claimed(&"x".repeat(257)).is_none());
}

#[test]
fn secrets_do_not_print() {
    let password = Password::claimed("hunter22-canary");
    let printed = format!("{password:?} {:?}", PasswordHash::new("canary".into()));
    assert!(!printed.contains("canary"), "{printed}");
}
