//! Source files stay short enough to be read in one go.

use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::run::root;

const LINES_MAX: usize = 500;
const ENDINGS: [&str; 4] = [".rs", ".ts", ".tsx", ".css"];

/// Lists every tracked source file that is longer than the house allows.
pub(crate) fn check() -> Result<()> {
    let output = Command::new("git")
        .args(["ls-files"])
        .current_dir(root())
        .output()
        .context("cannot start git ls-files")?;
    let listing = String::from_utf8(output.stdout)?;
    let sources = listing.lines().filter(|path| {
        ENDINGS.iter().any(|ending| path.ends_with(ending))
            && !path.starts_with("ui/dist/")
            && !path.ends_with(".d.ts")
    });
    let mut too_long = Vec::new();
    for path in sources {
        let Ok(text) = std::fs::read_to_string(root().join(path)) else {
            continue;
        };
        let lines = text.lines().count();
        if lines > LINES_MAX {
            too_long.push(format!("{path}: {lines} lines"));
        }
    }
    if !too_long.is_empty() {
        bail!(
            "files over {LINES_MAX} lines hold two ideas:\n  {}",
            too_long.join("\n  ")
        );
    }
    println!("sizes: every source file has at most {LINES_MAX} lines");
    Ok(())
}
