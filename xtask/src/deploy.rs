//! `cargo xtask deploy`: the files by which the server is deployed, checked where no container engine
//! runs.
//!
//! Each kind of file is read by a linter or against its schema. The image's layout is made and lived in
//! by hand: the server runs in it as its user, on a root that cannot be written to.

mod alerts;
mod layout;

use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::process::{command, root, run as run_command, target};
use crate::python::Python;
use crate::{Verdict, build, services};

/// Where the service's program is on a machine that runs it.
const INSTALLED: &str = "/usr/local/bin/kanso-server";
/// The most that systemd may find exposed, in tenths: from 0, nothing, to 100.
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

/// Makes every check, and fails when one did.
pub(crate) fn run() -> anyhow::Result<Verdict> {
    let provided = services::provide_systemd()?;
    if provided != Verdict::Passed {
        return Ok(provided);
    }
    let python = Python::with("deploy")?;
    let mut failed = Vec::new();
    for (what, check) in CHECKS {
        eprintln!("deploy: {what}");
        if check(&python)? != Verdict::Passed {
            failed.push(what);
        }
    }
    if !failed.is_empty() {
        eprintln!("deploy: not as it should be: {}", failed.join("; "));
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
    // It is not sent to a cluster, so it is none of the cluster's kinds.
    manifests.retain(|file| !file.ends_with("kustomization.yaml"));
    let mut check = python.command("kubernetes-validate");
    run_command(check.args(["--strict", "--quiet"]).args(manifests))
}

/// Systemd looks for the program, so it is shown the one that was built.
fn service(_: &Python) -> anyhow::Result<Verdict> {
    let unit = std::fs::read_to_string(root().join("deploy/kanso.service"))?;
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
    let mut exposed = command("systemd-analyze");
    exposed
        .args(["security", "--offline=true", "--no-pager", EXPOSURE])
        .arg(&copy)
        .stdout(std::process::Stdio::null());
    run_command(&mut exposed)
}

/// The files of a folder with this ending, in the order of their names.
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
    found.sort();
    anyhow::ensure!(!found.is_empty(), "no .{ending} file in {folder}");
    Ok(found)
}
