//! A disk of a few megabytes that the server under test has to itself, in a mount namespace of its own.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// A disk that exists for as long as this does.
pub(crate) struct SmallDisk {
    // Holds the namespace in which the disk is mounted.
    holder: Child,
    id: u32,
    mounted_on: PathBuf,
}

/// What others have on the disk.
const OTHERS_DIR: &str = "others";

impl SmallDisk {
    /// Mounts it on a directory; `Err` says why that is not permitted here.
    pub(crate) async fn mount(on: &Path, megabytes: u32) -> Result<Self, String> {
        fs::create_dir_all(on).unwrap();
        let script = format!(
            "mount -t tmpfs -o size={megabytes}m tmpfs \"$0\" && mkdir \"$0/{OTHERS_DIR}\" && echo mounted && exec cat"
        );
        let mut command = Command::new("unshare");
        command.args(["-rm", "sh", "-c", &script]).arg(on);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        command.stderr(Stdio::null()).kill_on_drop(true);
        let mut holder = command.spawn().map_err(|error| error.to_string())?;
        let mut lines = BufReader::new(holder.stdout.take().unwrap()).lines();
        match lines.next_line().await {
            Ok(Some(line)) if line == "mounted" => {}
            _ => return Err("no mount namespace can be made here".to_owned()),
        }
        let id = holder.id().ok_or("the namespace is gone")?;
        let mounted_on = on.to_path_buf();
        Ok(Self {
            holder,
            id,
            mounted_on,
        })
    }

    /// What comes before a command that is to see the disk.
    pub(crate) fn launcher(&self) -> Vec<String> {
        assert!(self.holder.id().is_some(), "the namespace is held");
        let id = self.id.to_string();
        let words = ["nsenter", "--preserve-credentials", "-U", "-m", "-t", &id];
        words.map(str::to_owned).to_vec()
    }

    /// The directory of the disk, seen from here.
    fn seen_from_here(&self) -> PathBuf {
        let relative = self.mounted_on.strip_prefix("/").unwrap();
        PathBuf::from(format!("/proc/{}/root", self.id)).join(relative)
    }

    /// Somebody else takes what is left of it, to the last byte.
    pub(crate) fn fill(&self) {
        let path = self.seen_from_here().join(OTHERS_DIR).join("filler");
        let mut file = fs::File::options()
            .create(true)
            .append(true)
            .open(path)
            .unwrap();
        for bytes in [vec![1; 64 << 10], vec![1; 1]] {
            while file.write_all(&bytes).is_ok() {}
        }
    }

    /// And gives it back.
    pub(crate) fn free(&self) {
        fs::remove_file(self.seen_from_here().join(OTHERS_DIR).join("filler")).unwrap();
    }
}
