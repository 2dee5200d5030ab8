use super::*;

#[test]
fn timestamps_print_27_characters_and_read_back() {
    for (text, printed) in [
        ("2026-11-22T13:05:09.123456Z", "2026-11-22T13:05:09.123456Z"),
        ("2026-11-22T13:05:09Z", "2026-11-22T13:05:09.000000Z"),
        (
            "2026-11-22t13:05:09.1234569z",
            "2026-11-22T13:05:09.123456Z",
        ),
        ("2026-11-22T15:05:09+02:00", "2026-11-22T13:05:09.000000Z"),
        ("0900-01-01T00:00:00Z", "0900-01-01T00:00:00.000000Z"),
        ("1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999Z"),
    ] {
        let instant: Timestamp = text.parse().expect(text);
        assert_eq!(instant.to_string(), printed);
        assert_eq!(printed.len(), 27);
        assert_eq!(printed.parse(), Ok(instant));
    }
}

#[test]
fn timestamps_refuse_what_is_not_rfc_3339() {
    for text in [
        "",
        "2026-11-22",
        "2026-11-22T13:05:09",
        "2026-11-22T13:05:09+01:00[Europe/Rome]",
        "20261122T130509Z",
        "2026-13-22T13:05:09Z",
        "1764000000",
        "2026-11-22T13:05:09Zé",
    ] {
        assert_eq!(
            text.parse::<Timestamp>(),
            Err(TimestampError::NotRfc3339),
            "{text}"
        );
    }
    assert_eq!(
        "9999-12-30T00:00:00Z".parse::<Timestamp>(),
        Err(TimestampError::OutOfRange)
    );
    assert_eq!(Timestamp::MIN.to_string(), "0001-01-03T00:00:00.000000Z");
    assert_eq!(Timestamp::MAX.to_string(), "9999-12-29T00:00:00.000000Z");
}

#[test]
fn zones_come_from_the_compiled_in_database() {
    for (given, name) in [
        ("Europe/Rome", "Europe/Rome"),
        ("europe/rome", "Europe/Rome"),
        ("UTC", "UTC"),
    ] {
        assert_eq!(
            given.parse::<Zone>().map(|zone| zone.to_string()),
            Ok(name.to_owned())
        );
    }
    for bad in [
        "",
        "Mars/Olympus",
        "+02:00",
        "Etc/Unknown",
        "../etc/passwd",
        "local",
    ] {
        assert_eq!(bad.parse::<Zone>(), Err(UnknownZone), "{bad}");
    }
}

#[test]
fn times_of_day_are_two_pairs_of_digits() {
    for text in ["00:00", "09:30", "23:59"] {
        assert_eq!(
            text.parse::<TimeOfDay>().map(|time| time.to_string()),
            Ok(text.to_owned())
        );
    }
    for bad in [
        "",
        "9:30",
        "24:00",
        "12:60",
        "12:3",
        "12-30",
        "١٢:٠٠",
        "12:30:00",
    ] {
        assert_eq!(bad.parse::<TimeOfDay>(), Err(NotATime), "{bad}");
    }
    assert_eq!("12:00".parse::<DayStart>().map(DayStart::minutes), Ok(720));
    assert_eq!("12:01".parse::<DayStart>(), Err(NotADayStart));
}
