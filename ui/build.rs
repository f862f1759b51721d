//! Says when the committed bundle is older than its sources. It never builds the bundle: cargo does not run npm.

use std::path::{Path, PathBuf};
use std::{fs, io};

/// What the bundle is made from, relative to `ui/web`; `web/dev/source-hash.mjs` has the same lists.
const FILES: [&str; 4] = [
    "index.html",
    "package-lock.json",
    "package.json",
    "vite.config.ts",
];
const FOLDERS: [&str; 2] = ["public", "src"];

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=dist");
    for name in FILES.iter().chain(&FOLDERS) {
        println!("cargo::rerun-if-changed=web/{name}");
    }
    let built_from = fs::read_to_string("dist/.source-hash").unwrap_or_default();
    // A packaged copy may come without the sources; then there is nothing to compare with.
    if Path::new("web/src").is_dir() && built_from.trim() != source_hash(Path::new("web"))? {
        println!("cargo::warning=UI bundle is older than ui/web; run `npm run build` there");
    }
    Ok(())
}

/// FNV-1a, 64 bits, over the sorted paths and contents.
fn source_hash(root: &Path) -> io::Result<String> {
    let mut paths: Vec<String> = FILES.iter().map(ToString::to_string).collect();
    for folder in FOLDERS {
        walk(root, Path::new(folder), &mut paths)?;
    }
    paths.sort_unstable();
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut feed = |bytes: &[u8]| {
        for byte in bytes {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    for path in paths {
        feed(path.as_bytes());
        feed(&[0]);
        feed(&fs::read(root.join(&path))?);
        feed(&[0]);
    }
    Ok(format!("{hash:016x}"))
}

fn walk(root: &Path, folder: &Path, paths: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(root.join(folder))? {
        let entry = entry?;
        let path: PathBuf = folder.join(entry.file_name());
        let name = path.to_string_lossy().replace('\\', "/");
        if entry.file_type()?.is_dir() {
            walk(root, &path, paths)?;
        } else if !name.ends_with(".test.ts") {
            paths.push(name);
        }
    }
    Ok(())
}
