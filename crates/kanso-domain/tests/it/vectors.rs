//! Cases of other projects' test suites; see `tests/vectors/README.md`.

mod days;
mod progress;

use serde_json::Value;

const VECTORS: &str = include_str!("../vectors/habits.json");

/// Kinds of case that this crate does not run, with the reason.
const ELSEWHERE: [(&str, &str); 2] = [
    ("import_fact", "files of other apps: the client's importer"),
    (
        "import_frequency",
        "Loop's frequencies: the client's importer",
    ),
];

/// Cases whose schedule Kanso does not have.
const NOT_OURS: [(&str, &str); 2] = [
    ("habitica-next-monthly3", "there is no monthly schedule"),
    (
        "loop-week-wednesday-2015-01-07",
        "weeks begin on Saturday, Sunday or Monday",
    ),
];

#[test]
fn every_vector_gives_its_answer() {
    let file: Value = serde_json::from_str(VECTORS).expect("the vectors are JSON");
    let vectors = file["vectors"].as_array().expect("a list of vectors");
    let mut failures = Vec::new();
    let mut run = 0;
    for vector in vectors {
        let (id, kind) = (text(&vector["id"]), text(&vector["kind"]));
        let is_elsewhere = ELSEWHERE.iter().any(|(name, _)| *name == kind);
        if is_elsewhere || NOT_OURS.iter().any(|(name, _)| *name == id) {
            continue;
        }
        run += 1;
        let answer = days::answer(kind, vector).or_else(|| progress::answer(kind, vector));
        match answer {
            None => failures.push(format!("{id}: no test for kind {kind}")),
            Some(Err(difference)) => failures.push(format!("{id}: {difference}")),
            Some(Ok(())) => {}
        }
    }
    assert!(
        failures.is_empty(),
        "{} of {run} vectors fail:\n{}",
        failures.len(),
        failures.join("\n")
    );
    assert!(run >= 70, "only {run} vectors were run");
}

/// The result of a case: nothing, or the difference.
type Answer = Result<(), String>;

fn same<T: PartialEq + std::fmt::Debug>(ours: &T, expected: &T) -> Answer {
    if ours == expected {
        Ok(())
    } else {
        Err(format!("{ours:?}, expected {expected:?}"))
    }
}

fn close(ours: f64, expected: &Value, tolerance: &Value) -> Answer {
    let (expected, tolerance) = (number(expected), tolerance.as_f64().unwrap_or(1e-6));
    if (ours - expected).abs() <= tolerance {
        Ok(())
    } else {
        Err(format!("{ours}, expected {expected}"))
    }
}

/// Returns the expected answer under our rules.
fn expected(vector: &Value) -> &Value {
    if vector["semantics_vs_ours"] == "differs" {
        &vector["expected_ours"]
    } else {
        &vector["expected"]
    }
}

fn text(value: &Value) -> &str {
    value
        .as_str()
        .unwrap_or_else(|| panic!("{value} is not a text"))
}

fn number(value: &Value) -> f64 {
    value
        .as_f64()
        .unwrap_or_else(|| panic!("{value} is not a number"))
}

fn list(value: &Value) -> &[Value] {
    value
        .as_array()
        .unwrap_or_else(|| panic!("{value} is not a list"))
}

fn parse<T: std::str::FromStr<Err: std::fmt::Debug>>(value: &Value) -> T {
    text(value)
        .parse()
        .unwrap_or_else(|error| panic!("{value}: {error:?}"))
}
