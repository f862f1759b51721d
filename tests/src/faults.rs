//! Faults of the system, put upon a running process from outside.

use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::wait::PATIENCE;

/// Makes system calls of a process fail, by strace.
pub struct FailingCalls {
    strace: Child,
    log: tempfile::NamedTempFile,
}

impl FailingCalls {
    /// Begins with the process `id`; `calls` is the name of a system call, and `failure` says how it
    /// fails, as strace's `inject` does. None, with a word about it, where strace cannot run.
    pub async fn begin(id: u32, calls: &str, failure: &str) -> Option<Self> {
        let log = tempfile::NamedTempFile::new().unwrap();
        let strace = Command::new("strace")
            .args(["-f", "-y", "-p", &id.to_string(), "-o"])
            .arg(log.path())
            .args(["-e", &format!("trace={calls}")])
            .args(["-e", &format!("inject={calls}:{failure}")])
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn();
        let mut said = String::new();
        if let Ok(mut strace) = strace {
            let mut lines = BufReader::new(strace.stderr.take().unwrap()).lines();
            while let Ok(Some(line)) = timeout(PATIENCE, lines.next_line()).await.unwrap() {
                if line.contains("attached") {
                    return Some(Self { strace, log });
                }
                said += &line;
            }
        }
        #[expect(clippy::print_stderr, reason = "who runs the tests has to know")]
        {
            eprintln!("SKIPPED: strace cannot make calls fail here: {said}");
        }
        None
    }

    /// Leaves the process alone; returns the calls it made meanwhile, one a line.
    pub async fn end(mut self) -> Vec<String> {
        let id = self.strace.id().unwrap().to_string();
        // It lets go of the process when it is asked to end, and may not when it is killed.
        let asked = Command::new("kill").args(["-INT", &id]).status().await;
        assert!(asked.unwrap().success());
        let ended = timeout(PATIENCE, self.strace.wait()).await;
        ended.expect("strace does not end").unwrap();
        let log = std::fs::read_to_string(self.log.path()).unwrap();
        log.lines().map(str::to_owned).collect()
    }
}

/// The number of files, connections and the like that a process has open.
pub fn open_handles(id: u32) -> usize {
    std::fs::read_dir(format!("/proc/{id}/fd")).unwrap().count()
}

/// Limits what a process may have open.
pub async fn limit_handles(id: u32, handles: usize) {
    let status = Command::new("prlimit")
        .args(["--pid", &id.to_string(), &format!("--nofile={handles}:")])
        .status();
    let status = status.await.expect("prlimit, of util-linux, is needed");
    assert!(status.success());
}
