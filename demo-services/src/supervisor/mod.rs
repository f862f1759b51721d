//! The whole shop as child processes of the current executable: started in the order in which they
//! need each other, restarted when they crash, stopped in the reverse order, nothing left behind.

mod child;

use std::{ffi::OsString, io, net::SocketAddr, path::PathBuf, sync::Arc};

use parking_lot::Mutex;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub(crate) use self::child::READY;
use self::child::{Blueprint, Child};
use crate::services::Service;
use crate::tls::ExporterTls;

/// Services that are started together because none of them needs another of the same row.
const STAGES: [&[Service]; 4] = [
    &[Service::Bus, Service::Catalog],
    &[
        Service::Inventory,
        Service::Payment,
        Service::Shipping,
        Service::Notification,
        Service::Cart,
    ],
    &[Service::Order],
    &[Service::Gateway],
];

/// How the shop is set up.
#[derive(Clone, Debug)]
pub struct SupervisorConfig {
    /// Where the gateway listens; the other services take free loopback ports.
    pub gateway_listen: SocketAddr,
    /// Where all traces and logs go, by OTLP over gRPC.
    pub otlp: String,
    /// How a server at https:// is known.
    pub tls: ExporterTls,
    /// Directory of the databases; a temporary one that is removed at the end if none is given.
    pub data: Option<PathBuf>,
    /// How many catalogs there are.
    pub catalog_replicas: u16,
    /// What to run instead of `<current executable> shop run`.
    pub program: Option<(PathBuf, Vec<OsString>)>,
}

/// One child process, as a table shows it.
#[derive(Clone, Debug)]
pub struct ChildInfo {
    /// Which service it is.
    pub service: Service,
    /// Which of its instances, counted from 1.
    pub instance: u16,
    /// The process, for as long as it lives; a restart changes it.
    pub pid: u32,
    /// Where it listens; a restart keeps it.
    pub address: SocketAddr,
    /// Its own database file.
    pub database: PathBuf,
    /// How often it was restarted after a crash.
    pub restarts: u32,
}

/// Why the shop could not be started.
#[derive(Debug, thiserror::Error)]
pub enum SupervisorError {
    /// The executable of this process cannot be found.
    #[error("cannot tell which executable this is")]
    Executable(#[source] io::Error),
    /// The directory for the databases cannot be made.
    #[error("cannot create the data directory {path}")]
    Data {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A process could not be started.
    #[error("cannot start {service}")]
    Spawn {
        /// Which service.
        service: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// A process ended or kept silent instead of becoming ready.
    #[error("{service} did not become ready: {last_words}")]
    NotReady {
        /// Which service.
        service: &'static str,
        /// The end of what it wrote to its log, or that it wrote nothing.
        last_words: String,
    },
}

/// The running shop. Dropping it kills the children; [`Supervisor::shutdown`] lets them finish.
pub struct Supervisor {
    children: Arc<Mutex<Vec<ChildInfo>>>,
    /// One group per stage, in the order of start, each with the tasks that watch its children.
    stages: Vec<Stage>,
    /// Removed with the supervisor, if the shop's data is temporary.
    temporary: Option<tempfile::TempDir>,
}

struct Stage {
    stop: CancellationToken,
    watchers: JoinSet<()>,
}

impl Supervisor {
    /// Starts all services and returns when every one of them is ready.
    pub async fn start(config: SupervisorConfig) -> Result<Self, SupervisorError> {
        let (data, temporary) = data_directory(config.data.clone())?;
        let (program, arguments) = match config.program {
            Some((program, arguments)) => (program, arguments),
            None => {
                let program = std::env::current_exe().map_err(SupervisorError::Executable)?;
                (program, vec!["shop".into(), "run".into()])
            }
        };
        let mut supervisor = Self {
            children: Arc::new(Mutex::new(Vec::new())),
            stages: Vec::new(),
            temporary,
        };
        for services in STAGES {
            let blueprints = services.iter().flat_map(|service| {
                let replicas = if *service == Service::Catalog {
                    config.catalog_replicas.max(1)
                } else {
                    1
                };
                (1..=replicas).map(|instance| (*service, instance))
            });
            let known = supervisor.children();
            let blueprints = blueprints.map(|(service, instance)| Blueprint {
                program: program.clone(),
                arguments: arguments.clone(),
                service,
                instance,
                listen: listen_address(service, config.gateway_listen),
                otlp: config.otlp.clone(),
                tls: config.tls.clone(),
                data: data.clone(),
                known: known.clone(),
            });
            supervisor.start_stage(blueprints.collect()).await?;
        }
        Ok(supervisor)
    }

    /// Where the shop is reached.
    pub fn gateway_url(&self) -> String {
        let children = self.children.lock();
        let gateway = children
            .iter()
            .find(|child| child.service == Service::Gateway);
        gateway.map_or_else(String::new, |gateway| format!("http://{}", gateway.address))
    }

    /// The children as they are now, in the order of their start.
    pub fn children(&self) -> Vec<ChildInfo> {
        self.children.lock().clone()
    }

    /// Stops the services in the reverse order of their start. Each finishes what it has begun and
    /// sends its last telemetry; one that takes too long is killed.
    pub async fn shutdown(mut self) {
        while let Some(stage) = self.stages.pop() {
            stage.stop.cancel();
            stage.watchers.join_all().await;
        }
        drop(self.temporary.take());
    }

    async fn start_stage(&mut self, blueprints: Vec<Blueprint>) -> Result<(), SupervisorError> {
        let mut starting = JoinSet::new();
        for (index, blueprint) in blueprints.into_iter().enumerate() {
            starting.spawn(async move { (index, Child::start(blueprint).await) });
        }
        let mut started = starting.join_all().await;
        started.sort_by_key(|(index, _)| *index);

        let mut stage = Stage {
            stop: CancellationToken::new(),
            watchers: JoinSet::new(),
        };
        for (_, child) in started {
            let child = child?;
            self.children.lock().push(child.info().clone());
            stage
                .watchers
                .spawn(child.watch(Arc::clone(&self.children), stage.stop.clone()));
        }
        self.stages.push(stage);
        Ok(())
    }
}

fn data_directory(
    wanted: Option<PathBuf>,
) -> Result<(PathBuf, Option<tempfile::TempDir>), SupervisorError> {
    if let Some(path) = wanted {
        return match std::fs::create_dir_all(&path) {
            Ok(()) => Ok((path, None)),
            Err(source) => Err(SupervisorError::Data { path, source }),
        };
    }
    let made = tempfile::Builder::new().prefix("spandrel-shop-").tempdir();
    let temporary = made.map_err(|source| SupervisorError::Data {
        path: std::env::temp_dir(),
        source,
    })?;
    Ok((temporary.path().to_owned(), Some(temporary)))
}

fn listen_address(service: Service, gateway: SocketAddr) -> SocketAddr {
    if service == Service::Gateway {
        gateway
    } else {
        SocketAddr::from(([127, 0, 0, 1], 0))
    }
}

#[cfg(test)]
mod tests;
