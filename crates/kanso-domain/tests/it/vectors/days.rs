//! Kinds about instants, days and weeks.

use jiff::ToSpan as _;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use kanso_domain::calendar::{DayNumber, day_begins, local_day, week_begins};
use kanso_domain::{DayStart, Timestamp, WeekStart, Zone};
use serde_json::Value;

use super::{Answer, close, expected, list, number, parse, same, text};

pub(super) fn answer(kind: &str, vector: &Value) -> Option<Answer> {
    Some(match kind {
        "local_day" => same(&day(vector, &vector["instant"]), &parse(expected(vector))),
        "local_day_table" => all(list(expected(vector)), |case| {
            same(
                &day(case, &case["instant"]),
                &parse(&case["wall_clock_rule"]),
            )
        }),
        "local_day_grid" => grid(&vector["inputs"]),
        "instant_to_local" => instant_to_local(vector),
        "day_start_instant" => {
            let begins = begins(parse(&vector["inputs"]["date"]), &zone(&vector["zone"]));
            let expected: jiff::Timestamp = parse(expected(vector));
            same(&begins.to_jiff(), &expected)
        }
        "day_length_hours" => all(list(expected(vector)), day_length),
        "days_missed" => days_missed(vector),
        "days_between" => days_between(vector),
        "is_first_day_of_week" => {
            let day = DayNumber::of(day(vector, &vector["instant"]));
            same(
                &(week_begins(day, WeekStart::Monday) == day),
                &(expected(vector) == true),
            )
        }
        "week_start" => all(list(&vector["inputs"]), |date| {
            let day = DayNumber::of(parse(date));
            let begins = week_begins(day, parse(&vector["first_weekday"]));
            same(&begins.date(), &parse(expected(vector)))
        }),
        "until_next_day" => until_next_day(vector),
        _ => return None,
    })
}

fn all(cases: &[Value], check: impl Fn(&Value) -> Answer) -> Answer {
    cases
        .iter()
        .try_for_each(|case| check(case).map_err(|error| format!("{case}: {error}")))
}

/// Returns a zone by name. An offset in whole hours has a name in the database, with the opposite
/// sign.
fn zone(name: &Value) -> Zone {
    let name = text(name);
    match name
        .strip_suffix(":00")
        .and_then(|hours| hours.parse::<i8>().ok())
    {
        Some(0) => Zone::utc(),
        Some(hours) => format!("Etc/GMT{:+}", -hours)
            .parse()
            .expect("an offset zone"),
        None => name
            .parse()
            .unwrap_or_else(|_| panic!("{name} is not a zone")),
    }
}

fn day_start(case: &Value) -> DayStart {
    case["day_start"]
        .as_str()
        .map_or(DayStart::MIDNIGHT, |text| text.parse().expect("a time"))
}

fn day(case: &Value, instant: &Value) -> Date {
    local_day(parse(instant), &zone(&case["zone"]), day_start(case))
}

fn begins(date: Date, zone: &Zone) -> Timestamp {
    day_begins(date, zone, DayStart::MIDNIGHT)
}

fn utc(wall: DateTime) -> Timestamp {
    let instant = TimeZone::UTC.to_timestamp(wall).expect("in range");
    Timestamp::from_jiff(instant).expect("in range")
}

fn grid(inputs: &Value) -> Answer {
    let epoch = jiff::civil::date(2024, 1, 10);
    let integer = |value: &Value| i8::try_from(value.as_i64().expect("an integer")).expect("small");
    for offset in list(&inputs["days"]).iter().map(integer) {
        for hour in list(&inputs["hours"]).iter().map(integer) {
            for rollover in list(&inputs["rollovers"]).iter().map(integer) {
                // Our days begin at noon at the latest, so a later rollover is skipped.
                let Ok(day_start) = format!("{rollover:02}:00").parse::<DayStart>() else {
                    continue;
                };
                let date = epoch.saturating_add(i64::from(offset).days());
                let ours = local_day(utc(date.at(hour, 0, 0, 0)), &Zone::utc(), day_start);
                let back = i64::from(hour < rollover);
                same(&ours, &date.saturating_sub(back.days()))?;
            }
        }
    }
    Ok(())
}

fn instant_to_local(vector: &Value) -> Answer {
    let instant: Timestamp = parse(&vector["instant"]);
    let wall = zone(&vector["zone"]).rules().to_datetime(instant.to_jiff());
    let expected = expected(vector);
    same(&wall.time(), &parse(&expected["time"]))?;
    same(&day(vector, &vector["instant"]), &parse(&expected["date"]))
}

fn day_length(case: &Value) -> Answer {
    let (date, zone): (Date, Zone) = (parse(&case["date"]), zone(&case["zone"]));
    let next = begins(date.saturating_add(1.day()), &zone);
    let seconds = next.seconds_since(begins(date, &zone));
    let hours = f64::from(i32::try_from(seconds).expect("a day")) / 3_600.0;
    close(hours, &case["hours"], &Value::Null)
}

fn days_missed(vector: &Value) -> Answer {
    let inputs = &vector["inputs"];
    let at_last = if inputs["zone_at_last"].is_null() {
        "zone"
    } else {
        "zone_at_last"
    };
    let start = day_start(inputs);
    let last = local_day(parse(&inputs["last"]), &zone(&inputs[at_last]), start);
    let now = local_day(parse(&inputs["now"]), &zone(&inputs["zone"]), start);
    let missed = DayNumber::of(now).days_since(DayNumber::of(last));
    same(&f64::from(missed), &number(expected(vector)))
}

fn days_between(vector: &Value) -> Answer {
    let inputs = &vector["inputs"];
    let today = jiff::civil::date(2024, 6, 15);
    let day = |value: &Value| {
        let (day, time) = text(value).split_once(' ').expect("a day and a time");
        let back = day
            .strip_prefix("T-")
            .and_then(|back| back.strip_suffix('d'))
            .unwrap_or("0");
        let date = today.saturating_sub(back.parse::<i64>().expect("days").days());
        let wall = date.to_datetime(time.parse().expect("a time"));
        DayNumber::of(local_day(utc(wall), &Zone::utc(), day_start(inputs)))
    };
    let between = day(&inputs["to"]).days_since(day(&inputs["from"]));
    same(&f64::from(between), &number(expected(vector)))
}

fn until_next_day(vector: &Value) -> Answer {
    let zone = zone(&vector["zone"]);
    for (case, expected) in list(&vector["inputs"]).iter().zip(list(expected(vector))) {
        let now = utc(parse(&case["local"]));
        let start = day_start(case);
        let tomorrow = local_day(now, &zone, start).saturating_add(1.day());
        let left = day_begins(tomorrow, &zone, start).seconds_since(now);
        let expected: jiff::Span = parse(expected);
        let expected = expected
            .total(jiff::Unit::Second)
            .expect("hours and minutes");
        same(&f64::from(i32::try_from(left).expect("a day")), &expected)?;
    }
    Ok(())
}
