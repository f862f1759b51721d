//! Who may depend on whom: the table of the house, checked against `cargo metadata`.

use std::process::Command;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::run::root;

/// What one crate may and may not use, apart from its tests.
struct Rule {
    krate: &'static str,
    /// Crates of ours it may depend on.
    ours: &'static [&'static str],
    /// Libraries it must not depend on directly.
    banned: &'static [&'static str],
}

const RULES: &[Rule] = &[
    Rule {
        krate: "access",
        ours: &[],
        banned: &["tonic", "axum", "tantivy", "parquet", "datafusion"],
    },
    Rule {
        krate: "model",
        ours: &[],
        banned: &["tokio", "tonic", "axum", "clap"],
    },
    Rule {
        krate: "storage",
        ours: &["model"],
        banned: &["tonic", "axum", "datafusion"],
    },
    Rule {
        krate: "ui",
        ours: &[],
        banned: &["datafusion", "tantivy"],
    },
    Rule {
        krate: "collector",
        ours: &["access", "model", "storage"],
        banned: &["datafusion", "tantivy"],
    },
    Rule {
        krate: "query",
        ours: &["access", "model", "storage", "ui"],
        banned: &["datafusion", "tonic"],
    },
    Rule {
        krate: "demo-services",
        ours: &[],
        banned: &["tantivy", "parquet"],
    },
    Rule {
        krate: "spandrel",
        ours: &[
            "access",
            "collector",
            "query",
            "demo-services",
            "storage",
            "model",
        ],
        banned: &["datafusion", "tantivy", "parquet"],
    },
    Rule {
        krate: "tests",
        ours: &["model", "collector", "query"],
        banned: &[],
    },
    Rule {
        krate: "xtask",
        ours: &[],
        banned: &["tokio"],
    },
    Rule {
        krate: "bench",
        ours: &[],
        banned: &["tantivy", "parquet", "datafusion", "tonic"],
    },
];

/// Fails on the first crate without a rule, and lists every edge that a rule forbids.
pub(crate) fn check() -> Result<()> {
    let metadata = metadata()?;
    let packages = metadata["packages"]
        .as_array()
        .context("cargo metadata has no packages")?;
    let names: Vec<&str> = packages
        .iter()
        .filter_map(|package| package["name"].as_str())
        .collect();
    let mut problems = Vec::new();
    for package in packages {
        let name = package["name"].as_str().unwrap_or_default();
        let Some(rule) = RULES.iter().find(|rule| rule.krate == name) else {
            bail!("crate {name} has no rule in xtask/src/layers.rs");
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let used = dependency["name"].as_str().unwrap_or_default();
            if dependency["kind"] == "dev" {
                continue;
            }
            let is_foreign = names.contains(&used) && !rule.ours.contains(&used);
            if is_foreign || rule.banned.contains(&used) {
                problems.push(format!("{name} must not depend on {used}"));
            }
        }
    }
    // The README starts everything with a plain `cargo run`.
    let default = metadata["workspace_default_members"]
        .as_array()
        .map(Vec::as_slice);
    if !matches!(default, Some([only]) if only.as_str().is_some_and(|id| id.contains("/spandrel#")))
    {
        problems.push("the workspace must have spandrel as its one default member".to_owned());
    }
    if !problems.is_empty() {
        bail!(
            "dependency directions are broken:\n  {}",
            problems.join("\n  ")
        );
    }
    println!(
        "layers: {} crates depend on each other as the house says",
        packages.len()
    );
    Ok(())
}

fn metadata() -> Result<Value> {
    let output = Command::new("cargo")
        .args(["metadata", "--format-version", "1", "--no-deps"])
        .current_dir(root())
        .output()
        .context("cannot start cargo metadata")?;
    if !output.status.success() {
        bail!(
            "cargo metadata failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}
