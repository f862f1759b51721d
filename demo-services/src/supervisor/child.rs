//! One child process: started, waited for, watched, restarted, stopped.
//!
//! The parent holds the write end of the child's standard input and writes nothing. When it is
//! closed, because the parent wants the child to stop or because the parent itself died, the child
//! finishes and exits. Nothing can leave an orphan behind, not even `kill -9` of the parent.

use std::{
    ffi::OsString, fs::File, io, net::SocketAddr, path::PathBuf, process::Stdio, sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child as Process, ChildStdin, Command},
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{ChildInfo, SupervisorError};
use crate::services::Service;
use crate::tls::ExporterTls;

const READY_TIMEOUT: Duration = Duration::from_secs(15);
/// Longer than a service needs to flush its telemetry against a backend that does not answer.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);
const RESTART_DELAY_FIRST: Duration = Duration::from_millis(200);
const RESTART_DELAY_MAX: Duration = Duration::from_secs(5);
/// What of a log is quoted in an error.
const LAST_WORDS_CHARS: usize = 500;

/// What a child says on standard output once it is ready, followed by its address.
pub(crate) const READY: &str = "ready ";

/// All that is needed to start a child, the first time and again.
#[derive(Clone, Debug)]
pub(super) struct Blueprint {
    pub(super) program: PathBuf,
    pub(super) arguments: Vec<OsString>,
    pub(super) service: Service,
    pub(super) instance: u16,
    pub(super) listen: SocketAddr,
    pub(super) otlp: String,
    pub(super) tls: ExporterTls,
    pub(super) data: PathBuf,
    /// The children that were there before, for the addresses of those it calls.
    pub(super) known: Vec<ChildInfo>,
}

impl Blueprint {
    fn database(&self) -> PathBuf {
        self.data
            .join(format!("{}-{}.db", self.service.name(), self.instance))
    }

    fn log(&self) -> PathBuf {
        self.data
            .join(format!("{}-{}.log", self.service.name(), self.instance))
    }

    /// Addresses of all known instances of `service`.
    fn urls(&self, service: Service) -> String {
        let instances = self.known.iter().filter(|child| child.service == service);
        let urls: Vec<String> = instances
            .map(|child| format!("http://{}", child.address))
            .collect();
        urls.join(",")
    }

    fn command(&self) -> io::Result<Command> {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).arg(self.service.name());
        command.args(["--instance", &self.instance.to_string()]);
        command.args(["--listen", &self.listen.to_string()]);
        command.args(["--otlp", &self.otlp]);
        command.args(self.tls.arguments());
        command.arg("--data").arg(&self.data);
        if self.service != Service::Bus {
            command.args(["--bus", &self.urls(Service::Bus)]);
        }
        for peer in self.service.calls() {
            command.args(["--peer", &format!("{}={}", peer.name(), self.urls(*peer))]);
        }
        command.args(["--stop-with-stdin", "--log", "warn"]);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(self.log())?);
        // Ctrl-C at the terminal is for the parent, which then stops the children in order.
        command.process_group(0).kill_on_drop(true);
        Ok(command)
    }
}

/// A child that is ready.
pub(super) struct Child {
    blueprint: Blueprint,
    info: ChildInfo,
    process: Process,
    stdin: Option<ChildStdin>,
}

impl Child {
    /// Starts the process and waits until it is ready.
    pub(super) async fn start(blueprint: Blueprint) -> Result<Self, SupervisorError> {
        let service = blueprint.service.name();
        let spawned = blueprint.command().and_then(|mut command| command.spawn());
        let mut process = spawned.map_err(|source| SupervisorError::Spawn { service, source })?;
        let stdin = process.stdin.take();
        let answered = timeout(READY_TIMEOUT, ready_line(&mut process)).await;
        let Ok(Some(address)) = answered else {
            return Err(SupervisorError::NotReady {
                service,
                last_words: last_words(&blueprint),
            });
        };
        let info = ChildInfo {
            service: blueprint.service,
            instance: blueprint.instance,
            pid: process.id().unwrap_or_default(),
            address,
            database: blueprint.database(),
            restarts: 0,
        };
        // Others know this address, so that every later life has to be there as well.
        let blueprint = Blueprint {
            listen: address,
            ..blueprint
        };
        Ok(Self {
            blueprint,
            info,
            process,
            stdin,
        })
    }

    pub(super) fn info(&self) -> &ChildInfo {
        &self.info
    }

    /// Restarts the process whenever it ends, until `stop`; then lets it finish.
    pub(super) async fn watch(
        mut self,
        children: Arc<Mutex<Vec<ChildInfo>>>,
        stop: CancellationToken,
    ) {
        loop {
            tokio::select! {
                ended = self.process.wait() => {
                    let status = ended.map_or_else(|error| error.to_string(), |s| s.to_string());
                    let service = self.info.service.name();
                    warn!(service, instance = self.info.instance, status, "a service ended, restarting it");
                }
                () = stop.cancelled() => return self.stop().await,
            }
            tokio::select! {
                () = self.restart(&children) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    async fn restart(&mut self, children: &Mutex<Vec<ChildInfo>>) {
        let mut delay = RESTART_DELAY_FIRST;
        loop {
            sleep(delay).await;
            match Self::start(self.blueprint.clone()).await {
                Ok(next) => {
                    let restarts = self.info.restarts + 1;
                    *self = Self {
                        info: ChildInfo {
                            restarts,
                            ..next.info
                        },
                        ..next
                    };
                    break;
                }
                Err(error) => warn!(%error, "the service could not be restarted yet"),
            }
            delay = (delay * 2).min(RESTART_DELAY_MAX);
        }
        let is_this = |child: &&mut ChildInfo| {
            child.service == self.info.service && child.instance == self.info.instance
        };
        if let Some(entry) = children.lock().iter_mut().find(is_this) {
            entry.clone_from(&self.info);
        }
        info!(
            service = self.info.service.name(),
            pid = self.info.pid,
            "the service is back"
        );
    }

    async fn stop(mut self) {
        drop(self.stdin.take());
        if timeout(STOP_TIMEOUT, self.process.wait()).await.is_err() {
            let service = self.info.service.name();
            warn!(
                service,
                pid = self.info.pid,
                "the service did not stop in time and is killed"
            );
            if let Err(error) = self.process.kill().await {
                warn!(service, %error, "the service could not be killed");
            }
        }
    }
}

/// Reads standard output up to the line that says where the child listens. The child writes nothing
/// more after it, so that the pipe may be closed then.
async fn ready_line(process: &mut Process) -> Option<SocketAddr> {
    let mut lines = BufReader::new(process.stdout.take()?).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if let Some(address) = line.strip_prefix(READY) {
            return address.trim().parse().ok();
        }
    }
    None
}

fn last_words(blueprint: &Blueprint) -> String {
    let log = std::fs::read_to_string(blueprint.log()).unwrap_or_default();
    let trimmed = log.trim();
    if trimmed.is_empty() {
        return "it said nothing".to_owned();
    }
    let skip = trimmed.chars().count().saturating_sub(LAST_WORDS_CHARS);
    trimmed.chars().skip(skip).collect()
}
