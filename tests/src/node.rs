//! Node with the packages of `tests/node`, which xtask installs: the OpenTelemetry SDK for JavaScript, Deno, and
//! a browser with pages that export.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use crate::process::{command, run_to_end};
use crate::wait::PATIENCE;

/// Places an order with the SDK for Node. `encoding` is `json` or `protobuf`; returns what it printed.
pub async fn run_node_order(encoding: &str, settings: &[(&str, &str)]) -> Value {
    let mut program = command(Path::new("node"));
    program.current_dir(package()).args(["node.mjs", encoding]);
    program.envs(settings.iter().copied());
    let (line, _) = run(program).await;
    line
}

/// Places an order with the OpenTelemetry of Deno; returns what it printed, and the line itself. `Err` says why
/// there is no Deno here.
pub async fn run_deno_order(settings: &[(&str, &str)]) -> Result<(Value, String), String> {
    let deno = package().join("node_modules/.bin/deno");
    let version = command(&deno).arg("--version").output().await;
    let version = version.map_err(|error| format!("{}: {error}", deno.display()))?;
    if !version.status.success() {
        let complaint = String::from_utf8_lossy(&version.stderr);
        return Err(format!("{} does not run: {complaint}", deno.display()));
    }
    let mut program = command(&deno);
    program.current_dir(package());
    program.args(["run", "--no-prompt", "--allow-env", "deno.mjs"]);
    program
        .env("OTEL_DENO", "true")
        .envs(settings.iter().copied());
    Ok(run(program).await)
}

/// What a program prints, read and as it is.
async fn run(program: Command) -> (Value, String) {
    let line = run_to_end(program).await;
    (serde_json::from_str(&line).unwrap(), line)
}

/// A browser with two pages of the same content and different origins. Dropping it kills it.
pub struct Pages {
    process: Child,
    stdin: ChildStdin,
    stdout: Lines<BufReader<ChildStdout>>,
    /// The origin of the page that the server is to allow.
    pub allowed_origin: String,
}

impl Pages {
    /// Opens both pages.
    pub async fn open() -> Self {
        let mut program = command(Path::new("node"));
        program.current_dir(package()).arg("browser.mjs");
        program
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut process = program.spawn().unwrap();
        let stdin = process.stdin.take().unwrap();
        let stdout = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut pages = Self {
            process,
            stdin,
            stdout,
            allowed_origin: String::new(),
        };
        let opened = pages.line().await;
        opened["allowed_origin"]
            .as_str()
            .unwrap()
            .clone_into(&mut pages.allowed_origin);
        pages
    }

    /// Lets the pages export to the server at this address, and returns what they say of it.
    pub async fn export(&mut self, endpoint: &str) -> Value {
        let line = format!("{endpoint}\n");
        self.stdin.write_all(line.as_bytes()).await.unwrap();
        self.line().await
    }

    async fn line(&mut self) -> Value {
        let line = timeout(PATIENCE, self.stdout.next_line()).await;
        let Some(line) = line.expect("the pages say nothing").unwrap() else {
            let mut complaint = String::new();
            let mut stderr = self.process.stderr.take().unwrap();
            stderr.read_to_string(&mut complaint).await.unwrap();
            panic!("the browser ended\n{complaint}");
        };
        serde_json::from_str(&line).unwrap()
    }
}

/// The folder with the programs, whose packages must be there.
fn package() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR")).join("node");
    assert!(
        package.join("node_modules").exists(),
        "the JavaScript packages of the tests are not installed; run `cargo xtask test`, \
         which installs them into tests/node/node_modules"
    );
    package
}
