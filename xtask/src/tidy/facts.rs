//! The input of the rules: the members of the workspace and the files that git knows.

use std::fs;

use anyhow::Context;
use cargo_metadata::{DependencyKind, MetadataCommand, Package, Target, TargetKind};

use crate::process::{command, output, root};

/// The parts of the repository that the rules check.
pub(super) struct Facts {
    pub(super) members: Vec<Member>,
    pub(super) files: Vec<File>,
}

/// A crate of the workspace.
#[derive(Debug, Default)]
pub(super) struct Member {
    pub(super) name: String,
    /// The folder, from the repository's root.
    pub(super) folder: String,
    /// The text of its Cargo.toml.
    pub(super) manifest: String,
    pub(super) dependencies: Vec<Dependency>,
    pub(super) roots: Vec<Root>,
}

/// A dependency in a manifest.
#[derive(Debug)]
pub(super) struct Dependency {
    pub(super) name: String,
    /// True for a dev-dependency.
    pub(super) only_in_tests: bool,
}

/// Root file of a library or a program.
#[derive(Debug)]
pub(super) struct Root {
    pub(super) path: String,
    pub(super) is_library: bool,
}

/// A text file that git tracks or does not ignore.
#[derive(Debug)]
pub(super) struct File {
    /// Path from the repository's root, with `/` as separator.
    pub(super) path: String,
    pub(super) text: String,
}

impl File {
    /// True if the file's name ends with this extension, which has no dot.
    pub(super) fn has_extension(&self, extension: &str) -> bool {
        std::path::Path::new(&self.path)
            .extension()
            .is_some_and(|found| found == extension)
    }
}

impl Facts {
    /// Reads the workspace from cargo, the list of files from git, and every text file.
    ///
    /// # Errors
    /// Cargo or git fails, or a file cannot be read.
    pub(super) fn read() -> anyhow::Result<Self> {
        Ok(Self {
            members: members()?,
            files: files()?,
        })
    }
}

impl Member {
    pub(super) fn manifest_path(&self) -> String {
        format!("{}/Cargo.toml", self.folder)
    }

    /// Returns the last part of the folder, which is the name of the crate in the pages.
    pub(super) fn folder_name(&self) -> &str {
        self.folder.rsplit('/').next().unwrap_or(&self.folder)
    }
}

fn members() -> anyhow::Result<Vec<Member>> {
    let metadata = MetadataCommand::new()
        .current_dir(root())
        .no_deps()
        .exec()
        .context("cannot ask cargo for the workspace")?;
    metadata
        .workspace_packages()
        .into_iter()
        .map(member)
        .collect()
}

fn member(package: &Package) -> anyhow::Result<Member> {
    let folder = package
        .manifest_path
        .parent()
        .context("a manifest is in a folder")?;
    let dependencies = package.dependencies.iter().map(|dependency| Dependency {
        name: dependency.name.clone(),
        only_in_tests: dependency.kind == DependencyKind::Development,
    });
    let roots = package.targets.iter().filter_map(crate_root);
    Ok(Member {
        name: package.name.to_string(),
        folder: from_root(folder.as_str()),
        manifest: fs::read_to_string(&package.manifest_path)
            .with_context(|| format!("cannot read {}", package.manifest_path))?,
        dependencies: dependencies.collect(),
        roots: roots.collect(),
    })
}

/// Returns the root of a library or a program. Tests, benches, examples and build scripts have none.
fn crate_root(target: &Target) -> Option<Root> {
    let is_library = target.kind.contains(&TargetKind::Lib);
    let is_program = target.kind.contains(&TargetKind::Bin);
    (is_library || is_program).then(|| Root {
        path: from_root(target.src_path.as_str()),
        is_library,
    })
}

fn from_root(path: &str) -> String {
    let root = root().to_string_lossy();
    let relative = path.strip_prefix(root.as_ref()).unwrap_or(path);
    relative.trim_start_matches(['/', '\\']).replace('\\', "/")
}

pub(super) fn files() -> anyhow::Result<Vec<File>> {
    let listed = output(command("git").args([
        "ls-files",
        "--cached",
        // New files too, so that a violation is found before `git add`.
        "--others",
        "--exclude-standard",
        // During a merge git lists a file with conflicts once for each side.
        "--deduplicate",
        // Without it git quotes names with unusual characters.
        "-z",
    ]))
    .context("cannot ask git which files there are")?;
    let listed = String::from_utf8(listed).context("a file's name is not UTF-8")?;
    let mut files = Vec::new();
    for path in listed.split_terminator('\0') {
        let on_disk = root().join(path);
        // The file was deleted without a commit, or it is a link to a folder.
        if !on_disk.is_file() {
            continue;
        }
        let bytes = fs::read(&on_disk).with_context(|| format!("cannot read {path}"))?;
        // A binary file has no lines to check.
        if let Ok(text) = String::from_utf8(bytes) {
            files.push(File {
                path: path.to_owned(),
                text,
            });
        }
    }
    Ok(files)
}

#[cfg(test)]
pub(super) mod build {
    //! Builds small repositories for the tests of the rules.

    use super::{Dependency, File, Member, Root};

    pub(in crate::tidy) fn file(path: &str, text: &str) -> File {
        File {
            path: path.to_owned(),
            text: text.to_owned(),
        }
    }

    /// Returns a crate in crates/ with these dependencies. The prefix `dev:` marks a dev-dependency.
    pub(in crate::tidy) fn member(name: &str, dependencies: &[&str]) -> Member {
        let dependencies = dependencies.iter().map(|line| {
            let in_tests = line.strip_prefix("dev:");
            Dependency {
                name: in_tests.unwrap_or(line).to_owned(),
                only_in_tests: in_tests.is_some(),
            }
        });
        Member {
            name: name.to_owned(),
            folder: format!("crates/{name}"),
            dependencies: dependencies.collect(),
            ..Member::default()
        }
    }

    pub(in crate::tidy) fn member_in(folder: &str) -> Member {
        Member {
            name: folder.to_owned(),
            folder: folder.to_owned(),
            ..Member::default()
        }
    }

    pub(in crate::tidy) fn with_root(mut member: Member, path: &str, is_library: bool) -> Member {
        member.roots.push(Root {
            path: path.to_owned(),
            is_library,
        });
        member
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_repository_can_be_read() {
        let facts = Facts::read().unwrap();
        let xtask = facts
            .members
            .iter()
            .find(|member| member.name == "xtask")
            .unwrap();
        assert_eq!(xtask.folder, "xtask");
        assert!(xtask.manifest.contains("[package]"));
        assert_eq!(xtask.roots[0].path, "xtask/src/main.rs");
        assert!(!xtask.roots[0].is_library);
        assert!(
            facts
                .files
                .iter()
                .any(|file| file.path == "xtask/src/main.rs")
        );
    }
}
