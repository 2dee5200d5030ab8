//! The pages name the number of cases that the kit has.

use kanso_conformance::catalogue;

const PAGES: [(&str, &str); 2] = [
    ("README.md", include_str!("../../../../README.md")),
    (
        "docs/verification.md",
        include_str!("../../../../docs/verification.md"),
    ),
];

/// Returns the numbers directly before this word. A comma separates thousands; markup around the
/// number is ignored.
fn numbers_before(word: &str, text: &str) -> Vec<usize> {
    let is_markup = |c: char| !c.is_alphanumeric();
    let words: Vec<_> = text.split_whitespace().collect();
    let pairs = words.windows(2);
    let pairs = pairs.filter(|pair| pair[1].trim_matches(is_markup) == word);
    pairs
        .filter_map(|pair| {
            let number = pair[0].trim_matches(is_markup).replace(',', "");
            number.parse().ok()
        })
        .collect()
}

/// Returns the lines that speak of the kit, each with the name of its page.
fn lines_about_the_kit() -> Vec<(&'static str, &'static str)> {
    let lines = PAGES
        .iter()
        .flat_map(|(page, text)| text.lines().map(move |line| (*page, line)));
    lines
        .filter(|(_, line)| line.contains("conformance"))
        .collect()
}

#[test]
fn pages_name_the_number_of_promises() {
    let expected = catalogue().len();
    let mut found = 0;
    for (page, text) in PAGES {
        for number in numbers_before("promises", text) {
            assert_eq!(number, expected, "{page} says {number} promises");
            found += 1;
        }
    }
    // Without this a page that words it differently would leave nothing to compare.
    assert!(found > 0, "no page names the number of promises");
}

#[test]
fn lines_about_the_kit_name_the_number_of_cases() {
    let expected = catalogue().len();
    for (page, line) in lines_about_the_kit() {
        for number in numbers_before("cases", line) {
            assert_eq!(number, expected, "{page} says {number} cases: {line}");
        }
    }
}

#[test]
fn number_is_read_before_the_word_only() {
    let text = "The kit has **1,054 promises**; 3 seeds, many promises and 7\npromises.";
    assert_eq!(numbers_before("promises", text), [1054, 7]);
    assert_eq!(numbers_before("cases", text), [0_usize; 0]);
}
