//! Python with the packages of the tests, in the virtual environment that xtask makes: the OpenTelemetry SDK
//! as a client, and readers of Parquet.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tokio::process::Command;

use crate::process::{command, run_to_end};

/// Places an order with the SDK: runs `tests/python/order.py` to its end. `protocol` is `grpc` or `http`; `settings`
/// are the variables of the SDK, such as `OTEL_EXPORTER_OTLP_ENDPOINT`.
pub async fn run_python_order(protocol: &str, settings: &[(&str, &str)]) -> Value {
    let mut command = command(&python());
    command
        .arg(package_dir().join("python/order.py"))
        .arg(protocol);
    command.envs(settings.iter().copied());
    run(command).await
}

/// Runs `tests/python/doors.py`, which sends a trace as Zipkin's reporters do and a log record as Loki's
/// clients do, to the server with this base address. Returns what it prints.
pub async fn run_python_doors(base: &str) -> Value {
    let mut command = command(&python());
    command.arg(package_dir().join("python/doors.py")).arg(base);
    run(command).await
}

/// What `tests/python/read_parquet.py` finds in the directory.
pub async fn read_parquet(dir: &Path) -> Value {
    let mut command = command(&python());
    command
        .arg(package_dir().join("python/read_parquet.py"))
        .arg(dir);
    run(command).await
}

/// What a server says at an HTTPS address, whose authority is in this file.
pub async fn get_encrypted(url: &str, ca: &Path) -> Value {
    let mut command = command(&python());
    command
        .arg(package_dir().join("python/get.py"))
        .arg(url)
        .arg(ca);
    run(command).await
}

async fn run(program: Command) -> Value {
    serde_json::from_str(&run_to_end(program).await).unwrap()
}

/// The interpreter of the virtual environment with the packages of `tests/python/requirements.txt`.
pub fn python() -> PathBuf {
    let environment = package_dir().join("../target/python-venv");
    // Whoever installs the packages leaves the list beside them.
    let installed = std::fs::read(environment.join("requirements.txt")).unwrap_or_default();
    let wanted = std::fs::read(package_dir().join("python/requirements.txt")).unwrap();
    assert!(
        installed == wanted,
        "the Python packages of the tests are not installed, or not these; run `cargo xtask test`, \
         which installs them into target/python-venv"
    );
    environment.join("bin/python")
}

fn package_dir() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
