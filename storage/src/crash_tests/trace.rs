//! Reads what strace wrote about one process: the changes it made to files below a directory, in order.

use std::collections::HashMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

/// The system calls that change files, and those needed to know where.
pub(super) const CALLS: &str = "open,openat,creat,close,dup,fcntl,lseek,read,write,pwrite64,writev,\
    pwritev,pwritev2,truncate,ftruncate,fallocate,copy_file_range,sendfile,rename,renameat,renameat2,\
    link,linkat,symlink,symlinkat,unlink,unlinkat,mkdir,mkdirat,rmdir,fsync,fdatasync,msync";

/// One change, in the order in which the calls ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Event {
    /// Opened for writing; made if it was not there.
    Open {
        path: PathBuf,
        truncates: bool,
    },
    Write {
        path: PathBuf,
        offset: u64,
        bytes: Vec<u8>,
    },
    SetLength {
        path: PathBuf,
        length: u64,
    },
    MakeDir(PathBuf),
    Rename {
        from: PathBuf,
        to: PathBuf,
    },
    /// A file or an empty directory.
    Remove(PathBuf),
    /// Ended well. Covers what was done before event number `begun`, and nothing later.
    Sync {
        path: PathBuf,
        begun: usize,
    },
    /// What the process wrote into the file of marks: not part of what is tested.
    Mark(String),
}

/// Reads a log of `strace -f -y -xx`. Changes outside of `root` are left out, apart from what is
/// written to `marks`.
pub(super) fn read(log: &str, root: &Path, marks: &Path) -> Vec<Event> {
    let mut reader = Reader {
        root,
        marks,
        files: HashMap::new(),
        events: Vec::new(),
    };
    // By thread: the first half of a call that others interrupted, and what was there by then.
    let mut begun: HashMap<&str, (String, usize)> = HashMap::new();
    for line in log.lines() {
        let (thread, call) = line.split_once(' ').unwrap();
        let call = call.trim_start();
        if call.starts_with("+++") || call.starts_with("---") {
            continue;
        }
        let now = reader.events.len();
        if let Some(half) = call.strip_suffix("<unfinished ...>") {
            begun.insert(thread, (half.trim_end().to_owned(), now));
        } else if let Some(rest) = call.strip_prefix("<... ") {
            let (half, since) = begun.remove(thread).unwrap();
            let (_, rest) = rest.split_once("resumed>").unwrap();
            reader.call(&(half + rest), since);
        } else {
            reader.call(call, now);
        }
    }
    reader.events
}

struct Reader<'a> {
    root: &'a Path,
    marks: &'a Path,
    /// Where the next read or write of an open file begins.
    files: HashMap<u32, u64>,
    events: Vec<Event>,
}

impl Reader<'_> {
    fn call(&mut self, text: &str, begun: usize) {
        let (call, result) = text.rsplit_once(" = ").unwrap_or_else(|| panic!("{text}"));
        if result.starts_with(['-', '?']) {
            return;
        }
        let (name, arguments) = call.trim_end().split_once('(').unwrap();
        let arguments = arguments.strip_suffix(')').unwrap();
        let arguments: Vec<&str> = arguments.split(", ").collect();
        let number = || -> u64 { result.split(['<', ' ']).next().unwrap().parse().unwrap() };
        match name {
            "open" => self.open(&arguments[..], path(arguments[0]), number()),
            "openat" => self.open(&arguments[1..], at(arguments[0], arguments[1]), number()),
            "close" => {
                self.files.remove(&descriptor(arguments[0]));
            }
            "lseek" => {
                self.files.insert(descriptor(arguments[0]), number());
            }
            "read" => self.advance(descriptor(arguments[0]), number()),
            "write" | "writev" => {
                let file = descriptor(arguments[0]);
                let offset = self.files.get(&file).copied().unwrap_or(0);
                self.write(arguments[0], offset, &arguments[1..], number());
                self.advance(file, number());
            }
            "pwrite64" => {
                let offset = arguments[3].parse().unwrap();
                self.write(arguments[0], offset, &arguments[1..2], number());
            }
            "truncate" => self.set_length(path(arguments[0]), arguments[1]),
            "ftruncate" => {
                if let Some(path) = opened(arguments[0]) {
                    self.set_length(path, arguments[1]);
                }
            }
            "mkdir" => self.push(Event::MakeDir(path(arguments[0]))),
            "mkdirat" => self.push(Event::MakeDir(at(arguments[0], arguments[1]))),
            "rename" => self.rename(path(arguments[0]), path(arguments[1])),
            "renameat" | "renameat2" => self.rename(
                at(arguments[0], arguments[1]),
                at(arguments[2], arguments[3]),
            ),
            "unlink" | "rmdir" => self.push(Event::Remove(path(arguments[0]))),
            "unlinkat" => self.push(Event::Remove(at(arguments[0], arguments[1]))),
            "fsync" | "fdatasync" => {
                if let Some(path) = opened(arguments[0]) {
                    self.push(Event::Sync { path, begun });
                }
            }
            _ => self.refuse(text),
        }
    }

    /// A call that this cannot follow must not be about the files under test.
    fn refuse(&self, text: &str) {
        let is_harmless = ["F_GETFL", "F_SETFL", "F_GETFD", "F_SETFD", "LCK"]
            .iter()
            .any(|word| text.contains(word));
        let root: String = self.root.to_str().unwrap().bytes().map(hex).collect();
        assert!(is_harmless || !text.contains(&root), "cannot follow {text}");
    }

    /// `arguments` begin with the path and go on with the flags.
    fn open(&mut self, arguments: &[&str], path: PathBuf, descriptor: u64) {
        let flags = arguments[1];
        self.files.insert(u32::try_from(descriptor).unwrap(), 0);
        assert!(!flags.contains("O_APPEND") || !path.starts_with(self.root));
        if flags.contains("O_WRONLY") || flags.contains("O_RDWR") {
            let truncates = flags.contains("O_TRUNC");
            self.push(Event::Open { path, truncates });
        }
    }

    fn advance(&mut self, descriptor: u32, count: u64) {
        *self.files.entry(descriptor).or_default() += count;
    }

    /// `written` may be less than what the arguments hold.
    fn write(&mut self, file: &str, offset: u64, arguments: &[&str], written: u64) {
        let Some(path) = opened(file) else { return };
        let is_mark = path == self.marks;
        if !is_mark && !path.starts_with(self.root) {
            return;
        }
        let mut bytes: Vec<u8> = arguments.iter().flat_map(|it| texts(it)).collect();
        assert!(bytes.len() as u64 >= written, "strace left out bytes");
        bytes.truncate(usize::try_from(written).unwrap());
        if is_mark {
            let text = String::from_utf8(bytes).unwrap();
            self.events.push(Event::Mark(text));
        } else {
            self.push(Event::Write {
                path,
                offset,
                bytes,
            });
        }
    }

    fn set_length(&mut self, path: PathBuf, length: &str) {
        let length = length.parse().unwrap();
        self.push(Event::SetLength { path, length });
    }

    fn rename(&mut self, from: PathBuf, to: PathBuf) {
        assert_eq!(from.starts_with(self.root), to.starts_with(self.root));
        self.push(Event::Rename { from, to });
    }

    fn push(&mut self, event: Event) {
        let path = match &event {
            Event::Open { path, .. }
            | Event::Write { path, .. }
            | Event::SetLength { path, .. }
            | Event::Sync { path, .. } => path,
            Event::MakeDir(path) | Event::Remove(path) | Event::Rename { from: path, .. } => path,
            Event::Mark(_) => return self.events.push(event),
        };
        if path.starts_with(self.root) {
            self.events.push(event);
        }
    }
}

fn hex(byte: u8) -> String {
    format!("\\x{byte:02x}")
}

/// The bytes of what strace writes as `\x2f\x74...`.
fn unescape(text: &str) -> Vec<u8> {
    let pairs = text.split("\\x").skip(1);
    pairs
        .map(|pair| u8::from_str_radix(pair, 16).unwrap_or_else(|_| panic!("{text}")))
        .collect()
}

/// All bytes between quotes.
fn texts(argument: &str) -> Vec<u8> {
    let quoted = argument.split('"').skip(1).step_by(2);
    quoted.flat_map(unescape).collect()
}

fn path(argument: &str) -> PathBuf {
    PathBuf::from(OsString::from_vec(texts(argument)))
}

/// The path of a name that is given with the open directory it is in.
fn at(dir: &str, name: &str) -> PathBuf {
    opened(dir).unwrap_or_default().join(path(name))
}

fn descriptor(argument: &str) -> u32 {
    argument.split('<').next().unwrap().parse().unwrap()
}

/// The path of an open file; none of one that has no name any more.
fn opened(argument: &str) -> Option<PathBuf> {
    let (_, name) = argument.split_once('<')?;
    let name = name.strip_suffix('>')?;
    Some(PathBuf::from(OsString::from_vec(unescape(name))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escape(text: &str) -> String {
        text.bytes().map(hex).collect()
    }

    #[test]
    fn calls_become_events_in_the_order_of_their_ends_and_syncs_cover_what_was_there_at_their_begin()
     {
        let [a, b, m, other] = ["/d/a", "/d/b", "/m", "/e/x"].map(escape);
        let log = format!(
            "7 openat(AT_FDCWD<{other}>, \"{a}\", O_WRONLY|O_CREAT, 0666) = 3<{a}>\n\
             7 write(3<{a}>, \"{other}\", 4) = 3\n\
             7 fdatasync(3<{a}> <unfinished ...>\n\
             8 write(3<{a}>, \"{m}\", 2) = 2\n\
             8 write(4<{m}>, \"{m}\", 2) = 2\n\
             7 <... fdatasync resumed>) = 0\n\
             7 fsync(3<{a}>) = -1 EIO (Input/output error)\n\
             8 rename(\"{a}\", \"{b}\") = 0\n\
             8 unlink(\"{other}\") = 0\n\
             8 write(3<{b}>(deleted), \"{m}\", 2) = 2\n\
             8 +++ killed by SIGKILL +++\n"
        );
        let path = |text: &str| PathBuf::from(text);
        let expected = [
            Event::Open {
                path: path("/d/a"),
                truncates: false,
            },
            Event::Write {
                path: path("/d/a"),
                offset: 0,
                bytes: b"/e/".to_vec(),
            },
            Event::Write {
                path: path("/d/a"),
                offset: 3,
                bytes: b"/m".to_vec(),
            },
            Event::Mark("/m".to_owned()),
            Event::Sync {
                path: path("/d/a"),
                begun: 2,
            },
            Event::Rename {
                from: path("/d/a"),
                to: path("/d/b"),
            },
        ];
        assert_eq!(read(&log, Path::new("/d"), Path::new("/m")), expected);
    }
}
