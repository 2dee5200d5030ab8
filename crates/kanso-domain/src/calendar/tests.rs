use super::*;

fn check(instant: &str, zone: &str, day_start: &str, expected: &str) {
    let day = local_day(
        instant.parse().expect(instant),
        &zone.parse().expect(zone),
        day_start.parse().expect(day_start),
    );
    assert_eq!(
        day.to_string(),
        expected,
        "{instant} in {zone} from {day_start}"
    );
}

#[test]
fn day_follows_the_wall_clock_through_every_kind_of_transition() {
    for (instant, zone, day_start, expected) in [
        ("2026-01-15T00:30:00Z", "Europe/Rome", "00:00", "2026-01-15"),
        ("2026-01-15T23:30:00Z", "Europe/Rome", "00:00", "2026-01-16"),
        (
            "2026-01-15T23:30:00Z",
            "Europe/London",
            "00:00",
            "2026-01-15",
        ),
        ("2020-09-03T03:29:00Z", "UTC", "03:30", "2020-09-02"),
        ("2020-09-03T03:30:00Z", "UTC", "03:30", "2020-09-03"),
        (
            "2024-03-10T07:30:00Z",
            "America/New_York",
            "03:00",
            "2024-03-10",
        ),
        (
            "2024-11-03T06:30:00Z",
            "America/New_York",
            "02:00",
            "2024-11-02",
        ),
        (
            "2018-11-04T03:00:00Z",
            "America/Sao_Paulo",
            "00:00",
            "2018-11-04",
        ),
        (
            "2018-11-04T03:30:00Z",
            "America/Sao_Paulo",
            "01:30",
            "2018-11-04",
        ),
        ("2022-10-29T21:00:00Z", "Asia/Beirut", "00:00", "2022-10-29"),
        (
            "2023-09-30T15:30:00Z",
            "Australia/Lord_Howe",
            "00:00",
            "2023-10-01",
        ),
        (
            "2011-12-30T09:59:59Z",
            "Pacific/Apia",
            "00:00",
            "2011-12-29",
        ),
        (
            "2011-12-30T10:00:00Z",
            "Pacific/Apia",
            "00:00",
            "2011-12-31",
        ),
        (
            "2024-01-01T10:00:00Z",
            "Pacific/Kiritimati",
            "00:00",
            "2024-01-02",
        ),
        (
            "0001-01-03T00:00:00Z",
            "Pacific/Honolulu",
            "12:00",
            "0001-01-02",
        ),
    ] {
        check(instant, zone, day_start, expected);
    }
}
