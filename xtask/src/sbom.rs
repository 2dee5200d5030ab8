//! `cargo xtask sbom`: the bill of materials of a program, in the form of `CycloneDX` 1.5.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context as _;
use cargo_metadata::{CargoOpt, DependencyKind, Metadata, MetadataCommand, Package, PackageId};
use serde_json::{Value, json};

use crate::Verdict;
use crate::process::root;

/// Arguments of the verb.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Crate of the program
    #[arg(long, default_value = "kanso-server")]
    package: String,
    /// Platform whose dependencies are listed
    #[arg(long, default_value = "x86_64-unknown-linux-gnu")]
    platform: String,
}

/// Prints the bill of materials on standard output.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<Verdict> {
    let metadata = MetadataCommand::new()
        .current_dir(root())
        .features(CargoOpt::AllFeatures)
        .other_options(vec![
            "--locked".to_owned(),
            "--filter-platform".to_owned(),
            arguments.platform.clone(),
        ])
        .exec()
        .context("cannot ask cargo for the dependencies")?;
    let document = document(&metadata, &arguments.package)?;
    println!("{document:#}");
    Ok(Verdict::Passed)
}

fn document(metadata: &Metadata, program: &str) -> anyhow::Result<Value> {
    let packages: BTreeMap<&PackageId, &Package> =
        metadata.packages.iter().map(|it| (&it.id, it)).collect();
    let program = metadata
        .workspace_packages()
        .into_iter()
        .find(|package| package.name.as_str() == program)
        .with_context(|| format!("there is no crate {program}"))?;
    let edges = edges(metadata)?;
    let mut seen = BTreeSet::from([&program.id]);
    let mut waiting = vec![&program.id];
    while let Some(id) = waiting.pop() {
        for next in edges.get(id).into_iter().flatten() {
            if seen.insert(*next) {
                waiting.push(*next);
            }
        }
    }
    let parts = seen.iter().filter(|id| **id != &program.id);
    let components: Vec<_> = parts
        .filter_map(|id| packages.get(id))
        .map(|it| component(it))
        .collect();
    let depends = |id: &&PackageId| {
        let package = packages.get(id)?;
        let on = edges.get(id).into_iter().flatten();
        let on: Vec<_> = on
            .filter_map(|id| packages.get(id))
            .map(|it| purl(it))
            .collect();
        Some(json!({"ref": purl(package), "dependsOn": on}))
    };
    Ok(json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": component(program)},
        "components": components,
        "dependencies": seen.iter().filter_map(depends).collect::<Vec<_>>(),
    }))
}

/// Returns the dependencies of each package that are part of a program or of its build.
fn edges(metadata: &Metadata) -> anyhow::Result<BTreeMap<&PackageId, Vec<&PackageId>>> {
    let resolved = metadata
        .resolve
        .as_ref()
        .context("cargo resolved nothing")?;
    let ships = |kind: DependencyKind| kind != DependencyKind::Development;
    let edges = resolved.nodes.iter().map(|node| {
        let next = node.deps.iter();
        let next = next.filter(|next| next.dep_kinds.iter().any(|it| ships(it.kind)));
        (&node.id, next.map(|next| &next.pkg).collect())
    });
    Ok(edges.collect())
}

fn component(package: &Package) -> Value {
    let is_ours = package.source.is_none();
    let mut component = json!({
        "type": if is_ours { "application" } else { "library" },
        "bom-ref": purl(package),
        "name": package.name.as_str(),
        "version": package.version.to_string(),
        "purl": purl(package),
    });
    if let Some(licence) = &package.license {
        component["licenses"] = json!([{"expression": licence.replace('/', " OR ")}]);
    }
    component
}

/// Returns the URL of a package, by which scanners look up advisories.
fn purl(package: &Package) -> String {
    format!("pkg:cargo/{}@{}", package.name, package.version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bill_of_the_server_names_what_ships_and_no_test() {
        let metadata = MetadataCommand::new().current_dir(root()).exec().unwrap();
        let bill = document(&metadata, "kanso-server").unwrap();
        let names = bill["components"].as_array().unwrap().iter();
        let names: Vec<_> = names.map(|it| it["name"].as_str().unwrap()).collect();
        for ships in ["kanso-domain", "axum", "rustls", "libsqlite3-sys"] {
            assert!(names.contains(&ships), "{ships}");
        }
        for absent in ["kanso-server", "kanso-testkit", "insta"] {
            assert!(!names.contains(&absent), "{absent}");
        }
        assert_eq!(bill["metadata"]["component"]["name"], "kanso-server");
        assert!(document(&metadata, "kanso-nothing").is_err());
    }
}
