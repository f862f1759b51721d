//! File handles: every connection and every file that is read needs one.

/// Fewer are not enough for the connections that are served by default, and for the files of a large store.
#[cfg(target_os = "linux")]
const HANDLES_WANTED: u64 = 8192;

/// Takes as many as the system lets this process have: the usual soft limit is for programs that use select(2).
#[cfg(target_os = "linux")]
pub(crate) fn raise_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};

    let mut limit = getrlimit(Resource::Nofile);
    if limit.current == limit.maximum {
        return;
    }
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "failed to raise the limit of file handles");
    }
    let handles = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    if handles < HANDLES_WANTED {
        tracing::warn!(
            handles,
            wanted = HANDLES_WANTED,
            "few file handles: with many connections, some will have to wait"
        );
    }
}

/// Elsewhere the limit is left as it is.
#[cfg(not(target_os = "linux"))]
pub(crate) fn raise_limit() {}
