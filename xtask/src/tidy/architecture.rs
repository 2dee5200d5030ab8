//! Rule: ARCHITECTURE.md has a section with an invariant for every crate, and none for other crates.

use super::Violation;
use super::facts::{File, Member};

const PAGE: &str = "ARCHITECTURE.md";
const INVARIANT: &str = "**Invariant:**";

/// Checks the page. The rule `required` reports a missing page.
pub(super) fn check(members: &[Member], files: &[File]) -> Vec<Violation> {
    let Some(page) = files.iter().find(|file| file.path == PAGE) else {
        return Vec::new();
    };
    let sections = sections(&page.text);
    let mut violations = Vec::new();
    for name in members.iter().map(Member::folder_name) {
        match sections.iter().find(|section| section.name == name) {
            None => violations.push(format!(
                "has no section for {name}; add a heading \"### `{name}`\" and its purpose"
            )),
            Some(section) if !section.names_invariant => violations.push(format!(
                "has no invariant for {name}; end its section with `{INVARIANT}` and what the crate never contains"
            )),
            Some(_) => {}
        }
    }
    for Section { name, .. } in &sections {
        let is_member = members.iter().any(|member| member.folder_name() == *name);
        if name.starts_with("kanso-") && !is_member {
            violations.push(format!(
                "has a section for {name}, which is not a crate of the workspace; remove it"
            ));
        }
    }
    violations
        .into_iter()
        .map(|what| Violation::new(PAGE, what))
        .collect()
}

struct Section<'a> {
    name: &'a str,
    names_invariant: bool,
}

/// Returns the sections about crates. A section ends at the next heading of the same or a higher level.
fn sections(page: &str) -> Vec<Section<'_>> {
    let mut sections: Vec<Section<'_>> = Vec::new();
    let mut in_section = false;
    let mut in_code = false;
    for line in page.lines() {
        // A comment of a shell example begins like a heading.
        in_code ^= line.starts_with("```");
        if !in_code
            && ["# ", "## ", "### "]
                .iter()
                .any(|rank| line.starts_with(rank))
        {
            let name = crate_of_heading(line);
            in_section = name.is_some();
            sections.extend(name.map(|name| Section {
                name,
                names_invariant: false,
            }));
        } else if in_section && let Some(section) = sections.last_mut() {
            section.names_invariant |= line.contains(INVARIANT);
        }
    }
    sections
}

fn crate_of_heading(line: &str) -> Option<&str> {
    let (name, _) = line.strip_prefix("### `")?.split_once('`')?;
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::super::facts::build::{file, member, member_in};
    use super::*;

    fn violations(page: &str) -> Vec<String> {
        let members = [member("kanso-domain", &[]), member_in("kanso-bench")];
        check(&members, &[file(PAGE, page)])
            .into_iter()
            .map(|violation| violation.what)
            .collect()
    }

    const DOMAIN: &str = "### `kanso-domain`\n\nRules.\n\n**Invariant:** no I/O.\n\n";
    const BENCH: &str = "### `kanso-bench`: the load\n\nLoad. **Invariant:** no crate of ours.\n\n";

    #[test]
    fn a_complete_page_passes() {
        assert_eq!(
            violations(&format!("# Map\n\n{DOMAIN}{BENCH}## Ways\n")),
            Vec::<String>::new()
        );
    }

    #[test]
    fn a_crate_without_a_section_is_refused() {
        let refused = violations(DOMAIN);
        assert_eq!(refused.len(), 1);
        assert!(
            refused[0].starts_with("has no section for kanso-bench;"),
            "{refused:?}"
        );
    }

    #[test]
    fn a_section_without_an_invariant_is_refused() {
        let refused = violations(&format!("### `kanso-domain`\n\nRules.\n\n{BENCH}"));
        assert_eq!(refused.len(), 1);
        assert!(
            refused[0].starts_with("has no invariant for kanso-domain;"),
            "{refused:?}"
        );
    }

    #[test]
    fn an_invariant_of_another_section_does_not_count() {
        let refused = violations(&format!(
            "{BENCH}### `kanso-domain`\n\n## Ways\n\n{INVARIANT}\n"
        ));
        assert_eq!(refused.len(), 1);
    }

    #[test]
    fn section_for_an_unknown_crate_is_refused() {
        let refused = violations(&format!("{DOMAIN}{BENCH}### `kanso-gone`\n"));
        assert_eq!(refused.len(), 1);
        assert!(
            refused[0].starts_with("has a section for kanso-gone,"),
            "{refused:?}"
        );
    }

    #[test]
    fn a_heading_in_a_code_block_is_text() {
        let page = format!("{DOMAIN}{BENCH}```\n### `kanso-gone`\n```\n");
        assert_eq!(violations(&page), Vec::<String>::new());
    }
}
