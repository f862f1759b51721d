//! Builds peers from the Go module proxy, once; their programs are kept.

mod go;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use self::go::Module;
use crate::progress::Progress;

/// Peers that can be built from the proxy, with versions that it holds.
const MODULES: [Module; 2] = [
    Module {
        name: "victoria-logs",
        module: "github.com/VictoriaMetrics/VictoriaLogs",
        version: "v1.51.1-0.20260624061259-dc94972a8708",
        package: "./app/victoria-logs",
        // The version that its go.mod names is not on the proxy.
        require: Some("github.com/VictoriaMetrics/VictoriaMetrics@v1.148.8"),
    },
    Module {
        name: "jaeger",
        module: "github.com/jaegertracing/jaeger",
        // The tags of version 2 cannot be seen through the proxy; this one is v2.13.0.
        version: "v1.76.0",
        package: "./cmd/jaeger",
        require: None,
    },
];

/// The program of a peer: the one that was built before, or a new one.
pub(crate) fn program(name: &str, directory: &Path, progress: Progress) -> Result<PathBuf> {
    let program = directory.join(name);
    if !program.is_file() {
        let module = MODULES
            .iter()
            .find(|module| module.name == name)
            .context("it cannot be built here: give its program with --peer NAME=PATH")?;
        progress.say(format!(
            "building {name} {}, which takes minutes",
            module.version
        ));
        module.build(directory)?;
    }
    Ok(program.canonicalize()?)
}

/// The version that is built here, if any is.
pub(crate) fn version(name: &str) -> Option<&'static str> {
    let module = MODULES.iter().find(|module| module.name == name)?;
    Some(module.version)
}
