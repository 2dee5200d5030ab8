//! The figures over all files, as a table.

use std::fmt;

use super::source::Source;

const LONG_FUNCTION: usize = 60;
const LONG_FILE: usize = 300;

/// The table's rows and what is longer than it should be.
pub(super) struct Report {
    rows: Vec<Row>,
    long: Vec<String>,
}

struct Row {
    what: &'static str,
    value: String,
    wanted: &'static str,
}

impl Report {
    pub(super) fn new(sources: &[Source]) -> Self {
        let code: Vec<_> = sources.iter().filter(|source| !source.is_test()).collect();
        let mut sizes: Vec<_> = code.iter().map(|source| source.lines).collect();
        sizes.sort_unstable();
        let code_lines: usize = sources.iter().map(|source| source.code_lines).sum();
        let test_lines: usize = sources.iter().map(|source| source.test_lines).sum();
        let functions: usize = sources.iter().map(|source| source.functions.len()).sum();
        let long_functions = long_functions(sources);
        let unwraps: usize = sources.iter().map(|source| source.unwraps).sum();
        let expects: usize = sources.iter().map(|source| source.expects).sum();
        let row = |what, value, wanted| Row {
            what,
            value,
            wanted,
        };
        let rows = vec![
            row("files outside of tests", code.len().to_string(), ""),
            row(
                "  lines, median",
                percentile(&sizes, 50).to_string(),
                "<= 100",
            ),
            row("  lines, p90", percentile(&sizes, 90).to_string(), "<= 250"),
            row(
                "  lines, longest",
                percentile(&sizes, 100).to_string(),
                "<= 500",
            ),
            row("lines of code", code_lines.to_string(), ""),
            row("lines of tests", test_lines.to_string(), ""),
            row(
                "  tests : code",
                ratio(test_lines, code_lines, 1),
                "0.9 to 1.4",
            ),
            row("functions outside of tests", functions.to_string(), ""),
            row(
                "  over 60 lines, %",
                ratio(long_functions.len(), functions, 100),
                "<= 1",
            ),
            row(".unwrap() outside of tests", unwraps.to_string(), "0"),
            row(".expect() outside of tests", expects.to_string(), ""),
            row(
                "  per 1000 lines of code",
                ratio(expects, code_lines, 1000),
                "<= 1",
            ),
        ];
        Self {
            rows,
            long: [long_files(&code), long_functions].concat(),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Row {
            what,
            value,
            wanted,
        } in &self.rows
        {
            let line = format!("{what:<28}{value:>8}   {wanted}");
            writeln!(f, "{}", line.trim_end())?;
        }
        for line in &self.long {
            writeln!(f, "{line}")?;
        }
        Ok(())
    }
}

fn long_files(code: &[&Source]) -> Vec<String> {
    let long = code.iter().filter(|source| source.lines > LONG_FILE);
    long.map(|source| format!("{}: has {} lines", source.path, source.lines))
        .collect()
}

fn long_functions(sources: &[Source]) -> Vec<String> {
    let mut long = Vec::new();
    for source in sources {
        for function in source
            .functions
            .iter()
            .filter(|function| function.lines > LONG_FUNCTION)
        {
            let place = format!("{}:{}", source.path, function.line);
            long.push(format!(
                "{place}: {} has {} lines",
                function.name, function.lines
            ));
        }
    }
    long
}

/// The smallest value that is not below this share of all; 0 when there are none. Takes them sorted.
fn percentile(sorted: &[usize], percent: usize) -> usize {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or(0)
}

/// `scale * part / whole` with two decimals, or a dash when there is no whole.
fn ratio(part: usize, whole: usize, scale: usize) -> String {
    match (part * scale * 100 + whole / 2).checked_div(whole) {
        None => "-".to_owned(),
        Some(hundredths) => format!("{}.{:02}", hundredths / 100, hundredths % 100),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occur() {
        let sizes = [10, 20, 30, 40, 50, 60, 70, 80, 90, 500];
        let cases = [(50, 50), (90, 90), (91, 500), (100, 500)];
        for (percent, expected) in cases {
            assert_eq!(percentile(&sizes, percent), expected, "p{percent}");
        }
        assert_eq!(percentile(&[7], 50), 7);
        assert_eq!(percentile(&[], 50), 0);
    }

    #[test]
    fn ratios_are_rounded() {
        assert_eq!(ratio(2, 3, 1), "0.67");
        assert_eq!(ratio(1, 200, 100), "0.50");
        assert_eq!(ratio(3, 0, 1), "-");
    }

    #[test]
    fn long_things_are_named() {
        let body = "    let _ = 1;\n".repeat(310);
        let text = format!("fn long() {{\n{body}}}\nfn short() {{}}\n");
        let sources = [Source::parse("a/src/lib.rs", &text).unwrap()];
        let printed = Report::new(&sources).to_string();
        assert!(
            printed.contains("a/src/lib.rs: has 313 lines\n"),
            "{printed}"
        );
        assert!(
            printed.contains("a/src/lib.rs:1: long has 312 lines\n"),
            "{printed}"
        );
        assert!(!printed.contains("short"), "{printed}");
        let share = printed
            .lines()
            .find(|line| line.contains("over 60 lines"))
            .unwrap();
        assert!(share.contains("50.00"), "{share}");
    }
}
