//! Installs what the tests need beyond Rust and Node, where it may; otherwise says exactly what to install.

use anyhow::{Result, bail};

use crate::run::{Step, is_installed, root};

/// A browser for the browser tests: Debian's Chromium.
pub(crate) fn chromium() -> Result<()> {
    if ["chromium", "chromium-browser"]
        .iter()
        .any(|name| is_installed(name))
    {
        return Ok(());
    }
    debian_packages(
        &["chromium", "fonts-dejavu-core"],
        "the browser tests need Chromium",
    )
}

/// A tracer, with which tests follow system calls and make them fail.
pub(crate) fn strace() -> Result<()> {
    if !cfg!(target_os = "linux") || is_installed("strace") {
        return Ok(());
    }
    debian_packages(&["strace"], "the tests of power losses need strace")
}

/// The OpenTelemetry SDK for Python, in a virtual environment of its own under `target`.
pub(crate) fn python_packages() -> Result<()> {
    let environment = root().join("target/python-venv");
    let stamp = environment.join("requirements.txt");
    let wanted = std::fs::read(root().join("tests/python/requirements.txt"))?;
    if std::fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    if Step::new("python3", &["-c", "import venv, ensurepip"])
        .run()
        .is_err()
    {
        debian_packages(
            &["python3", "python3-venv"],
            "the tests with the Python SDK need Python 3 with venv",
        )?;
    }
    Step::new("python3", &["-m", "venv", "target/python-venv"]).run()?;
    Step::new(
        "target/python-venv/bin/pip",
        &[
            "install",
            "--quiet",
            "--requirement",
            "tests/python/requirements.txt",
        ],
    )
    .run()?;
    std::fs::write(stamp, wanted)?;
    Ok(())
}

/// The front end's packages, as its lock file says.
pub(crate) fn front_end_packages() -> Result<()> {
    npm_packages("ui/web")
}

/// The OpenTelemetry SDK for JavaScript and Deno, as the lock file of the tests says.
pub(crate) fn javascript_clients() -> Result<()> {
    npm_packages("tests/node")
}

fn npm_packages(folder: &str) -> Result<()> {
    if !is_installed("npm") {
        bail!(
            "the web interface and the tests need Node 20.19 or newer and npm; please install them"
        );
    }
    let installed = root().join(folder).join("node_modules/.package-lock.json");
    let lock = root().join(folder).join("package-lock.json");
    let modified = |path| std::fs::metadata(path).and_then(|it| it.modified());
    if let (Ok(installed), Ok(lock)) = (modified(installed), modified(lock))
        && installed >= lock
    {
        return Ok(());
    }
    Step::new("npm", &["ci", "--no-audit", "--no-fund"])
        .within(folder)
        .run()
}

fn debian_packages(packages: &[&str], purpose: &str) -> Result<()> {
    let manual = format!(
        "{purpose}; on Debian: apt-get install {}",
        packages.join(" ")
    );
    let is_root = Step::new("test", &["-w", "/usr/bin"]).run().is_ok();
    if !is_installed("apt-get") || !is_root {
        bail!("{manual}");
    }
    Step::new("apt-get", &["update"]).run()?;
    let mut arguments = vec!["install", "--yes", "--no-install-recommends"];
    arguments.extend(packages);
    Step::new("apt-get", &arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .run()
}
