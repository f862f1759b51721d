//! The server under test, as a process of its own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use http::StatusCode;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

use crate::client::{Answer, HttpClient, query_value};
use crate::otlp::TraceView;
use crate::small_disk::SmallDisk;
use crate::wait::{PATIENCE, until};

// What of a log is quoted when a story fails.
const LOG_TAIL_BYTES: usize = 4000;

/// A running `spandrel serve` on free ports, with its data in a temporary directory. Dropping it
/// kills the process.
pub struct SpandrelProcess {
    /// Where it receives OTLP over gRPC.
    pub otlp_grpc: SocketAddr,
    /// Where it receives OTLP over HTTP.
    pub otlp_http: SocketAddr,
    /// Where it serves its API and UI.
    pub http: SocketAddr,
    /// Zipkin's own port, when it was started with `--zipkin-listen`.
    pub zipkin: Option<SocketAddr>,
    /// A client of its API.
    pub api: HttpClient,
    flags: Vec<String>,
    server: Server,
    dir: TempDir,
    /// None when its data is on the disk that everything else is on.
    disk: Option<SmallDisk>,
}

struct Server {
    process: Child,
    // Kept open: a server whose standard output is closed under it might stop.
    _stdout: Lines<BufReader<ChildStdout>>,
}

struct Addresses {
    otlp_grpc: SocketAddr,
    otlp_http: SocketAddr,
    http: SocketAddr,
    zipkin: Option<SocketAddr>,
}

impl SpandrelProcess {
    /// Starts a server and waits until it is ready.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// Starts a server with more flags and waits until it is ready.
    pub async fn start_with(flags: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self::start_in(dir, None, flags).await
    }

    /// Starts a server whose data is alone on a disk of so many megabytes, and waits until it is
    /// ready; `Err` says why no such disk can be made here.
    pub async fn start_on_small_disk(megabytes: u32, flags: &[&str]) -> Result<Self, String> {
        let dir = tempfile::tempdir().unwrap();
        let disk = SmallDisk::mount(&dir.path().join("data"), megabytes).await?;
        Ok(Self::start_in(dir, Some(disk), flags).await)
    }

    /// Starts a server that speaks TLS only, which its client here does not.
    pub async fn start_encrypted(flags: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self::spawn_in(dir, None, flags).await
    }

    async fn start_in(dir: TempDir, disk: Option<SmallDisk>, flags: &[&str]) -> Self {
        let spandrel = Self::spawn_in(dir, disk, flags).await;
        spandrel.wait_until_ready().await;
        spandrel
    }

    async fn spawn_in(dir: TempDir, disk: Option<SmallDisk>, flags: &[&str]) -> Self {
        let flags: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
        let (server, addresses) = spawn(dir.path(), disk.as_ref(), &flags).await;
        let Addresses {
            otlp_grpc,
            otlp_http,
            http,
            zipkin,
        } = addresses;
        let api = HttpClient::new(http);
        Self {
            otlp_grpc,
            otlp_http,
            http,
            zipkin,
            api,
            flags,
            server,
            dir,
            disk,
        }
    }

    /// Others fill its small disk to the last byte.
    pub fn fill_disk(&self) {
        self.disk.as_ref().unwrap().fill();
    }

    /// Others give back what they took of it.
    pub fn free_disk(&self) {
        self.disk.as_ref().unwrap().free();
    }

    /// Kills the process where it stands: SIGKILL, no flush, no goodbye.
    pub async fn kill(&mut self) {
        self.server.process.kill().await.unwrap();
    }

    /// The number of the process.
    pub fn id(&self) -> u32 {
        let id = self.server.process.id();
        id.expect("the server has ended already")
    }

    /// Asks the process to stop, as a service manager does, and expects it to end well.
    pub async fn stop(&mut self) {
        self.ask_to_stop().await;
        self.expect_end().await;
    }

    /// Asks the process to stop, as a service manager does.
    pub async fn ask_to_stop(&self) {
        let id = self.id().to_string();
        let signalled = Command::new("kill").args(["-TERM", &id]).status().await;
        assert!(signalled.unwrap().success());
    }

    /// Expects the process to end well, having been asked to.
    pub async fn expect_end(&mut self) {
        let ended = timeout(PATIENCE, self.server.process.wait()).await;
        let status = ended.expect("the server does not stop").unwrap();
        assert!(status.success(), "ended with {status}\n{}", self.log_tail());
    }

    /// Starts the server again on the same data; it takes other ports.
    pub async fn restart(&mut self) {
        self.restart_without_waiting().await;
        self.wait_until_ready().await;
    }

    /// The same, where it may not become ready.
    pub async fn restart_without_waiting(&mut self) {
        let (server, addresses) = spawn(self.dir.path(), self.disk.as_ref(), &self.flags).await;
        self.server = server;
        self.otlp_grpc = addresses.otlp_grpc;
        self.otlp_http = addresses.otlp_http;
        self.http = addresses.http;
        self.zipkin = addresses.zipkin;
        self.api = HttpClient::new(addresses.http);
    }

    /// The whole trace with this id; it must be there already.
    pub async fn trace(&self, trace_id: &str) -> TraceView {
        let answer = self.api.get(&format!("/api/v1/traces/{trace_id}")).await;
        TraceView::from_json(&answer.json(StatusCode::OK))
    }

    /// The whole trace with this id; empty when no span of it is there.
    pub async fn try_trace(&self, trace_id: &str) -> TraceView {
        let answer = self.api.get(&format!("/api/v1/traces/{trace_id}")).await;
        match answer.status {
            StatusCode::NOT_FOUND => TraceView::default(),
            _ => TraceView::from_json(&answer.json(StatusCode::OK)),
        }
    }

    /// The log records that a query of the log API finds, oldest first.
    pub async fn logs(&self, filter: &str) -> Vec<Value> {
        let path = format!("/api/v1/logs?order=oldest&limit=1000&{filter}");
        let answer = complete(&self.api.get(&path).await);
        answer["logs"].as_array().unwrap().clone()
    }

    /// The traces that a query of the search language finds, newest first.
    pub async fn search(&self, query: &str) -> Vec<Value> {
        let path = format!("/api/v1/traces?limit=1000&q={}", query_value(query));
        let answer = complete(&self.api.get(&path).await);
        answer["traces"].as_array().unwrap().clone()
    }

    /// Where it keeps its data.
    pub fn data_dir(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// The end of what the server wrote to its log.
    pub fn log_tail(&self) -> String {
        log_tail(self.dir.path())
    }

    /// Waits until it says that it is ready.
    pub async fn wait_until_ready(&self) {
        until("the server to be ready", || async {
            let answer = self.api.try_get("/readyz").await?;
            match answer.status {
                StatusCode::OK => Ok(()),
                status => Err(format!("{status} {}\n{}", answer.text(), self.log_tail())),
            }
        })
        .await;
    }
}

/// The JSON of a good answer that says it is complete.
fn complete(answer: &Answer) -> Value {
    let json = answer.json(StatusCode::OK);
    assert_eq!(json["complete"], true, "{json}");
    json
}

/// The binary under test, which cargo builds beside the test binaries.
pub fn binary() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let profile_dir = own.parent().and_then(Path::parent).unwrap();
    let binary = profile_dir.join(format!("spandrel{}", std::env::consts::EXE_SUFFIX));
    assert!(
        binary.exists(),
        "{} is not built; run `cargo xtask e2e`, which builds it first",
        binary.display()
    );
    binary
}

/// A command that inherits nothing of the settings around the tests.
pub fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        let name_text = name.to_string_lossy();
        // Where authorities are listed elsewhere, Python's client does not look at the one it is given.
        let is_elsewhere = matches!(&*name_text, "REQUESTS_CA_BUNDLE" | "CURL_CA_BUNDLE");
        if name_text.starts_with("SPANDREL_") || name_text.starts_with("OTEL_") || is_elsewhere {
            command.env_remove(name);
        }
    }
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// Runs a program to its end; it complains of nothing. Returns what it prints.
pub(crate) async fn run_to_end(mut program: Command) -> String {
    let output = timeout(PATIENCE, program.output())
        .await
        .expect("the program does not end")
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "ended with {}\n{stderr}",
        output.status
    );
    assert_eq!(stderr, "", "the program complained");
    String::from_utf8(output.stdout).unwrap()
}

const LONGEST_IDLE: &str = "1h";

async fn spawn(dir: &Path, disk: Option<&SmallDisk>, flags: &[String]) -> (Server, Addresses) {
    let log = std::fs::File::create(dir.join("spandrel.log")).unwrap();
    let launcher = disk.map(SmallDisk::launcher).unwrap_or_default();
    let mut words = launcher.into_iter().chain([binary().display().to_string()]);
    let mut command = command(Path::new(&words.next().unwrap()));
    command.args(words);
    command.arg("serve").arg("--data-dir").arg(dir.join("data"));
    command.args([
        "--otlp-grpc-listen",
        "127.0.0.1:0",
        "--otlp-http-listen",
        "127.0.0.1:0",
    ]);
    command.args(["--http-listen", "127.0.0.1:0"]).args(flags);
    // A slow machine may let a test's connection idle for longer than servers do by default. Variables,
    // so that a test's own flags win.
    command.env("SPANDREL_HTTP_HEAD_TIMEOUT", LONGEST_IDLE);
    command.env("SPANDREL_OTLP_HEADER_TIMEOUT", LONGEST_IDLE);
    command.stdout(Stdio::piped()).stderr(log);
    let mut process = command.spawn().unwrap();
    let mut stdout = BufReader::new(process.stdout.take().unwrap()).lines();
    let addresses = Addresses {
        otlp_grpc: printed_address(&mut stdout, "otlp/grpc", dir).await,
        otlp_http: printed_address(&mut stdout, "otlp/http", dir).await,
        http: printed_address(&mut stdout, "ui and api", dir).await,
        zipkin: if flags.iter().any(|flag| flag == "--zipkin-listen") {
            Some(printed_address(&mut stdout, "zipkin", dir).await)
        } else {
            None
        },
    };
    (
        Server {
            process,
            _stdout: stdout,
        },
        addresses,
    )
}

/// The address on the next line, which begins with `label`.
async fn printed_address(
    stdout: &mut Lines<BufReader<ChildStdout>>,
    label: &str,
    dir: &Path,
) -> SocketAddr {
    let line = timeout(PATIENCE, stdout.next_line())
        .await
        .expect("no line with an address");
    let line = line
        .unwrap()
        .unwrap_or_else(|| panic!("it ended at once\n{}", log_tail(dir)));
    let address = line
        .strip_prefix(label)
        .unwrap_or_else(|| panic!("no {label:?} in {line:?}"));
    let address = address.trim();
    let address = address
        .trim_start_matches("https://")
        .trim_start_matches("http://");
    address
        .parse()
        .unwrap_or_else(|error| panic!("{error} in {line:?}"))
}

fn log_tail(dir: &Path) -> String {
    let log = std::fs::read(dir.join("spandrel.log")).unwrap_or_default();
    let start = log.len().saturating_sub(LOG_TAIL_BYTES);
    format!(
        "the end of its log:\n{}",
        String::from_utf8_lossy(&log[start..])
    )
}
