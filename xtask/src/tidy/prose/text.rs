//! Finds the prose in a file: comments, string literals, and the text of Markdown.

use proc_macro2::{TokenStream, TokenTree};

/// A comment, a string literal or a paragraph.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::tidy) struct Passage {
    pub(in crate::tidy) kind: Kind,
    /// Numbered lines, without comment markers.
    pub(in crate::tidy) lines: Vec<(usize, String)>,
}

/// Kind of a passage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::tidy) enum Kind {
    /// A doc comment of Rust.
    Doc,
    /// Any other comment.
    Comment,
    /// A string literal of Rust.
    Literal,
    /// A paragraph, list item or table row of Markdown.
    Prose,
}

/// Returns the passages of a file. The extension decides how it is read; other files have none.
pub(in crate::tidy) fn passages(path: &str, text: &str) -> Vec<Passage> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let ending = name.rsplit_once('.').map_or(name, |(_, ending)| ending);
    match ending {
        "rs" => {
            let mut passages = comments(text, "//");
            passages.extend(literals(text));
            passages
        }
        "sql" | "lua" => comments(text, "--"),
        "sh" | "toml" | "yml" | "yaml" | "conf" | "service" | "Dockerfile" => comments(text, "#"),
        "md" => markdown(text),
        _ => Vec::new(),
    }
}

/// Returns the comments that begin a line. Adjacent lines of one kind are one passage.
fn comments(text: &str, marker: &str) -> Vec<Passage> {
    let mut passages: Vec<Passage> = Vec::new();
    let mut previous = None;
    for (index, line) in text.lines().enumerate() {
        let comment = line.trim_start().strip_prefix(marker);
        let found = comment.map(|rest| match marker {
            "//" if rest.starts_with(['/', '!']) => (Kind::Doc, &rest[1..]),
            _ => (Kind::Comment, rest),
        });
        let Some((kind, rest)) = found else {
            previous = None;
            continue;
        };
        let numbered = (index + 1, without_code(rest));
        match passages.last_mut() {
            Some(last) if previous == Some(kind) => last.lines.push(numbered),
            _ => passages.push(Passage {
                kind,
                lines: vec![numbered],
            }),
        }
        previous = Some(kind);
    }
    passages
}

/// Returns the string literals with at least three words; a shorter one is a name or a value. Invalid Rust
/// has none.
fn literals(text: &str) -> Vec<Passage> {
    let lines: Vec<_> = text.lines().collect();
    let mut passages = Vec::new();
    if let Ok(tokens) = text.parse::<TokenStream>() {
        collect_literals(tokens, &lines, &mut passages);
    }
    passages
}

fn collect_literals(tokens: TokenStream, lines: &[&str], passages: &mut Vec<Passage>) {
    for token in tokens {
        match token {
            TokenTree::Group(group) => collect_literals(group.stream(), lines, passages),
            TokenTree::Literal(literal) => {
                let line = literal.span().start().line;
                // The parser turns a doc comment into an attribute with a literal, which `comments` has read.
                let is_comment = lines
                    .get(line.saturating_sub(1))
                    .is_some_and(|line| line.trim_start().starts_with("//"));
                let written = literal.to_string();
                let is_text = written.starts_with(['"', 'r']) && written.ends_with(['"', '#']);
                if !is_comment && is_text && written.split_whitespace().count() > 2 {
                    passages.push(Passage {
                        kind: Kind::Literal,
                        lines: vec![(line, without_code(&written))],
                    });
                }
            }
            TokenTree::Ident(_) | TokenTree::Punct(_) => {}
        }
    }
}

/// Returns the paragraphs outside of code blocks. A blank line ends a passage.
fn markdown(text: &str) -> Vec<Passage> {
    let mut passages = Vec::new();
    let mut lines = Vec::new();
    let mut in_code = false;
    for (index, line) in text.lines().enumerate() {
        let is_fence = line.trim_start().starts_with("```");
        in_code ^= is_fence;
        if in_code || is_fence || line.trim().is_empty() {
            end_passage(&mut lines, &mut passages);
        } else {
            lines.push((index + 1, without_code(line)));
        }
    }
    end_passage(&mut lines, &mut passages);
    passages
}

fn end_passage(lines: &mut Vec<(usize, String)>, passages: &mut Vec<Passage>) {
    if !lines.is_empty() {
        passages.push(Passage {
            kind: Kind::Prose,
            lines: std::mem::take(lines),
        });
    }
}

/// Returns the line with `·` for code in backticks and without the addresses of links.
pub(in crate::tidy) fn without_code(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    for (index, piece) in line.split('`').enumerate() {
        text.push_str(if index % 2 == 0 { piece } else { "·" });
    }
    while let Some(start) = text.find("](") {
        let rest = &text[start + 2..];
        // An address may continue on the next line; then the rest of this line belongs to it.
        let end = rest.find(')').map_or(text.len(), |end| start + 3 + end);
        text.replace_range(start..end, "]");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(path: &str, text: &str) -> Vec<(Kind, usize, String)> {
        let joined = |passage: Passage| {
            let words: Vec<_> = passage.lines.iter().map(|(_, line)| line.trim()).collect();
            (passage.kind, passage.lines[0].0, words.join(" "))
        };
        passages(path, text).into_iter().map(joined).collect()
    }

    #[test]
    fn rust_has_comments_and_literals() {
        let text = "//! Crate.\n//! More.\n\n/// Item `code`.\nfn f() {\n    // Why.\n    log(\"one two three\");\n    log(\"short\");\n}\n";
        let expected = [
            (Kind::Doc, 1, "Crate. More.".to_owned()),
            (Kind::Doc, 4, "Item ·.".to_owned()),
            (Kind::Comment, 6, "Why.".to_owned()),
            (Kind::Literal, 7, "\"one two three\"".to_owned()),
        ];
        assert_eq!(texts("a.rs", text), expected);
    }

    #[test]
    fn markdown_has_paragraphs_outside_of_code() {
        let text =
            "# Title\n\nOne\ntwo [link](https://somebody.example).\n\n```sh\nsomebody\n```\n";
        let expected = [
            (Kind::Prose, 1, "# Title".to_owned()),
            (Kind::Prose, 3, "One two [link].".to_owned()),
        ];
        assert_eq!(texts("a.md", text), expected);
    }

    #[test]
    fn other_files_have_comments_or_nothing() {
        assert_eq!(texts("deploy/Dockerfile", "# Why\nRUN x\n").len(), 1);
        assert_eq!(texts("a.sql", "-- Why\nSELECT 1\n").len(), 1);
        assert_eq!(texts("a.json", "{}\n"), []);
    }
}
