//! What the disk can do: the time that a small append takes to be on it. Acknowledgements of a server
//! that syncs cannot be faster.

use std::{fs::File, io::Write as _, path::Path, time::Instant};

use anyhow::{Context as _, Result};

use crate::stats::Quantiles;

const APPEND_BYTES: usize = 64 * 1024;
const APPENDS: usize = 200;

/// Milliseconds that appending 64 KiB and `fdatasync` take in a directory.
pub(crate) fn append_and_sync_millis(directory: &Path) -> Result<Quantiles> {
    let path = directory.join("calibration");
    let mut file = File::create(&path).context("cannot write to the data directory")?;
    let block = [0x5a; APPEND_BYTES];
    let mut millis = Vec::with_capacity(APPENDS);
    for _ in 0..APPENDS {
        let began = Instant::now();
        file.write_all(&block)?;
        file.sync_data()?;
        millis.push(began.elapsed().as_secs_f64() * 1e3);
    }
    std::fs::remove_file(&path)?;
    Quantiles::of(&millis).context("nothing was measured")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_behind() {
        let directory = tempfile::tempdir().unwrap();
        let millis = append_and_sync_millis(directory.path()).unwrap();
        assert!(millis.p50 <= millis.p99);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}
