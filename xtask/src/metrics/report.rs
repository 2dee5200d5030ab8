//! The figures over all files, as a table.

use std::fmt;

use super::source::Source;
use crate::tidy::Figures;

const LONG_FUNCTION: usize = 60;
const LONG_FILE: usize = 300;

/// Rows of the table, and the files and functions that are too long.
pub(super) struct Report {
    rows: Vec<Row>,
    long: Vec<String>,
}

#[derive(Clone)]
struct Row {
    what: &'static str,
    value: String,
    wanted: &'static str,
}

impl Report {
    pub(super) fn new(sources: &[Source], prose: &Figures) -> Self {
        Self {
            rows: [size_rows(sources), prose_rows(prose)].concat(),
            long: [
                long_files(&outside_of_tests(sources)),
                long_functions(sources),
            ]
            .concat(),
        }
    }
}

fn outside_of_tests(sources: &[Source]) -> Vec<&Source> {
    sources.iter().filter(|source| !source.is_test()).collect()
}

fn row(what: &'static str, value: String, wanted: &'static str) -> Row {
    Row {
        what,
        value,
        wanted,
    }
}

fn size_rows(sources: &[Source]) -> Vec<Row> {
    let code = outside_of_tests(sources);
    let mut sizes: Vec<_> = code.iter().map(|source| source.lines).collect();
    sizes.sort_unstable();
    let code_lines: usize = sources.iter().map(|source| source.code_lines).sum();
    let test_lines: usize = sources.iter().map(|source| source.test_lines).sum();
    let functions: usize = sources.iter().map(|source| source.functions.len()).sum();
    let long_functions = long_functions(sources);
    let unwraps: usize = sources.iter().map(|source| source.unwraps).sum();
    let expects: usize = sources.iter().map(|source| source.expects).sum();
    vec![
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
    ]
}

fn prose_rows(prose: &Figures) -> Vec<Row> {
    let per_1000 = |count| ratio(count, prose.words, 1000);
    let mut rows = vec![
        row(
            "plain comment lines, %",
            ratio(prose.plain_comment_lines, prose.product_lines, 100),
            "3 to 5",
        ),
        row("doc comments", prose.doc_comments.to_string(), ""),
        row(
            "  with a refused opening",
            prose.refused_openings.to_string(),
            "0",
        ),
        row("words of comments", prose.words.to_string(), ""),
        row("  'what' per 1000", per_1000(prose.what), "<= 3"),
        row(
            "  'somebody' etc. per 1000",
            per_1000(prose.unnamed_actors),
            "<= 0.2",
        ),
        row(
            "names of several types",
            prose.shared_names.to_string(),
            "<= 20",
        ),
    ];
    let examples = prose.examples.iter();
    let total: usize = examples.clone().map(|(_, count)| count).sum();
    rows.push(row("rustdoc examples that run", total.to_string(), ""));
    rows.extend(examples.map(|(name, count)| row(name, count.to_string(), "")));
    rows
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

/// Returns the percentile of sorted values by the nearest-rank method, so it is a value that occurs. 0 if
/// there are none.
fn percentile(sorted: &[usize], percent: usize) -> usize {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or(0)
}

/// Returns `scale * part / whole` with two decimals, or a dash if `whole` is 0.
fn ratio(part: usize, whole: usize, scale: usize) -> String {
    // Integers: half of the divisor rounds to the nearest, and the output is the same on every machine.
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
    fn long_files_and_functions_are_named() {
        let body = "    let _ = 1;\n".repeat(310);
        let text = format!("fn long() {{\n{body}}}\nfn short() {{}}\n");
        let sources = [Source::parse("a/src/lib.rs", &text).unwrap()];
        let printed = Report::new(&sources, &Figures::default()).to_string();
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

    #[test]
    fn prose_figures_are_printed() {
        let prose = Figures {
            product_lines: 200,
            plain_comment_lines: 8,
            words: 2_000,
            what: 5,
            examples: vec![("kanso-domain", 3), ("kanso-client", 4)],
            ..Figures::default()
        };
        let printed = Report::new(&[], &prose).to_string();
        for expected in [
            "plain comment lines, %          4.00   3 to 5\n",
            "  'what' per 1000               2.50   <= 3\n",
            "rustdoc examples that run          7\n",
        ] {
            assert!(printed.contains(expected), "{printed}");
        }
    }
}
