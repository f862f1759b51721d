//! The way to build a program of a module whose `go.mod` has `replace`: `go install` refuses it, so
//! that its source is copied and built in place.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

/// Lines of a failed build that are shown.
const COMPLAINT_LINES: usize = 5;

/// A program that the Go module proxy has the source of.
pub(super) struct Module {
    /// What the program is called.
    pub(super) name: &'static str,
    pub(super) module: &'static str,
    pub(super) version: &'static str,
    pub(super) package: &'static str,
    /// A requirement that is put in the place of another version.
    pub(super) require: Option<&'static str>,
}

impl Module {
    /// Puts the program into the directory, made with little priority and one step at a time.
    pub(super) fn build(&self, directory: &Path) -> Result<()> {
        fs::create_dir_all(directory)?;
        let directory = directory.canonicalize()?;
        let sources = self.download(&directory)?;
        let copy = directory.join(format!("{}-source", self.name));
        if copy.exists() {
            fs::remove_dir_all(&copy)?;
        }
        run(Command::new("cp").arg("-r").arg(&sources).arg(&copy))?;
        run(Command::new("chmod").args(["-R", "u+w"]).arg(&copy))?;
        let vendored = copy.join("vendor");
        if vendored.exists() {
            fs::remove_dir_all(vendored)?;
        }
        if let Some(required) = self.require {
            run(go(&copy).args(["mod", "edit", "-require", required]))?;
        }
        // Written under another name first: a program that is there is whole.
        let unfinished = directory.join(format!("{}-unfinished", self.name));
        let mut build = Command::new("nice");
        build
            .args(["go", "build", "-mod=mod", "-p=1", "-buildvcs=false", "-o"])
            .arg(&unfinished)
            .arg(self.package)
            .current_dir(&copy)
            // Without C, VictoriaLogs has a slower zstd than its users get.
            .env("CGO_ENABLED", "1");
        run(&mut build)?;
        fs::rename(&unfinished, directory.join(self.name))?;
        fs::remove_dir_all(&copy)?;
        Ok(())
    }

    /// Where the proxy's copy of the source was put.
    fn download(&self, directory: &Path) -> Result<PathBuf> {
        let what = format!("{}@{}", self.module, self.version);
        let printed = run(go(directory).args(["mod", "download", "-json", &what]))?;
        let document: Value =
            serde_json::from_slice(&printed).context("go mod download did not print JSON")?;
        let path = document.get("Dir").and_then(Value::as_str);
        Ok(PathBuf::from(
            path.context("go mod download names no directory")?,
        ))
    }
}

fn go(directory: &Path) -> Command {
    let mut command = Command::new("go");
    command.current_dir(directory);
    command
}

/// What the command printed. Its last complaints become the error.
fn run(command: &mut Command) -> Result<Vec<u8>> {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let shown: Vec<&OsStr> = words.take(3).collect();
    let shown = shown.join(OsStr::new(" ")).to_string_lossy().into_owned();
    let output = command
        .output()
        .with_context(|| format!("cannot run {shown}"))?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        let lines: Vec<&str> = text.lines().collect();
        let last = lines.len().saturating_sub(COMPLAINT_LINES);
        let complaint = lines.get(last..).unwrap_or_default().join("; ");
        bail!("{shown} failed: {complaint}");
    }
    Ok(output.stdout)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_that_fails_says_why() {
        let printed = run(Command::new("sh").args(["-c", "echo well"])).unwrap();
        assert_eq!(printed, b"well\n");
        let error = run(Command::new("sh").args(["-c", "echo no such thing >&2; exit 3"]));
        assert!(
            error
                .unwrap_err()
                .to_string()
                .ends_with("failed: no such thing")
        );
        let error = run(&mut Command::new("no-such-program-here")).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("cannot run no-such-program-here")
        );
    }
}
