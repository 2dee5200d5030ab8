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
fn spellings_of_one_address_are_the_same() {
    let parse = |text: &str| text.parse::<Email>().expect("an address");
    for (one, other) in [
        ("jürgen@example.org", "ju\u{308}rgen@example.org"),
        ("jÜrgen@example.org", "jU\u{308}RGEN@example.org"),
        ("k@münchen.example", "k@mu\u{308}nchen.example"),
        ("k@münchen.example", "K@MU\u{308}NCHEN.EXAMPLE"),
        ("k@münchen.example", "k@xn--mnchen-3ya.example"),
        ("k@münchen.example", "k@XN--MNCHEN-3YA.example"),
        ("k@bücher.example", "k@ｂücher。example"),
        ("åsa@example.org", "\u{212b}sa@example.org"),
        ("kim@example.org", "\u{212a}im@example.org"),
        (
            "ada@example.org",
            "\u{feff}a\u{200b}da@exam\u{ad}ple.org\u{2060}",
        ),
        (
            "한글@example.org",
            "\u{1112}\u{1161}\u{11ab}\u{1100}\u{1173}\u{11af}@example.org",
        ),
    ] {
        let (one, other) = (parse(one), parse(other));
        assert_eq!(one, other);
        assert_eq!(
            parse(one.as_str()).as_str(),
            one.as_str(),
            "stored and read again"
        );
    }
    for (one, other) in [
        ("straße@example.org", "strasse@example.org"),
        ("k@straße.example", "k@strasse.example"),
        ("\u{130}x@example.org", "ix@example.org"),
        ("ada@example.org", "аda@example.org"),
    ] {
        assert_ne!(parse(one), parse(other));
    }
}

/// An account of release 0.1.0 is found under the text that its user types.
#[test]
fn an_address_has_its_older_spelling() {
    for (typed, older) in [
        ("Ada@Example.org", None),
        ("jürgen@example.org", None),
        (
            "JU\u{308}rgen@example.org",
            Some("ju\u{308}rgen@example.org"),
        ),
        ("k@xn--mnchen-3ya.example", Some("k@xn--mnchen-3ya.example")),
        ("a\u{200b}da@example.org", Some("a\u{200b}da@example.org")),
        // That release refused these.
        ("k@mu\u{308}nchen.example", None),
        ("\u{feff}ada@example.org", Some("\u{feff}ada@example.org")),
    ] {
        let email: Email = typed.parse().expect("an address");
        assert_eq!(email.older_spelling(), older, "{typed:?}");
    }
    let stored = Email::restored("ju\u{308}rgen@example.org".to_owned());
    assert_eq!(
        stored.as_str(),
        "ju\u{308}rgen@example.org",
        "as it is stored"
    );
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
        "\u{200b}@b.c",
        "a@\u{200b}.c",
        "a@xn--.c",
        "a@b<ü>.c",
        "a@b ü.c",
        &long,
    ] {
        assert_eq!(bad.parse::<Email>().map(|_| ()), Err(NotAnEmail), "{bad:?}");
    }
}

/// Returns a text of two letters without a short period.
fn letters(length: usize, [one, other]: [&str; 2]) -> String {
    let letter = |nth: usize| if nth * nth % 11 < 5 { one } else { other };
    (0..length).map(letter).collect()
}

#[test]
fn passwords_have_limits_but_no_composition_rules() {
    let check = |text: &str| Password::choose(text).map(|_| ());
    assert_eq!(check("1234567"), Err(PasswordError::TooShort));
    assert_eq!(check("ééééééé"), Err(PasswordError::TooShort));
    assert_eq!(check("aaaaaaab"), Ok(()));
    assert_eq!(check(&letters(256, ["é", "è"])), Ok(()));
    assert_eq!(
        check(&letters(257, ["é", "è"])),
        Err(PasswordError::TooLong)
    );
    assert_eq!(check(&"é".repeat(256)), Err(PasswordError::Simple));
    assert_eq!(check("kansokanso9x"), Err(PasswordError::Personal));
    assert_eq!(check("PassWord123"), Err(PasswordError::Common));
    assert!(Password::claimed("short").is_some());
    assert!(Password::claimed(&"x".repeat(257)).is_none());
}

#[test]
fn passwords_are_prepared_as_opaque_strings() {
    let chosen = |text: &str| Password::choose(text).map(|it| it.expose().to_owned());
    for (typed, prepared) in [
        ("Pa\u{308}sswo\u{308}rter", "Pässwörter"),
        ("\u{212b}ngstro\u{308}m8", "Ångström8"),
        ("\u{1112}\u{1161}\u{11ab}글 비밀번호들", "한글 비밀번호들"),
        ("two\u{a0}slow\u{3000}kettles", "two slow kettles"),
        // Width and case are kept.
        ("ＡＢＣＤabcd１２", "ＡＢＣＤabcd１２"),
        (
            "👨\u{200d}👩\u{200d}👧 and ❤\u{fe0f}",
            "👨\u{200d}👩\u{200d}👧 and ❤\u{fe0f}",
        ),
    ] {
        assert_eq!(
            chosen(typed),
            Ok(prepared.as_bytes().to_owned()),
            "{typed:?}"
        );
        let claimed = Password::claimed(typed).expect("short enough");
        assert_eq!(claimed.expose(), prepared.as_bytes());
        let as_typed = (typed != prepared).then_some(typed.as_bytes());
        assert_eq!(claimed.expose_typed(), as_typed);
    }
    for bad in [
        "tab\tand more",
        "a\u{200b}bcdefgh",
        "abcdefgh\u{ad}",
        "abcdefgh\0",
        "abcdefgh\u{fdd0}",
        "abcdefgh\u{e000}",
        "\u{202e}abcdefgh",
        "abcdefgh\u{2028}",
    ] {
        assert_eq!(chosen(bad), Err(PasswordError::Unprintable), "{bad:?}");
    }
    assert_eq!(
        chosen("e\u{301}".repeat(7).as_str()),
        Err(PasswordError::TooShort)
    );
    assert!(chosen(&letters(256, ["e\u{301}", "a\u{300}"])).is_ok());
}

#[test]
fn secrets_do_not_print() {
    let password = Password::claimed("hunter22-canary");
    let printed = format!("{password:?} {:?}", PasswordHash::new("canary".into()));
    assert!(!printed.contains("canary"), "{printed}");
}
