//! `cargo xtask deploy`: checks the deployment files without a container engine.
//!
//! Each kind of file is checked by a linter or against its schema. The image's layout is built and run
//! without an engine: the server runs in it as the image's user, on a read-only root.

mod alerts;
mod layout;

use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::process::{command, root, run as run_command, target};
use crate::python::Python;
use crate::{Verdict, build, services};

/// Path of the server's program on a machine that runs the service.
const INSTALLED: &str = "/usr/local/bin/kanso-server";
/// Highest exposure that `systemd-analyze security` may report, in tenths of a point: 0 is fully confined,
/// 100 is not confined.
const EXPOSURE: &str = "--threshold=15";

type Check = fn(&Python) -> anyhow::Result<Verdict>;

const CHECKS: [(&str, Check); 6] = [
    ("deploy/Dockerfile", dockerfile),
    ("docker-compose.yml, .github/workflows", by_schema),
    ("deploy/kubernetes", kubernetes),
    ("deploy/kanso.service", service),
    ("deploy/alerts.yml", |_| alerts::run()),
    ("the image's layout", |_| layout::run()),
];

/// Runs every check. Fails if one of them fails.
pub(crate) fn run() -> anyhow::Result<Verdict> {
    let provided = services::provide_systemd()?;
    if provided != Verdict::Passed {
        return Ok(provided);
    }
    let python = Python::with("deploy")?;
    // All checks run, so that one run names every file with a fault.
    let mut failed = Vec::new();
    for (what, check) in CHECKS {
        eprintln!("deploy: {what}");
        if check(&python)? != Verdict::Passed {
            failed.push(what);
        }
    }
    if !failed.is_empty() {
        eprintln!("deploy: checks failed: {}", failed.join("; "));
    }
    Ok(Verdict::from_success(failed.is_empty()))
}

fn dockerfile(python: &Python) -> anyhow::Result<Verdict> {
    run_command(python.command("hadolint").arg("deploy/Dockerfile"))
}

fn by_schema(python: &Python) -> anyhow::Result<Verdict> {
    let check = |schema: &str, files: &[PathBuf]| {
        let mut check = python.command("check-jsonschema");
        run_command(
            check
                .args(["--quiet", "--builtin-schema", schema])
                .args(files),
        )
    };
    let compose = check("vendor.compose-spec", &["docker-compose.yml".into()])?;
    if compose != Verdict::Passed {
        return Ok(compose);
    }
    check(
        "vendor.github-workflows",
        &files(".github/workflows", "yml")?,
    )
}

fn kubernetes(python: &Python) -> anyhow::Result<Verdict> {
    let mut manifests = files("deploy/kubernetes", "yaml")?;
    // Only kubectl reads a kustomization; the cluster has no schema for it.
    manifests.retain(|file| !file.ends_with("kustomization.yaml"));
    let mut check = python.command("kubernetes-validate");
    run_command(check.args(["--strict", "--quiet"]).args(manifests))
}

/// Checks the unit with the path of the debug build: `systemd-analyze verify` requires that the program
/// exists.
fn service(_: &Python) -> anyhow::Result<Verdict> {
    let unit = std::fs::read_to_string(root().join("deploy/kanso.service"))?;
    // Else the replacement below would change nothing, and the check would fail with a message about a
    // missing program.
    anyhow::ensure!(unit.contains(INSTALLED), "the service runs another program");
    let program = build::binary("kanso-server")?;
    let program = program.get_program().to_string_lossy().into_owned();
    let folder = target()?.join("deploy");
    std::fs::create_dir_all(&folder)?;
    let copy = folder.join("kanso.service");
    std::fs::write(&copy, unit.replace(INSTALLED, &program))?;
    let mut verify = command("systemd-analyze");
    let verified = run_command(verify.args(["verify", "--man=no"]).arg(&copy))?;
    if verified != Verdict::Passed {
        return Ok(verified);
    }
    // Offline: the unit is rated from its file, so systemd does not have to run here. The table of all
    // settings is hidden; a rating above the threshold fails the command.
    let mut exposed = command("systemd-analyze");
    exposed
        .args(["security", "--offline=true", "--no-pager", EXPOSURE])
        .arg(&copy)
        .stdout(std::process::Stdio::null());
    run_command(&mut exposed)
}

/// Returns the files of a folder with this extension, sorted by name.
fn files(folder: &str, ending: &str) -> anyhow::Result<Vec<PathBuf>> {
    let path = root().join(folder);
    let entries = std::fs::read_dir(&path).with_context(|| format!("cannot read {folder}"))?;
    let mut found = Vec::new();
    for entry in entries {
        let file = Path::new(folder).join(entry?.file_name());
        if file
            .extension()
            .is_some_and(|extension| extension == ending)
        {
            found.push(file);
        }
    }
    // The file system returns them in any order; the output of a check should not change with it.
    found.sort();
    anyhow::ensure!(!found.is_empty(), "no .{ending} file in {folder}");
    Ok(found)
}
